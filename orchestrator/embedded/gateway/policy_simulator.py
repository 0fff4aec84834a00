"""IAM's policy simulator over the evaluator that also guards the gateway: simulated and enforced agree by construction.

Source: AWS Identity and Access Management API Reference, "SimulatePrincipalPolicy" and "SimulateCustomPolicy".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.embedded.gateway.identities import Identities, NamedPolicies
from orchestrator.embedded.gateway.service import AwsError, Caller, TaggedResource

if TYPE_CHECKING:
    from orchestrator import iam

#: The operations of IAM that are served here; moto has the others.
SIMULATIONS = frozenset({"SimulatePrincipalPolicy", "SimulateCustomPolicy"})
_DEFAULT_PAGE = 100


@dataclass(frozen=True)
class _Simulated:
    """What a simulation decides with."""

    policies: iam.PolicySet
    compiled: Sequence[iam.CompiledPolicy]
    types: Mapping[str, str]
    has_boundary: bool


class PolicySimulatorBackend:
    """The simulation part of IAM.

    Args:
        identities: whose policies are simulated.
        account_id: the embedded account.
    """

    # Not "iam": that one's tags and resources are moto's.
    service = "iam-policy-simulator"

    def __init__(self, identities: Identities, account_id: str) -> None:
        self._identities, self._account = identities, account_id

    def invoke(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:  # noqa: ARG002
        """Carry out one operation; see `ServiceBackend.invoke`."""
        if operation == "SimulateCustomPolicy":
            user = f"arn:aws:iam::{self._account}:user/simulated"
            return self._simulate(NamedPolicies("user", (), None), params, params.get("CallerArn") or user)
        if operation == "SimulatePrincipalPolicy":
            source = params["PolicySourceArn"]
            found = self._identities.named_policies(source)
            if found is None:
                raise AwsError("NoSuchEntity", f"The entity {source} cannot be found.", 404)
            caller_arn = params.get("CallerArn") or source
            if found.kind == "group":
                caller_arn = params.get("CallerArn") or f"arn:aws:iam::{self._account}:user/simulated"
            return self._simulate(found, params, caller_arn)
        raise NotImplementedError(operation)

    def tagged_resources(self) -> list[TaggedResource]:
        """The simulator has no resources."""
        return []

    def close(self) -> None:
        """Nothing runs."""

    def _simulate(self, named: NamedPolicies, params: dict[str, Any], principal: str) -> dict[str, Any]:
        from orchestrator import iam

        simulated = _simulated(named, params)
        context = {
            entry["ContextKeyName"]: list(entry.get("ContextKeyValues", ()))
            for entry in params.get("ContextEntries", ())
            if entry.get("ContextKeyName")
        }
        owner = str(params.get("ResourceOwner", "")).rpartition("::")[2].partition(":")[0] or None
        results = []
        for action in params["ActionNames"]:
            for resource in params.get("ResourceArns") or ["*"]:
                try:
                    decision = simulated.policies.decide(
                        iam.Request(principal, action, resource, context, account=owner or self._account)
                    )
                except iam.RequestError as error:
                    raise AwsError("InvalidInput", error.message) from None
                results.append(_result(decision, simulated, context))
        return _page(results, params)


def _simulated(named: NamedPolicies, params: Mapping[str, Any]) -> _Simulated:
    from orchestrator import iam
    from orchestrator.iam import services

    sources = [*named.identity]
    sources += [
        (f"PolicyInputList.{index}", "none", text) for index, text in enumerate(params.get("PolicyInputList", ()), 1)
    ]
    boundaries = params.get("PermissionsBoundaryPolicyInputList") or ([named.boundary] if named.boundary else [])
    levels = [
        level.get("ServiceControlPolicyInputList", ()) for level in params.get("OrderedOrganizationPolicyInputList", ())
    ]
    try:
        compiled = [iam.compile_policy(text, iam.PolicyType.IDENTITY, name=name) for name, _, text in sources]
        policies = iam.PolicySet(
            identity_policies=compiled,
            boundary=boundaries[0] if boundaries else None,
            scps=[list(level) for level in levels] or None,
            resource_policy=params.get("ResourcePolicy"),
            trust=any(services.is_assume_role(action.lower()) for action in params["ActionNames"]),
        )
    except iam.PolicyError as error:
        raise AwsError("InvalidInput", error.message) from None
    types = {name: kind for name, kind, _ in sources}
    return _Simulated(policies, compiled, types, bool(boundaries))


def _result(decision: iam.Decision, simulated: _Simulated, context: Mapping[str, Any]) -> dict[str, Any]:
    from orchestrator import iam

    statement = decision.statement
    matched = []
    if statement is not None:
        kind = "resource" if statement.policy_type is iam.PolicyType.RESOURCE else "none"
        matched = [
            {
                "SourcePolicyId": statement.policy_name,
                "SourcePolicyType": simulated.types.get(statement.policy_name, kind),
            }
        ]
    result: dict[str, Any] = {
        "EvalActionName": decision.action,
        "EvalResourceName": decision.resource,
        "EvalDecision": decision.outcome.value,
        "MatchedStatements": matched,
        "MissingContextValues": _missing(decision.action, simulated.compiled, context),
    }
    if simulated.has_boundary:
        blocked = decision.policy_type is iam.PolicyType.BOUNDARY
        result["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": not blocked}
    return result


def _missing(action: str, policies: Iterable[iam.CompiledPolicy], context: Mapping[str, Any]) -> list[str]:
    """Return the condition keys of statements about the action for which the caller gave no value."""
    given = {name.lower() for name in context}
    keys = {
        condition.key
        for policy in policies
        for statement in policy.statements
        if statement.covers_action(action.lower())
        for condition in statement.conditions
    }
    return sorted(keys - given)


def _page(results: list[dict[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
    start = 0
    if params.get("Marker"):
        try:
            start = int(base64.urlsafe_b64decode(params["Marker"].encode()))
        except (binascii.Error, ValueError):
            raise AwsError("InvalidInput", "The marker is not valid.") from None
    end = start + int(params.get("MaxItems") or _DEFAULT_PAGE)
    answer: dict[str, Any] = {"EvaluationResults": results[start:end], "IsTruncated": end < len(results)}
    if end < len(results):
        answer["Marker"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer
