"""S3's objects."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.embedded.provider.call import Call, ResourceError, found, ignoring, tag_list, tag_map
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values
from orchestrator.embedded.provider.s3 import GONE

_GONE = (*GONE, "NoSuchKey")


def _split(resource_id: str) -> tuple[str, str]:
    bucket, _, key = resource_id.partition("/")
    return bucket, key


def _create(call: Call, news: Values) -> str:
    bucket, key = news["bucket"], news["key"]
    _put(call, news)
    return call.created(f"{bucket}/{key}")


def _put(call: Call, news: Values) -> None:
    try:
        content = Path(news["source"].path).read_bytes()
    except OSError as error:
        raise ResourceError(f"cannot read {news['source'].path}: {error.strerror}") from error
    given = {"ContentType": news["contentType"]} if "contentType" in news else {}
    s3 = call.client("s3")
    s3.put_object(Bucket=news["bucket"], Key=news["key"], Body=content, **given)
    if news.get("tags"):
        s3.put_object_tagging(Bucket=news["bucket"], Key=news["key"], Tagging={"TagSet": tag_list(news["tags"])})


def _read(call: Call, resource_id: str, state: Values) -> Values | None:
    s3, (bucket, key) = call.client("s3"), _split(resource_id)
    head: Any = found(_GONE, lambda: s3.head_object(Bucket=bucket, Key=key))
    if head is None:
        return None
    return {
        "bucket": bucket,
        "key": key,
        "source": state.get("source"),
        "contentType": head.get("ContentType"),
        "etag": head["ETag"].strip('"'),
        "versionId": head.get("VersionId", ""),
        "arn": f"arn:aws:s3:::{bucket}/{key}",
        "tags": tag_map(s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]),
    }


def _update(call: Call, resource_id: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    if changed - {"tags"}:
        _put(call, news)
        return
    bucket, key = _split(resource_id)
    tags = {"TagSet": tag_list(news.get("tags"))}
    call.client("s3").put_object_tagging(Bucket=bucket, Key=key, Tagging=tags)


def _delete(call: Call, resource_id: str, state: Values) -> None:
    """Delete every version: a delete marker alone would keep the content."""
    s3, (bucket, key) = call.client("s3"), _split(resource_id)
    with ignoring(*_GONE):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                if item["Key"] == key:
                    s3.delete_object(Bucket=bucket, Key=key, VersionId=item["VersionId"])


TYPES = (
    ResourceType(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        (
            Field("bucket", required=True, replace=True),
            Field("key", required=True, replace=True),
            Field("source", required=True),
            Field("contentType"),
            TAGS,
        ),
        _create,
        _read,
        _delete,
        _update,
    ),
)
