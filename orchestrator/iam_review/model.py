"""The vocabulary of a review: where a policy stands, who has it, what could not be known, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal

PrincipalKind = Literal["role", "user", "policy"]
#: Stands for the account where nothing in view names one.
UNKNOWN_ACCOUNT = "000000000000"


class Severity(Enum):
    """How bad a finding is, with the score that code scanning tools read as `security-severity`."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def score(self) -> float:
        """9, 7, 4 or 2: the lower ends of GitHub's bands ("SARIF support for code scanning")."""
        return {"critical": 9.0, "high": 7.0, "medium": 4.0, "low": 2.0}[self.value]


@dataclass(frozen=True)
class Location:
    """Where something stands, so that a reviewer finds it.

    Attributes:
        file: the file's path as it was given, empty when there is none.
        line: counted from 1; None when the file is a plan, which nobody reads by lines.
        address: the resource's Terraform address, Pulumi URN or ARN; empty for a plain file.
    """

    file: str = ""
    line: int | None = None
    address: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return self.address or place


@dataclass(frozen=True)
class PolicyRecord:
    """One policy document and where it stands.

    Attributes:
        name: how findings call it.
        document: the policy as a JSON object.
        location: where it stands.
        statement_lines: the line of each statement, when the file is read by lines.
        arn: of a managed policy.
    """

    name: str
    document: Mapping[str, Any]
    location: Location
    statement_lines: tuple[int, ...] = ()
    arn: str = ""

    def at(self, statement: int) -> Location:
        """Return where a statement (counted from 1; 0 for the whole document) stands."""
        if 0 < statement <= len(self.statement_lines):
            return replace(self.location, line=self.statement_lines[statement - 1])
        return self.location


@dataclass(frozen=True)
class PrincipalRecord:
    """A role or user with everything that decides what it can do, or a policy that nobody in view has.

    Attributes:
        kind: what it is; a ``policy`` stands for whoever gets it attached.
        name: without path.
        account: twelve digits.
        location: where the principal itself is declared.
        policies: its identity-based policies, with those of its groups.
        boundary: the permissions boundary's document, when it is known.
        boundary_arn: the boundary's ARN or reference; with it and without `boundary` there is one that cannot be read.
        trust: who may assume a role.
        path: its IAM path.
    """

    kind: PrincipalKind
    name: str
    account: str
    location: Location
    policies: tuple[PolicyRecord, ...] = ()
    boundary: PolicyRecord | None = None
    boundary_arn: str = ""
    trust: PolicyRecord | None = None
    path: str = "/"

    @property
    def label(self) -> str:
        """How findings and accept lists call it, such as ``role/orders-connector``."""
        return f"{self.kind}/{self.name}"

    @property
    def arn(self) -> str:
        """The ARN that requests of it carry; a session's for a role, since sessions are what acts."""
        if self.kind == "user":
            return f"arn:aws:iam::{self.account}:user{self.path}{self.name}"
        return f"arn:aws:sts::{self.account}:assumed-role/{self.name}/review"

    @property
    def entity_arn(self) -> str:
        """The ARN of the role or user itself, as policies name it."""
        return f"arn:aws:iam::{self.account}:{'user' if self.kind == 'user' else 'role'}{self.path}{self.name}"

    @property
    def has_boundary(self) -> bool:
        """Whether a permissions boundary is set, readable or not."""
        return self.boundary is not None or bool(self.boundary_arn)


@dataclass(frozen=True)
class ResourceRecord:
    """A resource with a policy of its own.

    Attributes:
        arn: the resource's ARN, or the best that is known of it.
        policy: its resource-based policy.
    """

    arn: str
    policy: PolicyRecord

    def covers(self, resource: str) -> bool:
        """Tell whether the policy bears on a resource: on the resource itself, and on the objects of a bucket."""
        return resource == self.arn or resource.startswith(f"{self.arn}/")


@dataclass(frozen=True)
class Gap:
    """Something that could not be known, which is never the same as fine.

    Attributes:
        location: what it is about.
        reason: why, in one clause.
        principal: the label of the principal whose access depends on it, empty when that is not known either.
    """

    location: Location
    reason: str
    principal: str = ""

    def __str__(self) -> str:
        return f"{self.principal}: {self.reason}" if self.principal else self.reason


DocumentKind = Literal["identity", "boundary", "trust", "resource", "acl"]


@dataclass(frozen=True)
class Document:
    """A policy document as it was found, well-formed or not: what the linter looks at.

    Attributes:
        kind: what it is used as; an ``acl`` is a Kafka ACL (see `acl_rules`).
        record: the document.
        owner: label of the principal, or ARN of the resource, that it belongs to.
    """

    kind: DocumentKind
    record: PolicyRecord
    owner: str


@dataclass(frozen=True)
class Snapshot:
    """Everything about access on one side of a change.

    Attributes:
        name: how the reader gave it.
        principals: by label.
        resources: by ARN.
        gaps: what is not known.
        account: the account that the policies belong to.
        documents: every policy document, also those that cannot be evaluated.
    """

    name: str
    principals: Mapping[str, PrincipalRecord] = field(default_factory=dict)
    resources: Mapping[str, ResourceRecord] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    account: str = UNKNOWN_ACCOUNT
    documents: tuple[Document, ...] = ()


FindingKind = Literal["new-access", "lost-access", "boundary", "trust", "lint"]


@dataclass(frozen=True)
class Finding:
    """One thing that a reviewer should know.

    Attributes:
        kind: which part of the review it belongs to.
        rule: the stable id of the rule.
        severity: how bad it is.
        principal: label of whom it is about.
        message: one sentence.
        location: where to look.
        actions: the IAM actions, empty where there are none.
        resources: the resource patterns.
        condition: when it holds, empty for always.
        widens: whether it gives somebody more than before; these fail the check unless they are accepted.
        accepted: the reason for which the team accepts it, empty when it does not.
        remediation: what to do about it.
    """

    kind: FindingKind
    rule: str
    severity: Severity
    principal: str
    message: str
    location: Location
    actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    condition: str = ""
    widens: bool = False
    accepted: str = ""
    remediation: str = ""
