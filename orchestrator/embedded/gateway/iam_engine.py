"""How the gateway asks `orchestrator.iam`: texts and callers in, a small verdict out; whatever is unclear is a deny."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from orchestrator.embedded.gateway.identities import Permissions
from orchestrator.embedded.gateway.service import Caller, Endpoint

if TYPE_CHECKING:
    from orchestrator import iam


@dataclass(frozen=True)
class Verdict:
    """What was decided.

    Attributes:
        allowed: whether the action may be done.
        explicit_deny: whether a statement denies it, and not merely none allows it.
        reason: the end of AWS's access denied message ("because no identity-based policy allows ...").
    """

    allowed: bool
    explicit_deny: bool
    reason: str


@lru_cache(maxsize=1024)
def _compiled(text: str, kind: str) -> iam.CompiledPolicy:
    from orchestrator import iam

    return iam.compile_policy(text, iam.PolicyType[kind])


def problem_of(text: str, kind: str = "SESSION") -> str:
    """Return what is wrong with a policy document, an empty text when nothing is.

    Args:
        text: the document.
        kind: `SESSION`, `RESOURCE`, `TRUST`, `IDENTITY`, `BOUNDARY` or `ENDPOINT`.
    """
    from orchestrator import iam

    try:
        _compiled(text, kind)
    except iam.PolicyError as error:
        return str(error)
    return ""


def decide(
    caller: Caller,
    action: str,
    resource: str,
    context: Mapping[str, Any],
    permissions: Permissions,
    *,
    resource_policy: str | None = None,
    account: str,
) -> Verdict:
    """Decide about a caller with everything that applies to it.

    Args:
        caller: who asks.
        action: the IAM action.
        resource: the ARN, or `*`.
        context: condition keys.
        permissions: the caller's policies.
        resource_policy: the resource's policy; for `sts:AssumeRole` the role's trust policy.
        account: who owns the resource.
    """
    principal: Any = "*" if caller.kind == "anonymous" else caller.arn
    return _evaluate(principal, action, resource, context, permissions, resource_policy, account, caller.endpoint)


def decide_federated(
    provider_arn: str,
    action: str,
    role_arn: str,
    context: Mapping[str, Any],
    trust_policy: str,
    *,
    account: str,
    endpoint: Endpoint | None = None,
) -> Verdict:
    """Decide about somebody whom an identity provider vouches for, by a role's trust policy."""
    principal = {"Federated": provider_arn}
    return _evaluate(principal, action, role_arn, context, Permissions(), trust_policy, account, endpoint)


def decide_service(
    service: str, role_arn: str, context: Mapping[str, Any], trust_policy: str, *, account: str
) -> Verdict:
    """Decide about an AWS service that wants to assume a role, by the role's trust policy."""
    principal = {"Service": service}
    return _evaluate(principal, "sts:AssumeRole", role_arn, context, Permissions(), trust_policy, account)


def _evaluate(
    principal: Any,
    action: str,
    resource: str,
    context: Mapping[str, Any],
    permissions: Permissions,
    resource_policy: str | None,
    account: str,
    endpoint: Endpoint | None = None,
) -> Verdict:
    from orchestrator import iam

    trust = action.lower().startswith("sts:assumerole")
    try:
        decision = iam.evaluate(
            iam.Request(principal, action, resource, context, account=account),
            identity_policies=[_compiled(text, "IDENTITY") for text in permissions.identity],
            boundary=_compiled(permissions.boundary, "BOUNDARY") if permissions.boundary else None,
            session_policy=[_compiled(text, "SESSION") for text in permissions.session] or None,
            resource_policy=_compiled(resource_policy, "TRUST" if trust else "RESOURCE") if resource_policy else None,
            endpoint_policy=_compiled(endpoint.policy, "ENDPOINT") if endpoint else None,
        )
    except (iam.PolicyError, iam.RequestError) as error:
        return Verdict(False, False, f"because a policy cannot be evaluated: {error}")
    reason = decision.reason if decision.reason.startswith("with ") else f"because {decision.reason}"
    return Verdict(decision.allowed, decision.outcome is iam.Outcome.EXPLICIT_DENY, reason)
