"""Another environment's bucket and secret, for roles to be refused: made for a run, removed after it.

They exist and hold something, since a refusal of what is not there proves nothing on AWS. They belong to no lease, and
their lease tag says so: what a killed run leaves behind is found by its tag and by its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contracts.access import Access
from contracts.model import ProbeError, Watch
from orchestrator import tags
from orchestrator.aws import AwsSession

_OBJECT = "foreign"


@dataclass(frozen=True)
class Decoys:
    """What belongs to somebody else.

    Attributes:
        bucket: a bucket's name.
        key: an object in it.
        secret_arn: a secret with a value.
    """

    bucket: str
    key: str
    secret_arn: str


def prefix(lease_id: str) -> str:
    """Return the beginning of the names: it leads from the lease to its decoys and does not contain the lease's id.

    A policy that goes by the lease's id must not cover them.
    """
    return f"ephk-decoy-{hashlib.sha256(lease_id.encode()).hexdigest()[:10]}-"


def ensure(access: Access, watch: Watch) -> Decoys:
    """Make the decoys, once in a run; they go when the access is closed.

    Raises:
        ProbeError: the verifying session may not make them.
    """

    def make() -> Decoys:
        try:
            return _make(access, watch)
        except ClientError as error:
            raise ProbeError(
                f"{watch.waiting_for} failed: {error.response['Error']['Code']}; without something that is somebody "
                "else's a refusal proves nothing (the verifying session needs to create buckets and secrets named "
                "ephk-decoy-*)"
            ) from error

    return access.once("decoys", make, watch)


def _make(access: Access, watch: Watch) -> Decoys:
    name = prefix(access.environment.lease_id) + secrets.token_hex(4)
    foreign = {**access.environment.tags, tags.LEASE: name, tags.ENVIRONMENT: "decoy"}
    tag_set = [{"Key": key, "Value": value} for key, value in foreign.items()]
    access.on_close(lambda: remove(access.session, access.environment.lease_id, only=name))
    watch.waiting("another environment's bucket to be made")
    s3 = access.client("s3")
    region = access.environment.cloud.region
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_set})
    s3.put_object(Bucket=name, Key=_OBJECT, Body=b"somebody else's")
    watch.waiting("another environment's secret to be made")
    value = secrets.token_hex(8)
    access.credentials.secret_values.add(value)
    made = access.client("secretsmanager").create_secret(Name=name, SecretString=value, Tags=tag_set)
    return Decoys(name, _OBJECT, made["ARN"])


def remove(session: AwsSession, lease_id: str, *, only: str | None = None) -> list[tuple[str, str]]:
    """Remove the decoys of one run (`only`), or of every run of a lease; returns (kind, name) of what was removed.

    What cannot be asked or removed is left: its tag belongs to no lease, so that a search for orphans finds it.
    """
    wanted = only or prefix(lease_id)
    removed: list[tuple[str, str]] = []
    with contextlib.suppress(ClientError, BotoCoreError):
        for name in _buckets(session, wanted):
            _empty(session.client("s3"), name)
            session.client("s3").delete_bucket(Bucket=name)
            removed.append(("aws:s3/bucket:Bucket", name))
    with contextlib.suppress(ClientError, BotoCoreError):
        manager = session.client("secretsmanager")
        for secret in manager.list_secrets(Filters=[{"Key": "name", "Values": [wanted]}])["SecretList"]:
            manager.delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)
            removed.append(("aws:secretsmanager/secret:Secret", secret["Name"]))
    return removed


def _buckets(session: AwsSession, wanted: str) -> Iterator[str]:
    for bucket in session.client("s3").list_buckets()["Buckets"]:
        if bucket["Name"].startswith(wanted):
            yield bucket["Name"]


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=found["Key"])
