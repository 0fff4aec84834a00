"""Planned roles and policies, under the rules that `ephk check iam --lint` judges by: no second set of them."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from contracts.terraform.model import Verdict, plan_contract
from orchestrator.terraform.plan import Plan

if TYPE_CHECKING:
    from orchestrator.iam_review.model import Gap, Snapshot

_POLICIES = (
    "aws_iam_policy",
    "aws_iam_role_policy",
    "aws_iam_user_policy",
    "aws_iam_group_policy",
)
_ROLE = "aws_iam_role"
_USER = "aws_iam_user"
_RESOURCE_POLICIES = ("aws_s3_bucket_policy", "aws_msk_cluster_policy", "aws_kms_key_policy", "aws_kms_key")
_BEST = "IAM User Guide, Security best practices in IAM"


@lru_cache(maxsize=2)
def snapshot_of(plan: Plan) -> Snapshot:
    """Return all that a plan says about access, in the form that the review of permissions has."""
    from orchestrator.iam_review.builder import SnapshotBuilder
    from orchestrator.iam_review.plans import PlanReader

    builder = SnapshotBuilder(plan.file)
    builder.saw(json.dumps(plan.document))  # for the account's number, which ARNs tell
    PlanReader(builder, plan.file, plan.resources).read()
    return builder.build()


def _judge(
    plan: Plan, verdict: Verdict, rules: tuple[str, ...], *, kinds: tuple[str, ...], types: tuple[str, ...]
) -> None:
    """Put the linter's findings under some rules into a verdict.

    Args:
        plan: the plan.
        verdict: where the answer goes.
        rules: the rules' ids without `iam.lint.`.
        kinds: the documents that the rules are about (`identity`, `trust`, `resource`).
        types: the resource types that hold such documents.
    """
    from orchestrator.iam_review.lint import lint
    from orchestrator.iam_review.model import UNKNOWN_ACCOUNT, Severity

    snapshot = snapshot_of(plan)
    for finding in lint(snapshot):
        if finding.rule.removeprefix("iam.lint.") not in rules:
            continue
        if finding.severity is Severity.LOW:
            verdict.not_known(finding.location.address, f"{finding.message}: nobody in the plan has one")
        elif snapshot.account == UNKNOWN_ACCOUNT and "every identity of account" in finding.message:
            verdict.not_known(finding.location.address, f"{finding.message}; whether it is its own is not in the plan")
        else:
            verdict.fails(finding.location.address, finding.message)
    for gap in snapshot.gaps:
        if _is_about(gap, kinds):
            verdict.not_known(gap.location.address, gap.reason)
    for resource in plan.of(*types):
        if resource.address not in verdict.failed and resource.address not in verdict.unknown:
            verdict.holds(resource, "nothing found")


def _is_about(gap: Gap, kinds: tuple[str, ...]) -> bool:
    trust = "assume_role_policy" in gap.reason
    return "trust" in kinds if trust else bool({"identity", "resource"} & set(kinds))


@plan_contract(
    "terraform.iam.kafka-scope",
    title="Planned permissions on Kafka name a cluster",
    risk="A planned role reads every cluster of the account, or its permissions work nowhere",
    statement="No policy of the plan gives kafka-cluster actions on every cluster, or kafka: for kafka-cluster:",
    remediation="Name arn:aws:kafka:REGION:ACCOUNT:topic/CLUSTER/UUID/TOPIC, and kafka-cluster actions",
    documentation="Amazon MSK Developer Guide, IAM access control",
    types=_POLICIES,
)
def kafka_scope(plan: Plan, verdict: Verdict) -> None:
    """Judge identity-based policies by the rules for Kafka."""
    rules = ("kafka-wildcard-resource", "kafka-control-plane", "kafka-resource-shape", "kafka-action-resource")
    _judge(plan, verdict, rules, kinds=("identity",), types=_POLICIES)


@plan_contract(
    "terraform.iam.privileges",
    title="Planned permissions are few",
    risk="Whoever gets hold of one role gets hold of the account",
    statement="No policy of the plan makes an administrator, opens a way to more privileges, or is malformed",
    remediation="Name actions and resources; deny the ways up in a permissions boundary",
    documentation=_BEST,
    types=_POLICIES,
)
def privileges(plan: Plan, verdict: Verdict) -> None:
    """Judge identity-based policies; ways up are tried by evaluation."""
    rules = ("administrator", "allow-not", "wildcard-resource", "escalation", "malformed")
    _judge(plan, verdict, rules, kinds=("identity",), types=_POLICIES)


@plan_contract(
    "terraform.iam.pass-role",
    title="Roles are passed to one service",
    risk="A planned role starts a machine with another role's permissions",
    statement="No policy of the plan allows iam:PassRole without naming the role and the service",
    remediation="Name the role and add the condition iam:PassedToService",
    documentation="IAM User Guide, Grant a user permissions to pass a role to an AWS service",
    types=_POLICIES,
)
def pass_role(plan: Plan, verdict: Verdict) -> None:
    """Judge identity-based policies by one rule."""
    _judge(plan, verdict, ("pass-role",), kinds=("identity",), types=_POLICIES)


@plan_contract(
    "terraform.iam.trust",
    title="Planned roles trust few",
    risk=("Another account, another repository's pipeline, or a service that acts for somebody else becomes the role"),
    statement="No role of the plan trusts everybody, every repository of an OIDC provider, or a whole other account",
    remediation="Name who may assume the role; for OIDC, one repository and branch in the condition on sub",
    documentation="IAM User Guide, Create a role for OpenID Connect federation",
    types=(_ROLE,),
)
def trust(plan: Plan, verdict: Verdict) -> None:
    """Judge trust policies."""
    _judge(plan, verdict, ("trust-wide",), kinds=("trust",), types=(_ROLE,))


@plan_contract(
    "terraform.iam.boundary",
    title="Planned roles have a boundary",
    risk="A policy that is widened by mistake, or on purpose, takes effect at once",
    statement="Every role and user of the plan has a permissions boundary",
    remediation="Set permissions_boundary",
    documentation="IAM User Guide, Permissions boundaries for IAM entities",
    types=(_ROLE, _USER),
)
def boundary(plan: Plan, verdict: Verdict) -> None:
    """Look for the boundary; where nobody has one it is a choice that the team has not made, and not covered."""
    _judge(plan, verdict, ("boundary-missing",), kinds=(), types=(_ROLE, _USER))


@plan_contract(
    "terraform.iam.no-public-resource",
    title="Planned resource policies let nobody in by chance",
    risk="Everybody with an AWS account uses a planned bucket, key or cluster",
    statement="No policy of a bucket, key or cluster of the plan allows everybody something without a condition",
    remediation="Name the principals, or narrow the statement by aws:PrincipalOrgID or aws:SourceVpce",
    documentation="Amazon S3 User Guide, Blocking public access to your Amazon S3 storage",
    types=_RESOURCE_POLICIES,
)
def no_public_resource(plan: Plan, verdict: Verdict) -> None:
    """Judge resource-based policies."""
    _judge(plan, verdict, ("public-principal",), kinds=("resource",), types=_RESOURCE_POLICIES)
