"""Who may assume a role, and whether that is more than anybody meant.

Sources: IAM User Guide, "Create a role for OpenID Connect federation" and "Access to AWS accounts owned by third
parties"; GitHub Docs, "Configuring OpenID Connect in Amazon Web Services" (a trust policy without a condition on `sub`
lets every repository of every organization in).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.iam_review.catalogue import TRUST, Violation
from orchestrator.iam_review.model import Severity
from orchestrator.iam_review.statement import Statement, allows, condition_values, listed

#: How many of a subject's colon-separated parts must be spelled out, by what it begins with.
_FIXED_PARTS = {"system": 4}
_USUAL_FIXED_PARTS = 2
_SHARED_CONDITIONS = ("sts:externalid", "aws:principalorgid", "aws:principalarn", "aws:principalaccount")


def trust_violations(document: Mapping[str, Any], *, account: str = "") -> Iterator[Violation]:
    """Judge a role's trust policy.

    Args:
        document: the trust policy.
        account: the role's own account, whose root is no stranger.
    """
    for index, statement in allows(document):
        principal = statement.get("Principal")
        if principal == "*" or not isinstance(principal, Mapping):
            yield from _everybody(index, statement)
            continue
        for kind, value in principal.items():
            for name in listed(value):
                if name == "*":
                    yield from _everybody(index, statement)
                elif kind == "AWS":
                    yield from _other_account(index, statement, name, account)
                elif kind == "Federated" and ":saml-provider/" not in name:
                    yield from _subject(index, statement, name)


def _everybody(index: int, statement: Statement) -> Iterator[Violation]:
    if not any(key in condition_values(statement) for key in (*_SHARED_CONDITIONS[1:], "aws:sourceaccount")):
        yield Violation(TRUST, "everybody with an AWS account may assume the role", index, Severity.CRITICAL)


def _other_account(index: int, statement: Statement, name: str, account: str) -> Iterator[Violation]:
    owner = name if name.isdigit() else name.split(":")[4] if name.count(":") >= 5 and name.endswith(":root") else ""
    if (
        owner
        and account
        and owner != account
        and not any(key in condition_values(statement) for key in _SHARED_CONDITIONS)
    ):
        text = (
            f"every identity of account {owner} may assume the role: no sts:ExternalId or aws:PrincipalArn is demanded"
        )
        yield Violation(TRUST, text, index, Severity.MEDIUM)


def _subject(index: int, statement: Statement, provider: str) -> Iterator[Violation]:
    issuer = provider.rpartition(":oidc-provider/")[2].lower()
    conditions = condition_values(statement)
    subjects = [value for _, values in conditions.get(f"{issuer}:sub", []) for value in values]
    if not subjects:
        text = f"whoever {issuer} vouches for may assume the role: no condition demands {issuer}:sub"
        yield Violation(TRUST, text, index, Severity.CRITICAL)
    wide = next((subject for subject in subjects if _is_wide(subject)), None)
    if wide is not None:
        text = f"the subject {wide!r} lets more than one repository or workload assume the role"
        yield Violation(TRUST, text, index, TRUST.severity)
    if f"{issuer}:aud" not in conditions:
        text = f"tokens of {issuer} for another audience are accepted: no condition demands {issuer}:aud"
        yield Violation(TRUST, text, index, Severity.MEDIUM)


def _is_wide(subject: str) -> bool:
    parts = subject.split(":")
    fixed = _FIXED_PARTS.get(parts[0], _USUAL_FIXED_PARTS)
    return len(parts) < fixed or any(mark in part for part in parts[:fixed] for mark in "*?$")
