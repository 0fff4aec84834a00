"""Planned buckets, with settings inside the bucket (AWS provider before 4) or in resources of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from contracts.terraform.model import Verdict, is_known, plan_contract
from contracts.terraform.msk_security import customer_key
from orchestrator.iam import PolicyError, PolicySet, PolicyType, Request, compile_policy
from orchestrator.iam_review.documents import as_policy
from orchestrator.terraform.plan import Plan
from orchestrator.terraform.resource import PlannedResource, SensitiveValue

BUCKET = "aws_s3_bucket"
_BLOCKS = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def _settings(
    plan: Plan, verdict: Verdict, kind: str, judge: Callable[[PlannedResource, PlannedResource], None], inline: str = ""
) -> None:
    """Judge the resource that sets something for each bucket.

    Args:
        plan: the plan.
        verdict: where the answer goes.
        kind: the type of the resource.
        judge: called with the bucket and the resource.
        inline: the block of the bucket itself that did the same in older providers.
    """
    for bucket in plan.of(BUCKET):
        found, perhaps = plan.pointing((kind,), "bucket", bucket)
        own = bucket.get(inline) if inline else None
        if found:
            for one in found:
                judge(bucket, one)
        elif own and isinstance(own, list):
            judge(bucket, bucket)
        elif perhaps:
            verdict.not_known(bucket, f"whether {perhaps[0].address} is for it is known only after apply")
        elif own and not is_known(own):
            verdict.not_known(bucket, f"its {inline} is known only after apply")
        else:
            verdict.fails(bucket, f"the plan has no {kind} for it")


@plan_contract(
    "terraform.bucket.public-access",
    title="Planned buckets are closed to the public",
    risk="Anybody on the internet reads or lists the data",
    statement="Every bucket of the plan has a public access block with all four settings on",
    remediation="Add aws_s3_bucket_public_access_block with all four settings true",
    documentation="Amazon S3 User Guide, Blocking public access to your Amazon S3 storage",
    types=(BUCKET,),
)
def public_access(plan: Plan, verdict: Verdict) -> None:
    """Read the four settings, each of which is off unless it is set."""

    def judge(_bucket: PlannedResource, block: PlannedResource) -> None:
        for name in _BLOCKS:
            verdict.expect(block, name, (True,), False)

    _settings(plan, verdict, "aws_s3_bucket_public_access_block", judge)


@plan_contract(
    "terraform.bucket.encryption",
    title="Planned buckets use a KMS key",
    risk="Data at rest is readable by whoever can read the storage, or under a key that nobody controls",
    statement="Every bucket of the plan encrypts with KMS by default, and names the key",
    remediation="Add aws_s3_bucket_server_side_encryption_configuration with aws:kms and kms_master_key_id",
    documentation="Amazon S3 User Guide, Setting default server-side encryption behavior for Amazon S3 buckets",
    types=(BUCKET,),
)
def encryption(plan: Plan, verdict: Verdict) -> None:
    """Read algorithm and key of the default encryption."""
    inline = "server_side_encryption_configuration"

    def judge(_bucket: PlannedResource, one: PlannedResource) -> None:
        path = "rule.apply_server_side_encryption_by_default"
        path = f"{inline}.{path}" if one.type == BUCKET else path
        verdict.expect(one, f"{path}.sse_algorithm", ("aws:kms", "aws:kms:dsse"))
        customer_key(plan, verdict, one, f"{path}.kms_master_key_id", "aws/s3")

    _settings(plan, verdict, "aws_s3_bucket_server_side_encryption_configuration", judge, inline)


@plan_contract(
    "terraform.bucket.versioning",
    title="Planned buckets keep versions",
    risk="A connector that overwrites or deletes the wrong object destroys the only copy",
    statement="Every bucket of the plan has versioning enabled",
    remediation="Add aws_s3_bucket_versioning with status Enabled",
    documentation="Amazon S3 User Guide, Retaining multiple versions of objects with S3 Versioning",
    types=(BUCKET,),
)
def versioning(plan: Plan, verdict: Verdict) -> None:
    """Read the status."""

    def judge(_bucket: PlannedResource, one: PlannedResource) -> None:
        if one.type == BUCKET:
            verdict.expect(one, "versioning.enabled", (True,), False)
        else:
            verdict.expect(one, "versioning_configuration.status", ("Enabled",))

    _settings(plan, verdict, "aws_s3_bucket_versioning", judge, "versioning")


@plan_contract(
    "terraform.bucket.lifecycle",
    title="Planned buckets clean up",
    risk="Storage of test data, old versions and unfinished uploads is paid for without an end",
    statement="Every bucket of the plan has a lifecycle rule that is on",
    remediation="Add aws_s3_bucket_lifecycle_configuration with expiration, also of noncurrent versions",
    documentation="Amazon S3 User Guide, Managing the lifecycle of objects",
    types=(BUCKET,),
)
def lifecycle(plan: Plan, verdict: Verdict) -> None:
    """Look for a rule that is on."""

    def judge(bucket: PlannedResource, one: PlannedResource) -> None:
        name, attribute, on = ("lifecycle_rule", "enabled", True) if one is bucket else ("rule", "status", "Enabled")
        rules = one.blocks(name)
        states = [rule.get(attribute) if isinstance(rule, Mapping) else rule for rule in rules]
        if on in states:
            verdict.holds(one, "a rule is on")
        elif any(not is_known(state) for state in states):
            verdict.not_known(one, "whether a rule is on is known only after apply")
        else:
            verdict.fails(one, "no rule is on")

    _settings(plan, verdict, "aws_s3_bucket_lifecycle_configuration", judge, "lifecycle_rule")


@plan_contract(
    "terraform.bucket.tls-only",
    title="Planned buckets refuse plain HTTP",
    risk="Objects and signatures cross the network in clear",
    statement="Every bucket of the plan has a policy that denies whatever comes without TLS, to everybody",
    remediation="Deny s3:* when aws:SecureTransport is false, for the bucket and its objects",
    documentation="Amazon S3 User Guide, Security best practices for Amazon S3",
    types=(BUCKET,),
)
def tls_only(plan: Plan, verdict: Verdict) -> None:
    """Ask the evaluator what somebody who may do everything else may do over plain HTTP."""

    def judge(bucket: PlannedResource, one: PlannedResource) -> None:
        value = one.get("policy")
        policy = as_policy(value)
        name = bucket.get("bucket")
        if policy is None or not isinstance(name, str):
            hidden = isinstance(value, SensitiveValue)
            what = (
                "is marked as sensitive, so it is not read"
                if hidden
                else "or its bucket's name is known only after apply"
            )
            verdict.not_known(one, f"its policy {what}")
            return
        try:
            open_for = [action for action, resource in _requests(name) if _allowed(policy, action, resource)]
        except PolicyError as error:
            verdict.fails(one, f"AWS would refuse its policy: {error.problem}")
            return
        if open_for:
            verdict.fails(one, f"{', '.join(open_for)} is not denied over plain HTTP")
        else:
            verdict.holds(one, "plain HTTP is denied")

    _settings(plan, verdict, "aws_s3_bucket_policy", judge)


def _requests(bucket: str) -> tuple[tuple[str, str], ...]:
    arn = f"arn:aws:s3:::{bucket}"
    return (("s3:GetObject", f"{arn}/any/key"), ("s3:PutObject", f"{arn}/any/key"), ("s3:ListBucket", arn))


def _allowed(policy: Mapping[str, Any], action: str, resource: str) -> bool:
    compiled = compile_policy(policy, PolicyType.RESOURCE)
    everything = PolicySet(identity_policies=[_EVERYTHING], resource_policy=compiled)
    principal = "arn:aws:iam::111122223333:role/anybody"
    request = Request(principal, action, resource, {"aws:SecureTransport": "false"})
    return bool(everything.decide(request).allowed)
