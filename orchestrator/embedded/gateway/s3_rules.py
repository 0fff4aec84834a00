"""What S3 authorizes: which action on which resource an operation is, and what makes a policy or an ACL public.

Sources: "Required permissions for Amazon S3 API operations", "Blocking public access to your Amazon S3 storage" and
"Amazon S3 policy condition keys" (Amazon S3 User Guide).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from orchestrator.embedded.gateway.http import HttpRequest

#: Operations whose action has another name, or whose resource is not what their labels suggest.
_ACTIONS = {
    "HeadObject": "GetObject",
    "GetObjectTorrent": "GetObject",
    "SelectObjectContent": "GetObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "ListParts": "ListMultipartUploadParts",
    "DeleteObjects": "DeleteObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListBuckets": "ListAllMyBuckets",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
}
_OF_VERSIONS = frozenset({"GetObject", "DeleteObject", "GetObjectAcl", "PutObjectAcl", "GetObjectTagging"})
#: What the root of an account may do even when a bucket policy denies it, or nobody could undo a mistake.
POLICY_MANAGEMENT = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})

_PUBLIC_ACLS = frozenset({"public-read", "public-read-write", "authenticated-read"})
_PUBLIC_GROUPS = ("acs.amazonaws.com/groups/global/AllUsers", "acs.amazonaws.com/groups/global/AuthenticatedUsers")
#: Condition keys that, with a fixed value, make a statement non-public.
_NARROWING_KEYS = frozenset(
    {
        "aws:sourceip",
        "aws:sourcearn",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:sourceowner",
        "aws:sourceaccount",
        "aws:userid",
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:dataaccesspointarn",
        "s3:dataaccesspointaccount",
    }
)
_NARROWING_OPERATORS = ("stringequals", "stringlike", "arnequals", "arnlike", "ipaddress")


def action_of(operation: str, query: Mapping[str, str]) -> str:
    """Return the IAM action of an operation, with the variant for a named version."""
    name = _ACTIONS.get(operation, operation)
    if name in _OF_VERSIONS and "versionId" in query:
        name = name.replace("Object", "ObjectVersion", 1)
    return f"s3:{name}"


def resource_of(labels: Mapping[str, str]) -> str:
    """Return the ARN of the bucket or object that the path names."""
    bucket, key = labels.get("Bucket", ""), labels.get("Key", "")
    if not bucket:
        return "*"
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def needed(operation: str, labels: Mapping[str, str], request: HttpRequest) -> list[tuple[str, str]]:
    """Return every (action, resource) that an operation needs: one, but for copies and bulk deletions."""
    action, resource = action_of(operation, request.query), resource_of(labels)
    if operation == "DeleteObjects":
        return [(action, f"{resource}/{key}") for key in _keys_to_delete(request.body)]
    pairs = [(action, resource)]
    source = request.headers.get("x-amz-copy-source")
    if operation in {"CopyObject", "UploadPartCopy"} and source:
        path, _, version = unquote(source).lstrip("/").partition("?versionId=")
        pairs.append(("s3:GetObjectVersion" if version else "s3:GetObject", f"arn:aws:s3:::{path}"))
    return pairs


def _keys_to_delete(body: bytes) -> list[str]:
    import xmltodict  # type: ignore[import-untyped]

    try:
        objects = xmltodict.parse(body)["Delete"].get("Object", [])
        return [str(entry["Key"]) for entry in (objects if isinstance(objects, list) else [objects])]
    except Exception:  # noqa: BLE001 - S3 itself answers MalformedXML; nothing is deleted
        return []


def condition_keys(request: HttpRequest) -> dict[str, str]:
    """Return S3's own condition keys of a request."""
    keys = {"s3:authType": "REST-HEADER" if "authorization" in request.headers else "REST-QUERY-STRING"}
    for name in ("prefix", "delimiter", "max-keys"):
        if name in request.query:
            keys[f"s3:{name}"] = request.query[name]
    if "versionId" in request.query:
        keys["s3:VersionId"] = request.query["versionId"]
    for name, value in request.headers.items():
        if name.startswith(("x-amz-server-side-encryption", "x-amz-acl", "x-amz-storage-class", "x-amz-grant-")):
            keys[f"s3:{name}"] = value
    return keys


def is_public_policy(text: str | bytes) -> bool:
    """Tell whether a bucket policy is public: an Allow for everybody that no fixed value narrows."""
    try:
        statements = json.loads(text).get("Statement") or []
    except (ValueError, AttributeError, RecursionError):
        return False
    statements = [statements] if isinstance(statements, dict) else statements
    return any(
        statement.get("Effect") == "Allow" and _for_everybody(statement) and not _narrowed(statement)
        for statement in statements
        if isinstance(statement, dict)
    )


def _for_everybody(statement: Mapping[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    values = list(principal.values()) if isinstance(principal, dict) else [principal]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return "*" in flat


def _narrowed(statement: Mapping[str, Any]) -> bool:
    conditions = statement.get("Condition")
    for operator, tests in conditions.items() if isinstance(conditions, dict) else ():
        base = str(operator).lower().rpartition(":")[2]
        if base not in _NARROWING_OPERATORS or not isinstance(tests, dict):
            continue
        for key, value in tests.items():
            values = [str(item) for item in (value if isinstance(value, list) else [value])]
            if str(key).lower() in _NARROWING_KEYS and values and not any(_wide(item) for item in values):
                return True
    return False


def _wide(value: str) -> bool:
    """Tell whether a value stands for too much: a wildcard, a variable, or a network larger than a /8."""
    if any(mark in value for mark in "*?$"):
        return True
    address, _, bits = value.partition("/")
    return bits.isdigit() and int(bits) < (32 if ":" in address else 8)


def asks_for_public_acl(request: HttpRequest) -> bool:
    """Tell whether a request would set an ACL that lets everybody in."""
    if request.headers.get("x-amz-acl") in _PUBLIC_ACLS:
        return True
    grants = " ".join(value for name, value in request.headers.items() if name.startswith("x-amz-grant-"))
    text = grants + (request.body.decode("utf-8", "replace") if "acl" in request.query else "")
    return any(group in text for group in _PUBLIC_GROUPS)
