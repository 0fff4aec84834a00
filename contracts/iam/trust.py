"""Who may become a role: nobody of another account, no service for others, no pipeline of another repository."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.access import Access
from contracts.iam import policies
from contracts.iam.roles import roles_of
from contracts.model import Failed, Outcome, Verified, Watch
from contracts.registry import contract
from orchestrator.iam_review.trust_rules import trust_violations

#: Services that say nothing of whose behalf they act on ("The confused deputy problem", IAM User Guide).
_SILENT_SERVICES = frozenset({"ec2.amazonaws.com"})
_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:(?:iam|sts)::)?(\d{12})(?::.*)?")
_GITHUB = "token.actions.githubusercontent.com"
_SOURCE_KEYS = frozenset({"aws:sourceaccount", "aws:sourcearn"})


def _values(element: Any) -> list[str]:
    return [element] if isinstance(element, str) else [str(value) for value in element or ()]


def _conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (operator, key, values) with operator and key in lower case."""
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, values in keys.items():
            yield operator.lower(), key.lower(), _values(values)


def _compared(statement: Mapping[str, Any], key: str) -> list[str]:
    """Return the values that a key must equal or be like; an operator that lets an absent key pass does not count."""
    return [
        value
        for operator, name, values in _conditions(statement)
        if name == key and operator in {"stringequals", "stringlike", "arnequals", "arnlike"}
        for value in values
    ]


def problems_of(trust: Mapping[str, Any], account: str) -> list[str]:
    """Return what is too wide in a trust policy, each in one sentence; empty when nothing is.

    Args:
        trust: the policy.
        account: the role's own account.
    """
    statements = trust.get("Statement", [])
    found: list[str] = []
    for statement in statements if isinstance(statements, list) else [statements]:
        if statement.get("Effect") != "Allow":
            continue
        if "NotPrincipal" in statement:
            found.append("an Allow with NotPrincipal lets in everybody else")
        if wild := [action for action in _values(statement.get("Action")) if "*" in action]:
            found.append(f"it allows {wild[0]} and not only the call that is needed")
        if "NotAction" in statement:
            found.append("an Allow with NotAction allows every other call")
        principal = statement.get("Principal", {})
        named = {"AWS": principal} if isinstance(principal, str) else principal
        found += _aws_problems(_values(named.get("AWS")), account)
        found += _service_problems(_values(named.get("Service")), statement, account)
        for provider in _values(named.get("Federated")):
            found += _federated_problems(provider, statement)
    return found


def _aws_problems(principals: Sequence[str], account: str) -> list[str]:
    found = []
    for principal in principals:
        match = _ACCOUNT.fullmatch(principal)
        if principal == "*":
            found.append("everybody may assume it")
        elif match is None:
            found.append(f"it trusts {principal}, which is no identity of an account")
        elif match[1] != account:
            found.append(f"it trusts account {match[1]}")
    return found


def _service_problems(services: Sequence[str], statement: Mapping[str, Any], account: str) -> list[str]:
    bound = [value for key in _SOURCE_KEYS for value in _compared(statement, key)]
    own = bool(bound) and all(account in value for value in bound)
    return [
        f"{service} may assume it for any account: no aws:SourceAccount or aws:SourceArn of {account}"
        for service in services
        if not own and service not in _SILENT_SERVICES
    ]


def _federated_problems(provider: str, statement: Mapping[str, Any]) -> list[str]:
    """Return what a review says of a provider's tokens, and a subject that names no branch."""
    alone = {**statement, "Principal": {"Federated": provider}}
    found = [violation.message for violation in trust_violations({"Statement": [alone]})]
    issuer = provider.rsplit("oidc-provider/", 1)[-1]
    for subject in _compared(statement, f"{issuer}:sub".lower()) if issuer == _GITHUB else ():
        repository, _, rest = subject.removeprefix("repo:").partition(":")
        if not any(mark in repository for mark in "*?") and rest in {"", "*"}:
            found.append(f"subject {subject} covers every branch, tag and pull request of {repository}")
    return found


def judge(problems: Mapping[str, Sequence[str]], trusted: Mapping[str, Sequence[str]]) -> Outcome:
    """Judge what is wrong with each role's trust policy."""
    evidence = {"trusted": {label: list(who) for label, who in trusted.items()}}
    for label, found in problems.items():
        if found:
            everything = {name: list(sentences) for name, sentences in problems.items() if sentences}
            return Failed(f"role {label}: {found[0]}", {**evidence, "problems": everything})
    return Verified(evidence)


def _trusted(trust: Mapping[str, Any]) -> list[str]:
    statements = trust.get("Statement", [])
    found: list[str] = []
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        named = {"AWS": principal} if isinstance(principal, str) else principal
        found += [who for kind in named.values() for who in _values(kind)]
    return found


@contract(
    "iam.trust.least",
    title="Roles trust their own account and nobody else",
    risk="Another account, another repository's pipeline, or a service that acts for somebody else becomes the role",
    statement="Every role trusts identities of its own account, services bound to it, and named OIDC subjects only",
    remediation="Name the account, add aws:SourceAccount for services, and the repository and branch for pipelines",
    documentation="IAM User Guide, The confused deputy problem; Create a role for OpenID Connect federation",
    needs=("roles",),
    vantage="control plane",
)
def least(access: Access, watch: Watch) -> Outcome:
    """Read every role's trust policy and judge it."""
    account = access.environment.cloud.account_id
    trusts = {role.label: policies.read(access, role, watch).trust for role in roles_of(access.environment)}
    problems = {label: problems_of(trust, account) for label, trust in trusts.items()}
    outcome = judge(problems, {label: _trusted(trust) for label, trust in trusts.items()})
    if isinstance(outcome, Failed):
        return outcome.at(*(role.arn for role in roles_of(access.environment) if problems[role.label]))
    return outcome
