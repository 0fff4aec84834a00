"""What S3 authorizes: which action on which resource an operation is, and what makes a policy or an ACL public.

Sources: "Required permissions for Amazon S3 API operations", "Blocking public access to your Amazon S3 storage" and
"Amazon S3 policy condition keys" (Amazon S3 User Guide).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import unquote

from orchestrator.embedded.gateway.http import HttpRequest
from orchestrator.embedded.gateway.service import AwsError

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
#: What a write needs more when it sets an ACL or tags with the object.
_WRITES = frozenset({"CopyObject", "CreateMultipartUpload", "PutObject"})
_ALSO = {
    "x-amz-acl": "s3:PutObjectAcl",
    "x-amz-grant-": "s3:PutObjectAcl",
    "x-amz-tagging": "s3:PutObjectTagging",
}
_OF_VERSIONS = frozenset({"GetObject", "DeleteObject", "GetObjectAcl", "PutObjectAcl", "GetObjectTagging"})
#: What the root of an account may do even when a bucket policy denies it, or nobody could undo a mistake.
POLICY_MANAGEMENT = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})

_PUBLIC_ACLS = frozenset({"public-read", "public-read-write", "authenticated-read"})
_PUBLIC_GROUPS = ("acs.amazonaws.com/groups/global/AllUsers", "acs.amazonaws.com/groups/global/AuthenticatedUsers")


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
        return [
            ("s3:DeleteObjectVersion" if version else "s3:DeleteObject", f"{resource}/{key}")
            for key, version in _to_delete(request.body)
        ]
    pairs = [(action, resource)]
    source = request.headers.get("x-amz-copy-source")
    if operation in {"CopyObject", "UploadPartCopy"} and source:
        path, _, version = unquote(source).lstrip("/").partition("?versionId=")
        pairs.append(("s3:GetObjectVersion" if version else "s3:GetObject", f"arn:aws:s3:::{path}"))
    if operation in _WRITES:
        pairs += [(also, resource) for header, also in _ALSO.items() if _is_set(request, header)]
    return pairs


def _is_set(request: HttpRequest, header: str) -> bool:
    return any(name.startswith(header) if header.endswith("-") else name == header for name in request.headers)


def _to_delete(body: bytes) -> list[tuple[str, str]]:
    """Return (key, version or an empty text) of what a bulk deletion names.

    Raises:
        AwsError: MalformedXML; what cannot be read cannot be authorized.
    """
    import xmltodict  # type: ignore[import-untyped]

    try:
        objects = xmltodict.parse(body, force_list=("Object",))["Delete"]["Object"]
        return [(str(entry["Key"]), str(entry.get("VersionId") or "")) for entry in objects]
    except Exception as error:
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        raise AwsError("MalformedXML", message) from error


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
    from orchestrator.iam.public import public_statements

    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and bool(public_statements(document))


def asks_for_public_acl(request: HttpRequest) -> bool:
    """Tell whether a request would set an ACL that lets everybody in."""
    if request.headers.get("x-amz-acl") in _PUBLIC_ACLS:
        return True
    grants = " ".join(value for name, value in request.headers.items() if name.startswith("x-amz-grant-"))
    text = grants + (request.body.decode("utf-8", "replace") if "acl" in request.query else "")
    return any(group in text for group in _PUBLIC_GROUPS)
