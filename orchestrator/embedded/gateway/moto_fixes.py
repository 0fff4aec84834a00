"""Where moto differs from AWS in a way that matters here, corrected in place; each correction says why.

A correction is applied when the service is first used, so that services that nobody calls cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from orchestrator.embedded.gateway.moto_alarms import act_on_changes, let_queues_decide
from orchestrator.embedded.gateway.moto_refusals import refuse_in_ec2, refuse_in_iam


def _s3() -> None:
    """Leave bucket policies to the gateway.

    moto evaluates a bucket policy without its conditions and without the caller: the usual "deny when not
    SecureTransport" would refuse every object operation.
    """
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket, FakeDeleteMarker

    def decided_by_the_gateway(_bucket: Any, _action: str, _resource: str) -> Any:
        return PermissionResult.NEUTRAL

    FakeBucket.get_permission = decided_by_the_gateway
    # Where versioning was suspended, moto disposes of all versions of a key, and a delete marker has nothing for that.
    FakeDeleteMarker.dispose = lambda _marker: None
    _block_public_access_of_new_buckets(FakeBucket)


def _block_public_access_of_new_buckets(bucket_class: Any) -> None:
    """Give a new bucket the public access block that every new bucket has on AWS since April 2023."""
    from moto.s3.models import PublicAccessBlock

    constructor = bucket_class.__init__

    def construct(bucket: Any, *arguments: Any, **options: Any) -> None:
        constructor(bucket, *arguments, **options)
        bucket.public_access_block = PublicAccessBlock(True, True, True, True)

    bucket_class.__init__ = construct


def _ec2() -> None:
    """Refuse as EC2 does, and delete a VPC's default network ACL with it ("Delete your VPC", Amazon VPC User Guide)."""
    from moto.ec2.models import EC2Backend

    refuse_in_ec2()
    delete = EC2Backend.delete_vpc

    def delete_with_acl(backend: Any, vpc_id: str) -> Any:
        deleted = delete(backend, vpc_id)
        for acl_id in [acl.id for acl in backend.network_acls.values() if acl.vpc_id == vpc_id]:
            del backend.network_acls[acl_id]
        return deleted

    EC2Backend.delete_vpc = delete_with_acl


def _kms() -> None:
    """Take a key's ARN where moto takes its id alone (ScheduleKeyDeletion, AWS KMS API Reference)."""
    from moto.kms.models import KmsBackend

    schedule = KmsBackend.schedule_key_deletion

    def by_id_or_arn(backend: Any, key_id: str, pending_window_in_days: int) -> Any:
        return schedule(backend, backend.any_id_to_key_id(key_id), pending_window_in_days)

    KmsBackend.schedule_key_deletion = by_id_or_arn


def _codebuild() -> None:
    """Let a project have no source: its source has no location then ("ProjectSource", AWS CodeBuild API Reference)."""
    from moto.codebuild import responses

    check: Callable[[dict[str, Any]], None] = responses._validate_required_params_source

    def check_source(source: dict[str, Any]) -> None:
        if source.get("type") != "NO_SOURCE":
            check(source)

    responses._validate_required_params_source = check_source


#: Operations of S3 that moto answers with something else (it ignores a query parameter that it does not know, so that
#: reading an analytics configuration lists objects, and writing one creates a bucket).
_S3_MISUNDERSTOOD = re.compile(
    r".*(Analytics|IntelligentTiering|Metrics|Metadata|Abac|Annotation|Torrent|RequestPayment|DirectoryBuckets).*"
    r"|CreateSession|RenameObject|SelectObjectContent|UpdateObjectEncryption|WriteGetObjectResponse"
)


def misunderstands(service: str, operation: str) -> bool:
    """Tell whether moto would answer an operation as if it were another one."""
    return service == "s3" and _S3_MISUNDERSTOOD.fullmatch(operation) is not None


_FIXES: dict[str, Callable[[], None]] = {
    "s3": _s3,
    "ec2": _ec2,
    "kms": _kms,
    "iam": refuse_in_iam,
    "codebuild": _codebuild,
    "cloudwatch": act_on_changes,
    "sns": let_queues_decide,
}
_applied: set[str] = set()


def apply(service: str) -> None:
    """Apply the corrections of one service, once."""
    if service in _FIXES and service not in _applied:
        _applied.add(service)
        _FIXES[service]()
