"""What is configured on an S3 bucket: each setting is a resource of its own, with the bucket's name as its id."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.embedded.provider.call import Call, found, ignoring
from orchestrator.embedded.provider.model import Field, ResourceType, Values, from_api, to_api
from orchestrator.embedded.provider.s3 import GONE

Operation = Callable[[Any, str, Values], Any]


def _setting(
    token: str,
    fields: tuple[Field, ...],
    *,
    put: Operation,
    get: Callable[[Any, str], Values],
    remove: Callable[[Any, str], Any],
    absent: tuple[str, ...],
) -> ResourceType:
    """Describe one kind of setting.

    Args:
        token: Pulumi's name of the type.
        fields: its properties besides the bucket.
        put: writes it; gets the client, the bucket and the inputs.
        get: returns it as properties.
        remove: takes it off the bucket.
        absent: the error codes that say that the bucket has no such setting.
    """

    def create(call: Call, news: Values) -> str:
        # S3 refuses two changes of one bucket's settings at once for a moment.
        call.retrying(["OperationAborted"], lambda: put(call.client("s3"), news["bucket"], news))
        return call.created(news["bucket"])

    def read(call: Call, bucket: str, state: Values) -> Values | None:
        seen = found((*GONE, *absent), lambda: get(call.client("s3"), bucket))
        return None if seen is None else {"bucket": bucket, **seen}

    def update(call: Call, bucket: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
        call.retrying(["OperationAborted"], lambda: put(call.client("s3"), bucket, news))

    def delete(call: Call, bucket: str, state: Values) -> None:
        with ignoring(*GONE, *absent):
            call.retrying(["OperationAborted"], lambda: remove(call.client("s3"), bucket))

    return ResourceType(
        token, (Field("bucket", required=True, replace=True), *fields), create, read, delete, update=update
    )


# --- Ownership, versioning, public access, policy ----------------------------------------------------------------

_OWNERSHIP = Field("rule", required=True, fields=(Field("objectOwnership", required=True),))


def _put_ownership(s3: Any, bucket: str, news: Values) -> None:
    rules = {"Rules": [to_api(_OWNERSHIP.fields, news["rule"])]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)


def _get_ownership(s3: Any, bucket: str) -> Values:
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    return {"rule": from_api(_OWNERSHIP.fields, rules[0])}


_VERSIONING = Field("versioningConfiguration", required=True, fields=(Field("status", required=True),))


def _put_versioning(s3: Any, bucket: str, news: Values) -> None:
    status = to_api(_VERSIONING.fields, news["versioningConfiguration"])
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=status)


def _get_versioning(s3: Any, bucket: str) -> Values:
    # A bucket that never had versioning answers without a status.
    return {"versioningConfiguration": {"status": s3.get_bucket_versioning(Bucket=bucket).get("Status", "Disabled")}}


def _suspend_versioning(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


_PUBLIC_ACCESS = (
    Field("blockPublicAcls"),
    Field("blockPublicPolicy"),
    Field("ignorePublicAcls"),
    Field("restrictPublicBuckets"),
)


def _put_public_access(s3: Any, bucket: str, news: Values) -> None:
    block = {item.api_name: bool(news.get(item.name, False)) for item in _PUBLIC_ACCESS}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)


def _get_public_access(s3: Any, bucket: str) -> Values:
    return from_api(_PUBLIC_ACCESS, s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"])


# --- Encryption --------------------------------------------------------------------------------------------------

_ENCRYPTION = Field(
    "rules",
    required=True,
    many=True,
    fields=(
        Field(
            "applyServerSideEncryptionByDefault",
            required=True,
            fields=(
                Field("sseAlgorithm", required=True, api="SSEAlgorithm"),
                Field("kmsMasterKeyId", api="KMSMasterKeyID"),
            ),
        ),
        Field("bucketKeyEnabled"),
    ),
)


def _put_encryption(s3: Any, bucket: str, news: Values) -> None:
    rules = [to_api(_ENCRYPTION.fields, rule) for rule in news["rules"]]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _get_encryption(s3: Any, bucket: str) -> Values:
    answer = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    return {"rules": [from_api(_ENCRYPTION.fields, rule) for rule in answer["Rules"]]}


# --- Lifecycle ---------------------------------------------------------------------------------------------------

_LIFECYCLE = Field(
    "rules",
    required=True,
    many=True,
    fields=(
        Field("id", required=True, api="ID"),
        Field("status", required=True),
        Field("filter", fields=(Field("prefix"),)),
        Field("expiration", fields=(Field("days"), Field("expiredObjectDeleteMarker"))),
        Field("noncurrentVersionExpiration", fields=(Field("noncurrentDays", required=True),)),
        Field("abortIncompleteMultipartUpload", fields=(Field("daysAfterInitiation", required=True),)),
    ),
)


def _put_lifecycle(s3: Any, bucket: str, news: Values) -> None:
    rules = []
    for rule in news["rules"]:
        written = to_api(_LIFECYCLE.fields, rule)
        # A rule without a filter is for all objects; the API wants that said with an empty prefix.
        written["Filter"] = written.get("Filter") or {"Prefix": ""}
        rules.append(written)
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _get_lifecycle(s3: Any, bucket: str) -> Values:
    answer = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    return {"rules": [from_api(_LIFECYCLE.fields, rule) for rule in answer["Rules"]]}


TYPES = (
    _setting(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        (_OWNERSHIP,),
        put=_put_ownership,
        get=_get_ownership,
        remove=lambda s3, bucket: s3.delete_bucket_ownership_controls(Bucket=bucket),
        absent=("OwnershipControlsNotFoundError",),
    ),
    _setting(
        "aws:s3/bucketVersioning:BucketVersioning",
        (_VERSIONING,),
        put=_put_versioning,
        get=_get_versioning,
        remove=_suspend_versioning,
        absent=(),
    ),
    _setting(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        (_ENCRYPTION,),
        put=_put_encryption,
        get=_get_encryption,
        remove=lambda s3, bucket: s3.delete_bucket_encryption(Bucket=bucket),
        absent=("ServerSideEncryptionConfigurationNotFoundError",),
    ),
    _setting(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        _PUBLIC_ACCESS,
        put=_put_public_access,
        get=_get_public_access,
        remove=lambda s3, bucket: s3.delete_public_access_block(Bucket=bucket),
        absent=("NoSuchPublicAccessBlockConfiguration",),
    ),
    _setting(
        "aws:s3/bucketPolicy:BucketPolicy",
        (Field("policy", required=True, kind="json"),),
        put=lambda s3, bucket, news: s3.put_bucket_policy(Bucket=bucket, Policy=news["policy"]),
        get=lambda s3, bucket: {"policy": s3.get_bucket_policy(Bucket=bucket)["Policy"]},
        remove=lambda s3, bucket: s3.delete_bucket_policy(Bucket=bucket),
        absent=("NoSuchBucketPolicy",),
    ),
    _setting(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        (_LIFECYCLE,),
        put=_put_lifecycle,
        get=_get_lifecycle,
        remove=lambda s3, bucket: s3.delete_bucket_lifecycle(Bucket=bucket),
        absent=("NoSuchLifecycleConfiguration",),
    ),
)
