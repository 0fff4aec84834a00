"""Who is let in by the policies of resources and roles and is no principal in view: accounts, services, everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.iam.public import statements_of
from orchestrator.iam_review.access import Change, ask_one, compare
from orchestrator.iam_review.globs import ANYTHING
from orchestrator.iam_review.model import Location, PolicyRecord, ResourceRecord, Severity
from orchestrator.iam_review.statement import listed
from orchestrator.iam_review.subject import EVERYTHING, Subject

#: An account that no policy names.
_STRANGER = "999999999999"
_OWN_POLICIES = PolicyRecord("its own policies", EVERYTHING, Location())


@dataclass(frozen=True)
class Outsider:
    """Somebody whom a policy names, or means by a wildcard.

    Attributes:
        label: for sentences.
        principal: as a request names it.
        has_policies: whether policies of its own must allow the request, too; they are taken to allow everything.
        severity: how bad it is when this one is let in.
    """

    label: str
    principal: str | tuple[str, str]
    has_policies: bool
    severity: Severity

    def subject(
        self, account: str, *, resource: ResourceRecord | None = None, roles: Mapping[str, PolicyRecord] | None = None
    ) -> Subject:
        """Return the outsider as somebody who acts."""
        principal = self.principal if isinstance(self.principal, str) else dict([self.principal])
        return Subject(
            principal,
            account,
            identity=(_OWN_POLICIES,) if self.has_policies else (),
            resources=(resource,) if resource else (),
            roles=roles,
        )


def named_in(documents: list[Mapping[str, Any]], account: str, known: frozenset[str]) -> list[Outsider]:
    """Return everybody whom policies name in Principal, except the principals in view.

    Args:
        documents: both versions of a resource's or role's policy.
        account: the account that it belongs to.
        known: ARNs of the roles and users in view, whose access is compared by itself.
    """
    found: dict[Outsider, None] = {}
    for document in documents:
        for statement in statements_of(document):
            principal = statement.get("Principal")
            entries = principal if isinstance(principal, Mapping) else {"AWS": principal} if principal == "*" else {}
            for kind, names in entries.items():
                for name in listed(names):
                    found.update(dict.fromkeys(_outsiders(str(kind), name, account, known)))
    return list(found)


def _outsiders(kind: str, name: str, account: str, known: frozenset[str]) -> Iterator[Outsider]:
    if name == "*":
        yield Outsider("anyone, without credentials,", "anonymous", has_policies=False, severity=Severity.CRITICAL)
        stranger = f"arn:aws:iam::{_STRANGER}:role/{ANYTHING}"
        yield Outsider("everybody with an AWS account", stranger, has_policies=True, severity=Severity.CRITICAL)
    elif kind in ("Service", "Federated", "CanonicalUser"):
        severity = Severity.MEDIUM if kind == "Service" else Severity.HIGH
        yield Outsider(f"{kind.lower()} {name}", (kind, name), has_policies=False, severity=severity)
    elif name.isdigit() or name.endswith(":root"):
        owner = name if name.isdigit() else name.split(":")[4]
        severity = Severity.MEDIUM if owner == account else Severity.HIGH
        yield _account(owner, severity)
    elif name.startswith("arn:") and name not in known:
        owner = name.split(":")[4]
        yield Outsider(name, name, has_policies=owner != account, severity=Severity.HIGH)


def _account(owner: str, severity: Severity) -> Outsider:
    label = f"every identity of account {owner} whose own policies allow it"
    return Outsider(label, f"arn:aws:iam::{owner}:role/{ANYTHING}", has_policies=True, severity=severity)


@dataclass(frozen=True)
class OutsiderChange:
    """Something that an outsider can do on one side only."""

    outsider: Outsider
    change: Change
    new: bool


def resource_changes(
    before: ResourceRecord | None, after: ResourceRecord | None, account: str, known: frozenset[str]
) -> Iterator[OutsiderChange]:
    """Compare two versions of a resource's policy for everybody who is not in view.

    The account's own identities are asked about, too, whatever the policy names: a Deny that goes away concerns them.
    """
    records = [record for record in (before, after) if record is not None]
    arn = records[0].arn
    asked = named_in([record.policy.document for record in records], account, known)
    own = _account(account, Severity.HIGH)
    for outsider in dict.fromkeys((own, *(one for one in asked if one.label != own.label))):
        sides = [outsider.subject(account, resource=record) for record in (before, after)]
        found = compare(sides[0], sides[1], only=(arn, f"{arn}/*"))
        yield from (OutsiderChange(outsider, change, new=True) for change in found.new)
        yield from (OutsiderChange(outsider, change, new=False) for change in found.lost)


def trust_changes(
    role_arn: str, before: PolicyRecord | None, after: PolicyRecord | None, account: str
) -> Iterator[OutsiderChange]:
    """Compare two versions of a role's trust policy: who may assume the role, and when."""
    documents = [record.document for record in (before, after) if record is not None]
    for outsider in named_in(documents, account, frozenset()):
        if outsider.principal == "anonymous":
            continue
        sides = [
            outsider.subject(account, roles={role_arn: record}) if record is not None else None
            for record in (before, after)
        ]
        found = ask_one(sides[0], sides[1], _assume_action(outsider), role_arn)
        yield from (OutsiderChange(outsider, change, new=True) for change in found.new)
        yield from (OutsiderChange(outsider, change, new=False) for change in found.lost)


def _assume_action(outsider: Outsider) -> str:
    if isinstance(outsider.principal, tuple) and outsider.principal[0] == "Federated":
        return (
            "sts:AssumeRoleWithSAML" if ":saml-provider/" in outsider.principal[1] else "sts:AssumeRoleWithWebIdentity"
        )
    return "sts:AssumeRole"
