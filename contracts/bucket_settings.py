"""The bucket's settings as the control plane describes them: versions, expiry, ownership."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.bucket import bucket_of
from contracts.model import Failed, Outcome, Verified, Watch
from contracts.registry import contract

Rule = Mapping[str, Any]


def _setting(read: Callable[[], dict[str, Any]], missing_code: str) -> dict[str, Any]:
    """Return a setting; an empty one when the bucket has none, which is an answer and no error."""
    try:
        return read()
    except ClientError as error:
        if error.response["Error"]["Code"] != missing_code:
            raise
        return {}


@contract(
    "bucket.versioning",
    title="Overwritten objects can be brought back",
    risk="A connector that overwrites or deletes the wrong object destroys the only copy",
    statement="The bucket keeps versions",
    remediation="Enable versioning on the bucket",
    documentation="Amazon S3 User Guide, Retaining multiple versions of objects with S3 Versioning",
    needs=("bucket",),
    vantage="control plane",
)
def versioning(access: Access, watch: Watch) -> Outcome:
    """Read the bucket's versioning status."""
    watch.waiting("the bucket's versioning")
    status = access.client("s3").get_bucket_versioning(Bucket=bucket_of(access).name).get("Status", "never enabled")
    evidence = {"status": status}
    return Verified(evidence) if status == "Enabled" else Failed(f"versioning is {status.lower()}", evidence)


def judge_lifecycle(rules: Sequence[Rule]) -> Outcome:
    """Judge whether rules for the whole bucket expire objects, old versions and unfinished uploads."""
    whole = [rule for rule in rules if rule.get("Status") == "Enabled" and _is_whole(rule)]
    days = {
        "objects": _days(whole, "Expiration", "Days"),
        "old versions": _days(whole, "NoncurrentVersionExpiration", "NoncurrentDays"),
        "unfinished uploads": _days(whole, "AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
    }
    evidence = {"rules": len(rules), "for the whole bucket": len(whole), "days until removal": days}
    if missing := [what for what, after in days.items() if after is None]:
        return Failed(f"no rule for the whole bucket removes {', '.join(missing)}", evidence)
    return Verified(evidence)


def _is_whole(rule: Rule) -> bool:
    """Tell whether a rule is for every object; its filter may be absent, or an empty prefix in either place."""
    filters = rule.get("Filter") or {}
    return not rule.get("Prefix") and not filters.get("Prefix") and not set(filters) - {"Prefix"}


def _days(rules: Sequence[Rule], action: str, field: str) -> int | None:
    return min((int(rule[action][field]) for rule in rules if rule.get(action, {}).get(field)), default=None)


@contract(
    "bucket.lifecycle",
    title="What is forgotten in the bucket goes away",
    risk="Storage of test data, old versions and unfinished uploads is paid for without an end",
    statement="Rules for the whole bucket expire objects, noncurrent versions and incomplete multipart uploads",
    remediation="Add a lifecycle rule without a filter that has all three actions",
    documentation="Amazon S3 User Guide, Managing the lifecycle of objects",
    needs=("bucket",),
    vantage="control plane",
)
def lifecycle(access: Access, watch: Watch) -> Outcome:
    """Read the bucket's lifecycle rules."""
    watch.waiting("the bucket's lifecycle rules")
    s3, name = access.client("s3"), bucket_of(access).name
    answer = _setting(lambda: s3.get_bucket_lifecycle_configuration(Bucket=name), "NoSuchLifecycleConfiguration")
    return judge_lifecycle(answer.get("Rules", []))


@contract(
    "bucket.ownership",
    title="Policies alone decide who owns and reads objects",
    risk="An object's own access list opens it, whatever the bucket's policy says",
    statement="Object ownership is BucketOwnerEnforced, so access control lists have no effect",
    remediation="Set the bucket's object ownership to BucketOwnerEnforced",
    documentation="Amazon S3 User Guide, Controlling ownership of objects and disabling ACLs for your bucket",
    needs=("bucket",),
    vantage="control plane",
)
def ownership(access: Access, watch: Watch) -> Outcome:
    """Read the bucket's ownership controls."""
    watch.waiting("the bucket's ownership controls")
    s3, name = access.client("s3"), bucket_of(access).name
    answer = _setting(lambda: s3.get_bucket_ownership_controls(Bucket=name), "OwnershipControlsNotFoundError")
    rules = answer.get("OwnershipControls", {}).get("Rules", [])
    found = rules[0]["ObjectOwnership"] if rules else "not set"
    evidence = {"object_ownership": found}
    if found != "BucketOwnerEnforced":
        return Failed(f"object ownership is {found}, so access control lists have effect", evidence)
    return Verified(evidence)


def judge_key(described: Mapping[str, Any], *, rotated: bool) -> Outcome:
    """Judge the key as KMS describes it."""
    manager, state = described.get("KeyManager"), described.get("KeyState")
    evidence = {"key": described.get("Arn"), "manager": manager, "state": state, "rotated": rotated}
    if manager != "CUSTOMER":
        return Failed("the key is one of AWS's own, whose policy nobody here decides", evidence)
    if state != "Enabled":
        return Failed(f"the key is {state}", evidence)
    if not rotated:
        return Failed("the key is not rotated", evidence)
    return Verified(evidence)


@contract(
    "bucket.key.kept",
    title="The key is in good order",
    risk="Data cannot be read any more because its key is disabled, or stays for years under the same key",
    statement="The bucket's key is a customer-managed one that is enabled and rotated",
    remediation="Enable the key and its rotation (EnableKey, EnableKeyRotation)",
    documentation="AWS KMS Developer Guide, Rotating AWS KMS keys; Key states of AWS KMS keys",
    needs=("bucket",),
    vantage="control plane",
)
def key_kept(access: Access, watch: Watch) -> Outcome:
    """Read the key's state and whether it is rotated."""
    kms, key = access.client("kms"), bucket_of(access).kms_key_arn
    watch.waiting("the description of the bucket's key")
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    rotated = False
    if described.get("KeyManager") == "CUSTOMER" and described.get("KeyState") == "Enabled":
        rotated = kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    return judge_key(described, rotated=rotated)
