"""Judges single policies and single principals: `iam.lint.*`. Pure functions over documents; nothing is read.

What a live environment's contracts check and what `ephk check iam --lint` reports comes from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.iam import CompiledPolicy, PolicyError, PolicySet, PolicyType, compile_policy
from orchestrator.iam.actions import action_info, expand_action
from orchestrator.iam.public import public_statements, statements_of
from orchestrator.iam_review.catalogue import (
    ADMINISTRATOR,
    ALLOW_NOT,
    BOUNDARY,
    ESCALATION,
    MALFORMED,
    PASS_ROLE,
    PUBLIC,
    WILDCARD_RESOURCE,
    Violation,
)
from orchestrator.iam_review.escalation import Escalation, escalations, is_administrator
from orchestrator.iam_review.kafka_rules import kafka_violations
from orchestrator.iam_review.model import UNKNOWN_ACCOUNT, Severity
from orchestrator.iam_review.statement import Statement, allows, condition_values, covers, demands_tag, listed, reaches
from orchestrator.iam_review.trust_rules import trust_violations

_ROLE = f"arn:aws:iam::{UNKNOWN_ACCOUNT}:role/~any~"
_ONLY_READS = ("Read", "List")
_SHOWN = 3


def identity_policy(document: Mapping[str, Any], *, parliament: bool = False) -> list[Violation]:
    """Judge an identity-based policy.

    Args:
        document: the policy as a JSON object.
        parliament: ask parliament as well (its data takes a fifth of a second to load).
    """
    broken = _malformed(document, PolicyType.IDENTITY)
    if broken:
        return broken
    found = [*_grants(document), *kafka_violations(document)]
    if parliament:
        from orchestrator.iam_review.parliament_rules import parliament_violations

        found += parliament_violations(document)
    return found


def boundary_policy(document: Mapping[str, Any]) -> list[Violation]:
    """Judge a permissions boundary: it grants nothing, so it may be wide, but it must be well-formed and a limit."""
    broken = _malformed(document, PolicyType.BOUNDARY)
    if broken:
        return broken
    return [
        Violation(ADMINISTRATOR, "the boundary allows everything, so it limits nothing", index, Severity.HIGH)
        for index, statement in allows(document)
        if _everything(statement) and not any(s.get("Effect") == "Deny" for s in statements_of(document))
    ]


def resource_policy(document: Mapping[str, Any]) -> list[Violation]:
    """Judge a resource-based policy: of a bucket, a key, a secret, a cluster, a queue."""
    return _malformed(document, PolicyType.RESOURCE) or [
        Violation(PUBLIC, f"everybody may {_actions_in_words(statement)}", index, PUBLIC.severity)
        for index, statement in enumerate(statements_of(document), start=1)
        if index in public_statements(document) and not _delegates_to_caller(statement)
    ]


def trust_policy(document: Mapping[str, Any], *, account: str = "") -> list[Violation]:
    """Judge a role's trust policy.

    Args:
        document: the policy as a JSON object.
        account: the role's own account.
    """
    return _malformed(document, PolicyType.TRUST) or list(trust_violations(document, account=account))


def boundary_missing(label: str) -> Violation:
    """Return the violation of a role or user without permissions boundary."""
    return Violation(BOUNDARY, f"{label} has no permissions boundary", 0, BOUNDARY.severity)


def escalation_paths(
    principal: str,
    account: str,
    identity: Sequence[Mapping[str, Any] | CompiledPolicy],
    boundary: Mapping[str, Any] | CompiledPolicy | None = None,
    *,
    resources: Sequence[str] | None = None,
) -> list[Escalation]:
    """Return the open ways to more privileges; empty for an administrator, whom `iam.lint.administrator` names.

    Args:
        principal: the ARN of a user or of a role's session.
        account: its account.
        identity: its identity-based policies.
        boundary: its permissions boundary.
        resources: what its policies name; by default read from documents in `identity`.

    Raises:
        PolicyError: one of the policies is malformed.
    """
    policies = PolicySet(identity_policies=identity, boundary=boundary)
    if is_administrator(principal, account, policies):
        return []
    if resources is None:
        resources = [
            entry
            for document in identity
            if isinstance(document, Mapping)
            for statement in statements_of(document)
            for entry in listed(statement.get("Resource"))
        ]
    return escalations(principal, account, policies, resources)


def escalation_violation(escalation: Escalation) -> Violation:
    """Return the violation that an open way up is."""
    text = f"{escalation.path.name}: {escalation.message}"
    return Violation(ESCALATION, text, escalation.statement, ESCALATION.severity)


def _malformed(document: Mapping[str, Any], kind: PolicyType) -> list[Violation]:
    try:
        compile_policy(document, kind)
    except PolicyError as error:
        return [Violation(MALFORMED, error.problem, error.statement or 0, MALFORMED.severity)]
    return []


def _grants(document: Mapping[str, Any]) -> Iterator[Violation]:
    for index, statement in allows(document):
        if _everything(statement):
            yield Violation(ADMINISTRATOR, "every action on every resource is allowed", index, ADMINISTRATOR.severity)
            continue
        for element in ("NotAction", "NotResource"):
            if element in statement:
                text = f"Allow with {element} allows everything but {', '.join(listed(statement[element]))}"
                yield Violation(ALLOW_NOT, text, index, ALLOW_NOT.severity)
        yield from _pass_role(index, statement)
        yield from _wildcard_resource(index, statement)


def _everything(statement: Statement) -> bool:
    return (
        "*" in listed(statement.get("Action"))
        and "*" in listed(statement.get("Resource"))
        and not statement.get("Condition")
    )


def _pass_role(index: int, statement: Statement) -> Iterator[Violation]:
    if not covers(statement, "iam:PassRole") or "iam:passedtoservice" in condition_values(statement):
        return
    account_roles = [entry for entry in listed(statement.get("Resource")) if _is_any_role(entry)]
    if account_roles or "NotResource" in statement:
        which = account_roles[0] if account_roles else "all but the resources of NotResource"
        text = (
            f"iam:PassRole for {which}, to any service: whoever starts a compute resource gets every role's permissions"
        )
        yield Violation(PASS_ROLE, text, index, Severity.CRITICAL)
    elif covers(statement, "iam:PassRole"):
        roles = ", ".join(entry for entry in listed(statement.get("Resource")) if ":role/" in entry)
        if roles:
            text = f"iam:PassRole for {roles} to any service: no condition demands iam:PassedToService"
            yield Violation(PASS_ROLE, text, index, PASS_ROLE.severity)


def _is_any_role(entry: str) -> bool:
    parts = entry.split(":", 5)
    return entry == "*" or (len(parts) == 6 and parts[2] in ("iam", "*") and parts[5] in ("*", "role/*", "role*"))


def _wildcard_resource(index: int, statement: Statement) -> Iterator[Violation]:
    if not reaches(statement, "*") or condition_values(statement) or demands_tag(statement):
        return
    changing = []
    for pattern in listed(statement.get("Action")):
        if pattern.lower().startswith(("kafka-cluster:", "iam:passrole")) or ":" not in pattern:
            continue
        for action in expand_action(pattern):
            info = action_info(action)
            if info and info.access_level not in _ONLY_READS and info.resource_types:
                changing.append(action)
    if changing:
        more = f" and {len(changing) - _SHOWN} more" if len(changing) > _SHOWN else ""
        text = f"{', '.join(changing[:_SHOWN])}{more} on every resource"
        yield Violation(WILDCARD_RESOURCE, text, index, WILDCARD_RESOURCE.severity)


def _actions_in_words(statement: Statement) -> str:
    if "NotAction" in statement:
        return f"do everything but {', '.join(listed(statement['NotAction']))}"
    return ", ".join(listed(statement.get("Action")))


def _delegates_to_caller(statement: Statement) -> bool:
    """Tell whether a statement only serves callers of the own account, as AWS's managed keys' policies do."""
    return "kms:calleraccount" in condition_values(statement)


__all__ = [
    "boundary_missing",
    "boundary_policy",
    "escalation_paths",
    "escalation_violation",
    "identity_policy",
    "resource_policy",
    "trust_policy",
]
