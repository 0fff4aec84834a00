"""A policy's Principal or NotPrincipal element, and how strongly it names the principal of a request.

Source: IAM User Guide, "AWS JSON policy elements: Principal", "AWS JSON policy elements: NotPrincipal" and the table
"Resource-based policies and implicit denies in other policy types" of "Policy evaluation logic".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from orchestrator.iam.principals import ACCOUNT_ID, Principal, PrincipalKind
from orchestrator.iam.variables import ContextValues

_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}")
_KINDS = ("AWS", "Service", "Federated", "CanonicalUser")
_PRINCIPAL_TYPES = ("user", "role", "assumed-role", "federated-user")


class Grade(IntEnum):
    """How a resource-based policy names a principal, which decides what else must allow the request.

    NONE: not at all. ACCOUNT: its account, which delegates to the account's identity-based policies. LIMITED: the
    role of a session (or the user of a federated session), still limited by boundary and session policy. DIRECT: the
    user or session itself or everyone, limited by explicit denies only.
    """

    NONE = 0
    ACCOUNT = 1
    LIMITED = 2
    DIRECT = 3


@dataclass(frozen=True, slots=True)
class PrincipalElement:
    """A Principal or NotPrincipal element, read once.

    Args:
        everyone: ``"*"`` was written as the whole element.
        every_aws: ``{"AWS": "*"}`` was written: everyone but the identity providers of a federated sign-in.
        accounts: account IDs, from account root ARNs too.
        arns: the ARNs of users, roles, role sessions and federated users.
        roles: account and name of each role in ``arns``.
        users: account and name of each user in ``arns``.
        unique_ids: unique IDs such as AROA... that AWS leaves in a policy when the principal was deleted.
        others: kind and name of services, identity providers and canonical users.
    """

    everyone: bool
    every_aws: bool
    accounts: frozenset[str]
    arns: frozenset[str]
    roles: frozenset[tuple[str, str]]
    users: frozenset[tuple[str, str]]
    unique_ids: frozenset[str]
    others: frozenset[tuple[PrincipalKind, str]]

    def grade(self, principal: Principal, context: ContextValues) -> Grade:
        """How strongly the element names this principal."""
        if self.everyone:
            return Grade.DIRECT
        kind = principal.kind
        if self.every_aws and kind is not PrincipalKind.IDENTITY_PROVIDER:
            return Grade.DIRECT
        if principal.account is None:
            named = (kind, principal.identifier) in self.others or (kind, "*") in self.others
            return Grade.DIRECT if named else Grade.NONE
        if principal.identifier in self.arns:
            return Grade.LIMITED if kind is PrincipalKind.ROLE else Grade.DIRECT
        if kind is PrincipalKind.ROLE_SESSION and (principal.account, principal.name) in self.roles:
            return Grade.LIMITED
        if kind is PrincipalKind.FEDERATED_USER and (principal.account, principal.name) in self.users:
            return Grade.LIMITED
        if self.unique_ids and (grade := self._grade_by_unique_id(context)):
            return grade
        if principal.account in self.accounts:
            return Grade.DIRECT if kind is PrincipalKind.ROOT else Grade.ACCOUNT
        return Grade.NONE

    def _grade_by_unique_id(self, context: ContextValues) -> Grade:
        # aws:userid is the unique ID of a user, and ROLE-ID:SESSION-NAME of a role session.
        for user_id in context.get("aws:userid", ()):
            if user_id in self.unique_ids:
                return Grade.DIRECT
            if user_id.partition(":")[0] in self.unique_ids:
                return Grade.LIMITED
        return Grade.NONE

    def exempts(self, principal: Principal, context: ContextValues) -> bool:
        """Whether a NotPrincipal element with these entries leaves the principal out of its Deny.

        A role leaves its sessions out, and an account its users and roles, unless the element also names single
        sessions of that role or single principals of that account: the documentation tells authors to list the
        account (and the role) beside the one principal that is meant, and only that one is then exempt.
        """
        grade = self.grade(principal, context)
        if grade is Grade.ACCOUNT:
            return not any(_account_of(arn) == principal.account for arn in self.arns)
        if grade is Grade.LIMITED and principal.kind is PrincipalKind.ROLE_SESSION:
            role = principal.identifier.rpartition("/")[0] + "/"
            return not any(arn.startswith(role) for arn in self.arns)
        return grade is not Grade.NONE


def _account_of(arn: str) -> str:
    return arn.split(":", 5)[4]


def parse_principal_element(value: object) -> PrincipalElement:
    """Read a Principal or NotPrincipal element.

    Raises:
        ValueError: it is not of the documented form; a wildcard for part of a name or ARN is not allowed.
    """
    if value == "*":
        return _element(everyone=True, entries=[])
    if not isinstance(value, Mapping) or not value:
        raise ValueError('a principal is "*" or an object with the keys AWS, Service, Federated, CanonicalUser')
    entries: list[tuple[str, str]] = []
    for kind, names in value.items():
        if kind not in _KINDS:
            raise ValueError(f"{kind!r} is not a kind of principal; known are {', '.join(_KINDS)}")
        listed = names if isinstance(names, list) else [names]
        if not listed:
            raise ValueError(f"the list of {kind} principals is empty")
        for name in listed:
            if not isinstance(name, str) or not name:
                raise ValueError(f"a principal under {kind} is not a non-empty string")
            entries.append((kind, name))
    return _element(everyone=False, entries=entries)


def _element(*, everyone: bool, entries: list[tuple[str, str]]) -> PrincipalElement:
    accounts: set[str] = set()
    arns: set[str] = set()
    unique_ids: set[str] = set()
    others: set[tuple[PrincipalKind, str]] = set()
    every_aws = False
    for kind, name in entries:
        if name == "*":
            every_aws = every_aws or kind == "AWS"
        elif "*" in name or "?" in name:
            raise ValueError(f"{name!r}: a wildcard cannot match part of a principal's name or ARN")
        elif "${" in name:
            # "IAM policy elements: Variables and tags": in Resource and Condition alone; a Deny would reach nobody.
            raise ValueError(f"{name!r}: a policy variable cannot stand in a principal")
        if kind != "AWS":
            others.add((PrincipalKind(kind), name))
        elif ACCOUNT_ID.fullmatch(name):
            accounts.add(name)
        elif name.startswith("arn:"):
            _add_arn(name, accounts, arns)
        elif _UNIQUE_ID.fullmatch(name):
            unique_ids.add(name)
        elif name != "*":
            raise ValueError(f"{name!r} is not an account, an ARN or a unique ID")
    return PrincipalElement(
        everyone=everyone,
        every_aws=every_aws,
        accounts=frozenset(accounts),
        arns=frozenset(arns),
        roles=_named(arns, "role"),
        users=_named(arns, "user"),
        unique_ids=frozenset(unique_ids),
        others=frozenset(others),
    )


def _add_arn(arn: str, accounts: set[str], arns: set[str]) -> None:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] not in ("iam", "sts"):
        raise ValueError(f"{arn!r} is not the ARN of a principal")
    if parts[5] == "root":
        if not ACCOUNT_ID.fullmatch(parts[4]):
            raise ValueError(f"{arn!r} has no twelve-digit account")
        accounts.add(parts[4])
    elif parts[5].partition("/")[0] in _PRINCIPAL_TYPES and parts[5].partition("/")[2]:
        arns.add(arn)
    else:
        raise ValueError(f"{arn!r} is not the ARN of an account root, user, role or session")


def _named(arns: set[str], resource_type: str) -> frozenset[tuple[str, str]]:
    return frozenset(
        (_account_of(arn), arn.rpartition("/")[2])
        for arn in arns
        if arn.split(":", 5)[5].startswith(f"{resource_type}/")
    )
