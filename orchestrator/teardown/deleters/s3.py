"""Amazon S3: a bucket goes once it is empty: of every version, every delete marker and every unfinished upload.

DeleteBucket and DeleteObjects, Amazon S3 API Reference. What Object Lock retains stays until its date, whoever asks
("Locking objects with Object Lock", Amazon S3 User Guide): governance mode could be bypassed, but somebody chose it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from orchestrator import tags
from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import Deleter, RefusedError, Work, error_code, found_or_none, short, tag_map
from orchestrator.teardown.found import Found


def _tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    bucket = short(item.identifier)
    try:
        answer = session.client("s3").get_bucket_tagging(Bucket=bucket)
    except Exception as error:
        code = error_code(error)
        if code == "NoSuchTagSet" and _begun(session, item, bucket):
            return {tags.LEASE: item.lease}
        if code in ("NoSuchTagSet", "NoSuchBucket"):
            return {}
        raise
    return tag_map(answer["TagSet"])


def _begun(session: AwsSession, item: Found, bucket: str) -> bool:
    """Tell whether a bucket is one that the stack had begun: tags come with a second request, which a kill prevents.

    It has the very name that the stack gives (`stacks.bucket`: the lease's id and the account's number) and has never
    held anything.
    """
    if not item.lease or bucket != f"ephk-{item.lease}-{session.cloud.account_id}":
        return False
    return next(_contents(session.client("s3"), bucket), None) is None


def _contents(s3: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    """Yield what is to be deleted: versions and delete markers, a thousand at a time."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if entries:
            yield [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]


def _empty(s3: Any, bucket: str) -> list[dict[str, str]]:
    """Delete everything in a bucket; returns what S3 refused to delete."""
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            arguments = {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
            found_or_none(lambda arguments=arguments: s3.abort_multipart_upload(**arguments))  # type: ignore[misc]
    refused: list[dict[str, str]] = []
    for objects in _contents(s3, bucket):
        version_of = {entry["Key"]: entry["VersionId"] for entry in objects}
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        refused += [{"VersionId": version_of[error["Key"]], **error} for error in answer.get("Errors", [])]
    return refused


def _why(s3: Any, bucket: str, refused: list[dict[str, str]]) -> str:
    """Say why objects stay: retained until when, or what S3 said."""
    first = refused[0]
    named = f"{len(refused)} object versions cannot be deleted, the first is {first['Key']}"
    with contextlib.suppress(ClientError):  # not readable: S3's own words will do
        head = s3.head_object(Bucket=bucket, Key=first["Key"], VersionId=first["VersionId"])
        if head.get("ObjectLockRetainUntilDate"):
            until = f"{head['ObjectLockRetainUntilDate']:%Y-%m-%d}"
            return f"{named}: Object Lock ({head['ObjectLockMode']}) retains it until {until}"
        if head.get("ObjectLockLegalHoldStatus") == "ON":
            return f"{named}: a legal hold is on it"
    return f"{named}: {first.get('Code', '?')}: {first.get('Message', '')}"


def _delete(work: Work, item: Found) -> None:
    s3, bucket = work.client("s3"), short(item.identifier)

    def attempt() -> None:
        """Empty and delete; whoever still writes (a connector that ends) makes another attempt worth while."""
        refused = _empty(s3, bucket)
        if refused:
            raise RefusedError(_why(s3, bucket, refused))
        s3.delete_bucket(Bucket=bucket)

    work.retrying(attempt)


DELETERS = (Deleter("s3:bucket", _delete, _tags, ("kafka:cluster", "ec2:vpc-flow-log")),)
