"""Puts a snapshot together from what a collector finds in any order: principals, policies, attachments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from orchestrator.iam import PolicyError, PolicyType, compile_policy
from orchestrator.iam_review.model import (
    UNKNOWN_ACCOUNT,
    Document,
    DocumentKind,
    Gap,
    Location,
    PolicyRecord,
    PrincipalKind,
    PrincipalRecord,
    ResourceRecord,
    Snapshot,
)

_TYPES: dict[DocumentKind, PolicyType] = {
    "identity": PolicyType.IDENTITY,
    "boundary": PolicyType.BOUNDARY,
    "trust": PolicyType.TRUST,
    "resource": PolicyType.RESOURCE,
}
_ACCOUNT_IN_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):")
#: AWS's own policies whose text is known without asking ("AWS managed policies for job functions", IAM User Guide).
_KNOWN_BY_NAME = {
    "arn:aws:iam::aws:policy/AdministratorAccess": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
}


@dataclass
class _Draft:
    kind: PrincipalKind
    name: str
    location: Location
    path: str = "/"
    account: str = ""
    policies: list[PolicyRecord] = field(default_factory=list)
    attached: list[tuple[str, Location]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    boundary: PolicyRecord | None = None
    boundary_arn: str = ""
    trust: PolicyRecord | None = None


class SnapshotBuilder:
    """Collects one side of a change.

    Args:
        name: how the reader gave the side.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._drafts: dict[str, _Draft] = {}
        self._groups: dict[str, _Draft] = {}
        self._managed: dict[str, PolicyRecord] = {}
        self._standalone: list[PolicyRecord] = []
        self._resources: dict[str, ResourceRecord] = {}
        self._gaps: list[Gap] = []
        self._documents: list[Document] = []
        self._accounts: Counter[str] = Counter()

    def principal(
        self, kind: PrincipalKind, name: str, location: Location, *, path: str = "/", account: str = ""
    ) -> None:
        """Declare a role, a user, or a policy that stands for its holder; again with a better location is fine."""
        draft = self._draft(kind, name, location)
        draft.path, draft.account, draft.location = path, account, location

    def _draft(self, kind: PrincipalKind, name: str, location: Location) -> _Draft:
        return self._drafts.setdefault(f"{kind}/{name}", _Draft(kind, name, location))

    def group(self, name: str, location: Location) -> None:
        """Declare a group."""
        self._groups.setdefault(name, _Draft("user", name, location))

    def _holder(self, kind: PrincipalKind | str, name: str, location: Location) -> _Draft:
        if kind == "group":
            self.group(name, location)
            return self._groups[name]
        return self._draft("user" if kind == "user" else "policy" if kind == "policy" else "role", name, location)

    def grant(self, kind: PrincipalKind | str, name: str, record: PolicyRecord) -> None:
        """Give a role, user or group an inline policy."""
        if self._sound("identity", record, f"{kind}/{name}"):
            self._holder(kind, name, record.location).policies.append(record)

    def attach(self, kind: PrincipalKind | str, name: str, arn: str, location: Location) -> None:
        """Attach a managed policy, named by ARN or by any reference that `managed` was called with."""
        self._holder(kind, name, location).attached.append((arn, location))

    def managed(self, record: PolicyRecord, *references: str, standalone: bool = True) -> None:
        """Declare a managed policy, which is evaluated with whoever has it.

        Args:
            record: the policy.
            references: other names of it beside its ARN.
            standalone: review it by itself when nobody in view has it.
        """
        if standalone:
            self._standalone.append(record)
        for reference in (record.arn, *references):
            if reference:
                self._managed[reference] = record

    def boundary(self, kind: PrincipalKind, name: str, location: Location, boundary: PolicyRecord | str) -> None:
        """Set a permissions boundary: its document, or its ARN or reference."""
        draft = self._draft(kind, name, location)
        if isinstance(boundary, str):
            draft.boundary_arn = boundary
        else:
            draft.boundary_arn = boundary.arn or boundary.name
            draft.boundary = boundary if self._sound("boundary", boundary, draft.kind + "/" + name) else None

    def trust(self, name: str, record: PolicyRecord) -> None:
        """Set who may assume a role."""
        draft = self._draft("role", name, record.location)
        draft.trust = record if self._sound("trust", record, f"role/{name}") else None

    def member(self, user: str, group: str, location: Location) -> None:
        """Put a user into a group."""
        self._draft("user", user, location).groups.append(group)

    def resource(self, arn: str, record: PolicyRecord) -> None:
        """Set a resource's own policy."""
        if self._sound("resource", record, arn):
            self._resources[arn] = ResourceRecord(arn, record)

    def acl(self, record: PolicyRecord, principal: str) -> None:
        """Add a Kafka ACL, which is judged by itself: what IAM says of a principal has no part in it."""
        self._documents.append(Document("acl", record, principal))

    def gap(self, location: Location, reason: str, principal: str = "") -> None:
        """Say what is not known."""
        self._gaps.append(Gap(location, reason, principal))

    def saw(self, text: str) -> None:
        """Look for account ids in a text, so that roles without one get the account that everything belongs to."""
        self._accounts.update(account for account in _ACCOUNT_IN_ARN.findall(text) if account != UNKNOWN_ACCOUNT)

    def _sound(self, kind: DocumentKind, record: PolicyRecord, owner: str) -> bool:
        self._documents.append(Document(kind, record, owner))
        try:
            compile_policy(record.document, _TYPES[kind], name=record.name)
        except PolicyError as error:
            principal = owner if kind != "resource" else ""
            self.gap(record.at(error.statement or 0), f"the policy cannot be evaluated: {error.problem}", principal)
            return False
        return True

    def build(self) -> Snapshot:
        """Return the snapshot, with attachments and groups resolved."""
        account = self._accounts.most_common(1)[0][0] if self._accounts else UNKNOWN_ACCOUNT
        used: set[str] = set()
        principals = {
            label: self._finished(label, draft, account, used) for label, draft in sorted(self._drafts.items())
        }
        for record in self._standalone:
            if record.name not in used and self._sound("identity", record, f"policy/{record.name}"):
                holder = PrincipalRecord("policy", record.name, account, record.location, (record,))
                principals.setdefault(holder.label, holder)
        found = Snapshot(
            self._name, principals, dict(self._resources), tuple(self._gaps), documents=tuple(self._documents)
        )
        return in_account(found, account)

    def _finished(self, label: str, draft: _Draft, account: str, used: set[str]) -> PrincipalRecord:
        policies = [*draft.policies, *self._resolved(label, draft.attached, used)]
        for group in draft.groups:
            found = self._groups.get(group)
            if found is None:
                self.gap(draft.location, f"the policies of group {group} are not known", label)
            else:
                policies += [*found.policies, *self._resolved(label, found.attached, used)]
        boundary = draft.boundary
        if boundary is None and draft.boundary_arn:
            boundary = self._boundary_of(label, draft, used)
        return PrincipalRecord(
            draft.kind,
            draft.name,
            draft.account or account,
            draft.location,
            tuple(policies),
            boundary,
            draft.boundary_arn,
            draft.trust,
            draft.path,
        )

    def _boundary_of(self, label: str, draft: _Draft, used: set[str]) -> PolicyRecord | None:
        found = self._managed.get(draft.boundary_arn)
        if found is None:
            self.gap(draft.location, f"the text of the permissions boundary {draft.boundary_arn} is not known", label)
            return None
        used.add(found.name)
        return found if self._sound("boundary", found, label) else None

    def _resolved(self, label: str, attached: Iterable[tuple[str, Location]], used: set[str]) -> list[PolicyRecord]:
        found = []
        for arn, location in attached:
            record = self._managed.get(arn)
            if record is None and arn in _KNOWN_BY_NAME:
                record = PolicyRecord(arn.rpartition("/")[2], _KNOWN_BY_NAME[arn], location, arn=arn)
            if record is None:
                self.gap(location, f"the text of the attached policy {arn} is not known", label)
                continue
            used.add(record.name)
            if self._sound("identity", record, label):
                found.append(record)
        return found


def in_account(snapshot: Snapshot, account: str) -> Snapshot:
    """Return a snapshot in which everything without a known account belongs to one."""
    if snapshot.account != UNKNOWN_ACCOUNT or account == UNKNOWN_ACCOUNT:
        return snapshot
    principals = {
        label: replace(record, account=account) if record.account == UNKNOWN_ACCOUNT else record
        for label, record in snapshot.principals.items()
    }
    resources = {
        (arn := record.arn.replace(UNKNOWN_ACCOUNT, account)): replace(record, arn=arn)
        for record in snapshot.resources.values()
    }
    return replace(snapshot, account=account, principals=principals, resources=resources)
