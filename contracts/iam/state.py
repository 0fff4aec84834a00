"""The provisioning state: it names every resource and holds secrets, and no role of an environment needs it."""

from __future__ import annotations

from contracts.access import Access
from contracts.iam.allow_deny import judge_refused, try_all
from contracts.iam.attempts import Attempt
from contracts.iam.roles import ADMINISTERING, roles_of
from contracts.iam.scene import Check, Scene
from contracts.model import Failed, Outcome, Verified, Watch
from contracts.registry import contract


def checks(scene: Scene, bucket: str) -> list[Check]:
    """Return the permissions to read a state bucket; the key need not exist, since the refusal comes first."""
    s3, arn = scene.client("s3"), f"arn:aws:s3:::{bucket}"
    key = f".pulumi/ephk-probe-{scene.environment.lease_id}"
    return [
        Check("s3:ListBucket", arn, Attempt(lambda: s3.list_objects_v2(Bucket=bucket, MaxKeys=1))),
        Check(
            "s3:GetObject",
            f"{arn}/{key}",
            Attempt(lambda: s3.get_object(Bucket=bucket, Key=key), harmless=frozenset({"NoSuchKey"})),
        ),
    ]


@contract(
    "iam.state.unreadable",
    title="No role reads the provisioning state",
    risk="Whoever gets hold of an application's role reads the secrets of every environment",
    statement="No role of the environment may list or read the bucket that holds the provisioning state",
    remediation="Remove what allows the state bucket from the role's policies and the permissions boundary",
    documentation="Pulumi documentation, State and backends; IAM User Guide, Policy evaluation logic",
    needs=("roles", "state"),
)
def unreadable(access: Access, watch: Watch) -> Outcome:
    """Try to read the state as every role but those that provision."""
    evidence: dict[str, object] = {}
    for role in roles_of(access.environment):
        if role.purpose in ADMINISTERING:
            continue
        scene = Scene(access, role, watch)
        outcome = judge_refused(role.label, try_all(scene, checks(scene, str(access.environment.state_bucket))))
        if isinstance(outcome, Failed):
            return outcome
        if isinstance(outcome, Verified):
            evidence[role.label] = outcome.evidence
    return Verified(evidence)
