"""The permissions boundary: on every role, and closed against every known way up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contracts.access import Access
from contracts.iam import policies
from contracts.iam.allow_deny import evidence_of, try_all
from contracts.iam.escalation import PATHS, Path
from contracts.iam.forbidden import PROHIBITIONS
from contracts.iam.policies import RolePolicies
from contracts.iam.roles import Role, roles_of
from contracts.iam.scene import Scene
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from orchestrator.iam import PolicySet, Request

#: What an attacker would like a role's own policy to say.
_EVERYTHING: Mapping[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
#: Services in which identity-based policies count only where the resource's own policy lets them.
_NEED_RESOURCE_POLICY = frozenset({"sts", "kms"})
#: Prohibitions whose live attempts are steps of an escalation.
_LIVE_STEPS = frozenset({"widen-policy", "pass-role", "create-user", "assume-role"})


def judge_present(boundaries: Mapping[str, str | None], wanted: str) -> Outcome:
    """Judge the boundary that each role carries (None: none)."""
    evidence = {"boundary": wanted, "roles": {label: arn or "none" for label, arn in boundaries.items()}}
    for label, arn in boundaries.items():
        if arn is None:
            return Failed(f"role {label} has no permissions boundary", evidence)
        if arn != wanted:
            return Failed(f"role {label} has another boundary: {arn}", evidence)
    return Verified(evidence)


@contract(
    "iam.boundary.present",
    title="Every role is under the permissions boundary",
    risk="A policy that is widened by mistake, or on purpose, takes effect at once",
    statement="IAM says that every role of the environment carries the environment's permissions boundary",
    remediation="Create the role with PermissionsBoundary, or call PutRolePermissionsBoundary",
    documentation="IAM User Guide, Permissions boundaries for IAM entities",
    needs=("roles", "boundary"),
    vantage="control plane",
)
def present(access: Access, watch: Watch) -> Outcome:
    """Ask IAM for every role's boundary."""
    found = {role.label: policies.read(access, role, watch).boundary_arn for role in roles_of(access.environment)}
    outcome = judge_present(found, wanted := str(access.environment.boundary_arn))
    if isinstance(outcome, Failed):
        return outcome.at(*(role.arn for role in roles_of(access.environment) if found[role.label] != wanted))
    return outcome


def open_paths(
    role: RolePolicies, resources: Iterable[str], context: Mapping[str, str]
) -> tuple[list[Path], list[Path]]:
    """Return the ways up that a role's policies leave open, and those that its boundary alone would leave open.

    An action counts as allowed when it is on any of the resources; that reports rather too much than too little.

    Raises:
        PolicyError: a policy is malformed.
    """
    candidates = tuple(resources)
    sets: dict[tuple[bool, str], PolicySet] = {}

    def policies(action: str, *, everything: bool) -> PolicySet:
        # Whom a trust or key policy lets in is the other role's or the key's business (see `iam.trust.least`).
        needed = action if action.split(":")[0] in _NEED_RESOURCE_POLICY else ""
        if (everything, needed) not in sets:
            sets[everything, needed] = role.compiled(
                resource_policy=_lets_the_account_in(role, needed) if needed else None,
                trust=needed.startswith("sts:"),
                identity=[_EVERYTHING] if everything else None,
            )
        return sets[everything, needed]

    def those(*, everything: bool) -> list[Path]:
        def allowed(action: str) -> bool:
            asked = (Request(role.session_arn, action, resource, context) for resource in candidates)
            return any(policies(action, everything=everything).decide(request).allowed for request in asked)

        return [path for path in PATHS if all(map(allowed, path.actions))]

    return those(everything=False), those(everything=True)


def _lets_the_account_in(role: RolePolicies, action: str) -> Mapping[str, Any]:
    """Return a resource's policy that leaves the decision to the policies of the account's identities."""
    root = f"arn:aws:iam::{role.arn.split(':')[4]}:root"
    statement = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": action}
    if not action.startswith("sts:"):
        statement["Resource"] = "*"
    return {"Version": "2012-10-17", "Statement": [statement]}


def judge_escalation(ways: Mapping[str, tuple[Sequence[Path], Sequence[Path]]], evidence: Mapping[str, Any]) -> Outcome:
    """Judge the open ways of each role: (by its policies, by its boundary alone)."""
    for label, (now, _) in ways.items():
        if now:
            return Failed(f"role {label} can make itself more powerful: {now[0].name}", evidence)
    for label, (_, behind) in ways.items():
        if behind:
            return Failed(f"the boundary of role {label} would not stop {behind[0].name}", evidence)
    return Verified(evidence)


def _resources(access: Access, role: Role) -> tuple[str, ...]:
    """Return what the actions of the paths act on: identities of the account, the boundary, and things of its own."""
    environment = access.environment
    account, region = environment.cloud.account_id, environment.cloud.region
    iam = f"arn:aws:iam::{account}"
    own = [other.arn for other in roles_of(environment)]
    kept = [environment.boundary_arn, environment.bucket and environment.bucket.kms_key_arn]
    kept += [environment.bucket and f"arn:aws:s3:::{environment.bucket.name}"]
    kept += [principal.secret_arn for principal in environment.principals]
    return tuple(
        dict.fromkeys(
            [
                role.arn,
                *own,
                *(arn for arn in kept if arn),
                f"{iam}:role/other",
                f"{iam}:user/other",
                f"{iam}:group/other",
                f"{iam}:policy/other",
                f"{iam}:instance-profile/other",
                f"arn:aws:lambda:{region}:{account}:function:other",
                f"arn:aws:ec2:{region}:{account}:instance/i-0123456789abcdef0",
                "*",
            ]
        )
    )


@contract(
    "iam.boundary.escalation",
    title="No role can make itself more powerful",
    risk="Whoever gets hold of one role gets hold of the account",
    statement="No known way of privilege escalation is open to a role, even if its own policy allowed everything",
    remediation="Take the actions that are named out of the permissions boundary",
    documentation="IAM User Guide, Permissions boundaries for IAM entities; Service Authorization Reference, IAM",
    needs=("roles",),
)
def escalation(access: Access, watch: Watch) -> Outcome:
    """Evaluate every way for every role, and try the steps that can be tried without harm."""
    region = {"aws:RequestedRegion": access.environment.cloud.region, "aws:SecureTransport": "true"}
    ways: dict[str, tuple[list[Path], list[Path]]] = {}
    live: dict[str, Any] = {}
    for role in roles_of(access.environment):
        watch.waiting(f"the evaluation of {len(PATHS)} ways for role {role.label}")
        ways[role.label] = open_paths(policies.read(access, role, watch), _resources(access, role), region)
        scene = Scene(access, role, watch)
        for prohibition in PROHIBITIONS:
            if prohibition.name in _LIVE_STEPS and prohibition.applies_to(role.purpose):
                tried = [item for item in try_all(scene, prohibition.checks(scene)) if item.answer is not None]
                live[role.label] = live.get(role.label, {}) | {str(t): t.answer.said for t in tried if t.answer}
                if granted := [t for t in tried if t.answer and t.answer.verdict == "allowed"]:
                    return Failed(f"role {role.label} may {granted[0]}", evidence_of(granted))
                if unclear := [t for t in tried if t.answer and t.answer.verdict == "unclear"]:
                    raise ProbeError(f"{unclear[0]} was answered neither yes nor no", evidence_of(unclear))
    evidence = {
        "ways": len(PATHS),
        "open": {label: [path.name for path in now] for label, (now, _) in ways.items()},
        "open with every permission in the role's own policy": {
            label: [path.name for path in behind] for label, (_, behind) in ways.items()
        },
        "live": live,
    }
    return judge_escalation(ways, evidence)
