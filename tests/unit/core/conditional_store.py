"""S3 as far as the ledger needs it, in memory: conditional requests, delete markers, and faults on demand."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError


def refusal(operation: str, code: str, status: int) -> ClientError:
    metadata = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": code}, "ResponseMetadata": metadata}, operation)


class ConditionalStore:
    """A boto3 S3 client of one bucket.

    Attributes:
        objects: bodies by key.
        owner: the account that `ExpectedBucketOwner` must name.
        conflicts: how many of the next writes answer 409 although nothing is wrong.
        lost_answers: how many of the next writes are done and then answer 412, as the SDK's own second try of a
            write whose answer was lost does.
    """

    def __init__(self, owner: str = "123456789012") -> None:
        self.objects: dict[str, bytes] = {}
        self.owner = owner
        self.conflicts = 0
        self.lost_answers = 0
        self.requests: list[tuple[str, str]] = []
        self._lock = threading.RLock()

    @staticmethod
    def _etag(body: bytes) -> str:
        return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'

    def _begin(self, operation: str, options: dict[str, Any]) -> None:
        self.requests.append((operation, options.get("Key", "")))
        if options.get("ExpectedBucketOwner", self.owner) != self.owner:
            raise refusal(operation, "AccessDenied", 403)

    def _conditions(self, operation: str, key: str, options: dict[str, Any]) -> None:
        if self.conflicts and {"IfMatch", "IfNoneMatch"} & options.keys():
            self.conflicts -= 1
            raise refusal(operation, "ConditionalRequestConflict", 409)
        if options.get("IfNoneMatch") == "*" and key in self.objects:
            raise refusal(operation, "PreconditionFailed", 412)
        wanted = options.get("IfMatch")
        if wanted is not None and key not in self.objects:
            raise refusal(operation, "NoSuchKey", 404)
        if wanted is not None and wanted != self._etag(self.objects[key]):
            raise refusal(operation, "PreconditionFailed", 412)

    def put_object(self, **options: Any) -> dict[str, Any]:
        with self._lock:
            self._begin("PutObject", options)
            self._conditions("PutObject", options["Key"], options)
            self.objects[options["Key"]] = options["Body"]
            if self.lost_answers:
                self.lost_answers -= 1
                raise refusal("PutObject", "PreconditionFailed", 412)
            return {"ETag": self._etag(options["Body"])}

    def get_object(self, **options: Any) -> dict[str, Any]:
        with self._lock:
            self._begin("GetObject", options)
            if options["Key"] not in self.objects:
                raise refusal("GetObject", "NoSuchKey", 404)
            body = self.objects[options["Key"]]
            return {"Body": io.BytesIO(body), "ETag": self._etag(body)}

    def delete_object(self, **options: Any) -> dict[str, Any]:
        with self._lock:
            self._begin("DeleteObject", options)
            self._conditions("DeleteObject", options["Key"], options)
            self.objects.pop(options["Key"], None)
            return {}

    def get_paginator(self, operation: str) -> ConditionalStore:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **options: Any) -> Iterator[dict[str, Any]]:
        self._begin("ListObjectsV2", options)
        keys = sorted(key for key in self.objects if key.startswith(options["Prefix"]))
        for begin in range(0, len(keys), 2):  # small pages, so that paging is exercised
            yield {"Contents": [{"Key": key} for key in keys[begin : begin + 2]]}
        if not keys:
            yield {}
