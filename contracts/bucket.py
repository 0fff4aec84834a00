"""The bucket: encrypted with the environment's key, closed to the public, TLS only, and it works.

Every probe writes an object of its own below `ephk-probe/` and deletes that very version.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from contracts.access import Access
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from orchestrator.environment import Bucket, CloudEndpoint

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_REFUSED = ("AccessDenied",)


def bucket_of(access: Access) -> Bucket:
    """Return the environment's bucket; raises ProbeError when there is none."""
    bucket = access.environment.bucket
    if bucket is None:
        raise ProbeError("the environment has no bucket")
    return bucket


@contextlib.contextmanager
def probe_object(access: Access, body: bytes, watch: Watch) -> Iterator[tuple[str, dict[str, Any]]]:
    """Put an object with no encryption header of its own; yield (key, answer) and delete its version."""
    s3, name = access.client("s3"), bucket_of(access).name
    key = f"ephk-probe/{uuid.uuid4().hex}"
    watch.waiting(f"bucket {name} to take an object")
    answer = s3.put_object(Bucket=name, Key=key, Body=body)
    try:
        yield key, answer
    finally:
        version = answer.get("VersionId")
        s3.delete_object(Bucket=name, Key=key, **({"VersionId": version} if version else {}))


def judge_encryption(rules: list[Mapping[str, Any]], head: Mapping[str, Any], key_arn: str) -> Outcome:
    """Judge default encryption rules and what an object that was really put says of itself."""
    defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in rules]
    evidence = {
        "default": [dict(default) for default in defaults],
        "object": {name: head.get(name) for name in ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")},
    }
    if not any(default.get("SSEAlgorithm", "").startswith("aws:kms") for default in defaults):
        return Failed("the bucket does not encrypt with KMS by default", evidence)
    if not str(head.get("ServerSideEncryption", "")).startswith("aws:kms"):
        return Failed(f"an object landed with {head.get('ServerSideEncryption') or 'no'} encryption", evidence)
    if head.get("SSEKMSKeyId") != key_arn:
        return Failed(f"an object was encrypted with {head.get('SSEKMSKeyId')}, not with {key_arn}", evidence)
    return Verified(evidence)


@contract(
    "bucket.encryption",
    title="Objects are encrypted with the environment's key",
    risk="Data at rest is readable by whoever can read the storage, or under a key that nobody controls",
    statement="An object put without any encryption header lands encrypted with the environment's KMS key",
    remediation="Set the bucket's default encryption to aws:kms with the environment's key",
    documentation="Amazon S3 User Guide, Setting default server-side encryption behavior for Amazon S3 buckets",
    needs=("bucket", "writes"),
)
def encryption(access: Access, watch: Watch) -> Outcome:
    """Put an object and ask how it is encrypted."""
    s3, bucket = access.client("s3"), bucket_of(access)
    watch.waiting("the bucket's default encryption")
    try:
        configuration = s3.get_bucket_encryption(Bucket=bucket.name)["ServerSideEncryptionConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ServerSideEncryptionConfigurationNotFoundError":
            raise
        configuration = {"Rules": []}
    with probe_object(access, b"ephk-probe", watch) as (key, _):
        head = s3.head_object(Bucket=bucket.name, Key=key)
    return judge_encryption(configuration["Rules"], head, bucket.kms_key_arn)


def judge_public_access(block: Mapping[str, Any], anonymous: Mapping[str, str]) -> Outcome:
    """Judge the public access block and what a stranger got.

    Args:
        block: the four settings.
        anonymous: the error code that an unsigned request got, by operation; empty means that it succeeded.
    """
    evidence = {"block": {name: block.get(name, False) for name in _BLOCKS}, "anonymous": dict(anonymous)}
    if missing := [name for name in _BLOCKS if block.get(name) is not True]:
        return Failed(f"the public access block lacks {', '.join(missing)}", evidence)
    for operation, code in anonymous.items():
        if not code:
            return Failed(f"a stranger may {operation}", evidence)
    for operation, code in anonymous.items():
        if code not in _REFUSED:
            raise ProbeError(f"a stranger's {operation} was answered {code}, which is no refusal", evidence)
    return Verified(evidence)


@contract(
    "bucket.public-access",
    title="The bucket is closed to the public",
    risk="Anybody on the internet reads or lists the data",
    statement="All four public access blocks are on, and unsigned requests to get and list get AccessDenied",
    remediation="Turn on all four settings of the bucket's public access block",
    documentation="Amazon S3 User Guide, Blocking public access to your Amazon S3 storage",
    needs=("bucket", "writes"),
)
def public_access(access: Access, watch: Watch) -> Outcome:
    """Read the settings, then try as a stranger on an object that exists."""
    s3, bucket = access.client("s3"), bucket_of(access)
    watch.waiting("the bucket's public access block")
    try:
        block = s3.get_public_access_block(Bucket=bucket.name)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        block = {}
    stranger = anonymous(access.environment.cloud)
    with probe_object(access, b"ephk-probe", watch) as (key, _):
        watch.waiting("the bucket to refuse a stranger")
        answers = {
            "get an object": _code(lambda: stranger.get_object(Bucket=bucket.name, Key=key)),
            "list the bucket": _code(lambda: stranger.list_objects_v2(Bucket=bucket.name, MaxKeys=1)),
        }
    return judge_public_access(block, answers)


def anonymous(cloud: CloudEndpoint) -> Any:
    """Return an S3 client that signs nothing, as a stranger would."""
    config = Config(
        signature_version=UNSIGNED,
        retries={"total_max_attempts": 2, "mode": "standard"},
        connect_timeout=5,
        read_timeout=10,
        s3={"addressing_style": "path"} if cloud.endpoint_url else None,
    )
    session = boto3.session.Session(region_name=cloud.region)
    return session.client("s3", endpoint_url=cloud.endpoint_url, verify=cloud.ca_bundle, config=config)


def _code(call: Any) -> str:
    """Return the error code that a call is refused with, or an empty text when it succeeds."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def judge_tls_only(over_https: str, over_http: str) -> Outcome:
    """Judge the same request over HTTPS and over HTTP; the arguments are error codes, empty for success."""
    evidence = {"https": over_https or "succeeded", "http": over_http or "succeeded"}
    if over_https:
        raise ProbeError(f"the request fails over HTTPS as well ({over_https}), so HTTP shows nothing", evidence)
    if not over_http:
        return Failed("the bucket answers plain HTTP", evidence)
    if over_http not in _REFUSED:
        raise ProbeError(f"plain HTTP was answered {over_http}, which is no refusal", evidence)
    return Verified(evidence)


@contract(
    "bucket.tls-only",
    title="The bucket refuses plain HTTP",
    risk="Objects and signatures cross the network in clear",
    statement="The request that succeeds over HTTPS gets AccessDenied over plain HTTP",
    remediation="Deny s3:* when aws:SecureTransport is false, for the bucket and its objects",
    documentation="Amazon S3 User Guide, Security best practices: Enforce encryption of data in transit",
    needs=("bucket", "writes"),
)
def tls_only(access: Access, watch: Watch) -> Outcome:
    """Get one object both ways, with the same identity."""
    bucket = bucket_of(access)
    with probe_object(access, b"ephk-probe", watch) as (key, _):
        watch.waiting("the bucket's answer over plain HTTP")
        over_https = _code(lambda: access.client("s3").get_object(Bucket=bucket.name, Key=key)["Body"].read())
        try:
            plain = access.client("s3", plain_http=True)
            over_http = _code(lambda: plain.get_object(Bucket=bucket.name, Key=key)["Body"].read())
        except ValueError as error:
            raise ProbeError(str(error)) from error
        except HTTPClientError as error:
            raise ProbeError("plain HTTP could not be tried: no answer, which is no refusal") from error
    outcome = judge_tls_only(over_https, over_http)
    return outcome.at(f"arn:aws:s3:::{bucket.name}") if isinstance(outcome, Failed) else outcome


@contract(
    "bucket.round-trip",
    title="What is put can be got",
    risk="Connectors and backups fail although the bucket exists",
    statement="An object that is put comes back byte for byte, is listed, and is gone after its deletion",
    remediation="Check the bucket policy, the key's policy and the caller's permissions on both",
    documentation="Amazon S3 User Guide, Working with objects in Amazon S3",
    needs=("bucket", "writes"),
)
def round_trip(access: Access, watch: Watch) -> Outcome:
    """Put, get, list and delete random bytes."""
    try:
        return _round_trip(access, watch)
    except ClientError as error:
        if (code := str(error.response["Error"]["Code"])) not in _REFUSED:
            raise
        # Who verifies administers the environment: what this identity is refused, a policy denies to everybody.
        return Failed(f"{error.operation_name} is refused: {code}", {"operation": error.operation_name, "code": code})


def _round_trip(access: Access, watch: Watch) -> Outcome:
    s3, bucket, body = access.client("s3"), bucket_of(access), os.urandom(64 * 1024)
    with probe_object(access, body, watch) as (key, answer):
        watch.waiting("the object to come back")
        back = s3.get_object(Bucket=bucket.name, Key=key)["Body"].read()
        listed = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket.name, Prefix=key).get("Contents", [])]
    watch.waiting("the object to be gone")
    versions = s3.list_object_versions(Bucket=bucket.name, Prefix=key)
    left = [v["VersionId"] for kind in ("Versions", "DeleteMarkers") for v in versions.get(kind, [])]
    evidence = {"bytes": len(body), "version": answer.get("VersionId", "none")}
    if back != body:
        return Failed(f"{len(body)} bytes were put, {len(back)} other bytes came back", evidence)
    if listed != [key]:
        return Failed("the object is not listed", evidence)
    if left:
        return Failed("the deleted object is still there", evidence)
    return Verified(evidence)
