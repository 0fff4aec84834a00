"""What each role of the environment does and is refused, with the role's own credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.iam.attempts import Answer
from contracts.iam.evaluation import View, evaluate
from contracts.iam.forbidden import PROHIBITIONS
from contracts.iam.permitted import PERMISSIONS
from contracts.iam.roles import Role, roles_of
from contracts.iam.scene import Check, Scene
from contracts.model import Failed, NotCovered, Outcome, Probe, ProbeError, Verified, Watch
from contracts.registry import Member, family
from orchestrator.environment import Environment

_DOCUMENTATION = "IAM User Guide, Policy evaluation logic; Service Authorization Reference"


@dataclass(frozen=True)
class Tried:
    """One permission with what its policies say and what came of trying it (None: it was not tried)."""

    check: Check
    evaluated: View
    answer: Answer | None

    def __str__(self) -> str:
        return f"{self.check.action} on {self.check.resource}"


def evidence_of(tried: Sequence[Tried]) -> dict[str, Any]:
    """Return what was seen of each permission."""
    return {
        str(item): {
            "evaluated": {None: "unknown", True: "allow", False: "deny"}[item.evaluated.allowed],
            "because": item.evaluated.said,
            "live": item.answer.said if item.answer else "not tried: it could do harm, or is no request of its own",
        }
        for item in tried
    }


def judge_refused(who: str, tried: Sequence[Tried]) -> Outcome:
    """Judge permissions that a role must not have.

    A refusal of the very action decides; policy text decides only where nothing was tried.

    Raises:
        ProbeError: an answer says neither yes nor no.
    """
    evidence = evidence_of(tried)
    for item in tried:
        if item.answer is not None and item.answer.verdict == "allowed":
            return Failed(f"{who} may {item}: {item.answer.said}", evidence)
        if item.answer is None and item.evaluated.allowed:
            return Failed(f"{who} may {item}: {item.evaluated.said}", evidence)
    for item in tried:
        if item.answer is not None and item.answer.verdict == "unclear":
            raise ProbeError(f"{item} was answered {item.answer.said}, which is no refusal of it", evidence)
        if item.answer is None and item.evaluated.allowed is None:
            raise ProbeError(f"{item} was not tried, and {item.evaluated.said}", evidence)
    return Verified(evidence)


def judge_permitted(who: str, tried: Sequence[Tried]) -> Outcome:
    """Judge permissions that a role needs.

    Raises:
        ProbeError: an answer says neither yes nor no.
    """
    evidence = evidence_of(tried)
    for item in tried:
        if item.answer is not None and item.answer.verdict == "refused":
            return Failed(f"{who} is refused {item}: {item.answer.said}; {item.evaluated.said}", evidence)
    for item in tried:
        if item.answer is None or item.answer.verdict != "allowed":
            said = item.answer.said if item.answer else "nothing: it was not tried"
            raise ProbeError(f"{item} was answered {said}", evidence)
    return Verified(evidence)


def try_all(scene: Scene, checks: Iterable[Check]) -> list[Tried]:
    """Evaluate and try permissions of one role."""
    return [Tried(check, evaluate(scene, check), scene.answer(check)) for check in checks]


def _probe(
    role: Role, checks: Callable[[Scene], list[Check]], judge: Callable[[str, Sequence[Tried]], Outcome]
) -> Probe:
    def probe(access: Any, watch: Watch) -> Outcome:
        scene = Scene(access, role, watch)
        tried = try_all(scene, checks(scene))
        return judge(role.label, tried) if tried else NotCovered("the environment has nothing to try it on")

    return probe


@family(
    "iam.<role>.allow.<what>",
    title="The role can do its work",
    risk="An application, a connector or the operator is denied after the deployment",
    statement="With the role's own credentials, the requests that its purpose needs succeed",
    remediation="Add the action that is named to the role's policy and to the permissions boundary, on that resource",
    documentation=_DOCUMENTATION,
    needs=("roles",),
)
def allowed(environment: Environment) -> Iterable[Member]:
    """Yield one member for each role and each thing that its purpose needs."""
    for role in roles_of(environment):
        for permission in PERMISSIONS:
            if permission.applies_to(role.purpose):
                yield Member(
                    f"iam.{role.label}.allow.{permission.name}",
                    f"Role {role.label} can {permission.statement}",
                    _probe(role, permission.checks, judge_permitted),
                )


@family(
    "iam.<role>.deny.<what>",
    title="The role can do no more",
    risk="A leaked or misused role reaches other environments, or makes itself more powerful",
    statement="With the role's own credentials, what it must not do is refused, and the refusal names that very action",
    remediation="Remove what allows the action from the role's policies, and from the permissions boundary",
    documentation=_DOCUMENTATION,
    needs=("roles",),
)
def denied(environment: Environment) -> Iterable[Member]:
    """Yield one member for each role and each thing that it must not do."""
    for role in roles_of(environment):
        for prohibition in PROHIBITIONS:
            if prohibition.applies_to(role.purpose):
                yield Member(
                    f"iam.{role.label}.deny.{prohibition.name}",
                    f"Role {role.label} may not {prohibition.statement}",
                    _probe(role, prohibition.checks, judge_refused),
                )
