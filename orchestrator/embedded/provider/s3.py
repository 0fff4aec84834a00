"""S3's buckets; what is configured on a bucket is in `s3_settings`."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from typing import Any

from orchestrator.embedded.provider.call import Call, ResourceError, error_code, found, ignoring, tag_list, tag_map
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values

GONE = ("NoSuchBucket", "404", "NotFound")


def _create_bucket(call: Call, news: Values) -> str:
    s3, name = call.client("s3"), news["bucket"]
    # us-east-1 is the one region that must not be named ("CreateBucket", Amazon S3 API Reference).
    where = {} if call.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": call.region}}
    s3.create_bucket(Bucket=name, **where)
    call.created(name)
    if news.get("tags"):
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list(news["tags"])})
    return str(name)


def _read_bucket(call: Call, name: str, state: Values) -> Values | None:
    s3 = call.client("s3")
    if found(GONE, lambda: s3.head_bucket(Bucket=name)) is None:
        return None
    tagging = found(["NoSuchTagSet"], lambda: s3.get_bucket_tagging(Bucket=name))
    return {
        "bucket": name,
        "arn": f"arn:aws:s3:::{name}",
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{name}.s3.{call.region}.amazonaws.com",
        "bucketRegion": call.region,
        "tags": tag_map(tagging["TagSet"] if tagging else ()),
    }


def _update_bucket(call: Call, name: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    if "tags" not in changed:
        return
    if news.get("tags"):
        call.client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list(news["tags"])})
    else:
        call.client("s3").delete_bucket_tagging(Bucket=name)


def _delete_bucket(call: Call, name: str, state: Values) -> None:
    s3 = call.client("s3")
    try:
        s3.delete_bucket(Bucket=name)
    except s3.exceptions.ClientError as error:
        if error_code(error) in GONE:
            return
        if error_code(error) != "BucketNotEmpty" or not state.get("forceDestroy"):
            raise
    else:
        return
    with ignoring(*GONE):
        _empty(s3, name)
        s3.delete_bucket(Bucket=name)


def _empty(s3: Any, name: str) -> None:
    """Delete every version of every object, every delete marker and every unfinished upload."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        doomed = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        ]
        if not doomed:
            continue
        answer = s3.delete_objects(Bucket=name, Delete={"Objects": doomed, "Quiet": True})
        if answer.get("Errors"):
            first = answer["Errors"][0]
            raise ResourceError(f"cannot delete {first.get('Key')} from {name}: {first.get('Code')}")
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
        for upload in page.get("Uploads", ()):
            s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])


TYPES = (
    ResourceType(
        "aws:s3/bucket:Bucket",
        (Field("bucket", required=True, replace=True), Field("forceDestroy", local=True), TAGS),
        _create_bucket,
        _read_bucket,
        _delete_bucket,
        _update_bucket,
    ),
)
