"""The review of a change: what each principal gains and loses, boundaries, trust, resources, and new lint findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from orchestrator.iam import StatementRef
from orchestrator.iam_review.access import Change, Comparison, compare
from orchestrator.iam_review.builder import in_account
from orchestrator.iam_review.lint import lint
from orchestrator.iam_review.model import (
    UNKNOWN_ACCOUNT,
    Finding,
    FindingKind,
    Gap,
    Location,
    PolicyRecord,
    PrincipalRecord,
    Severity,
    Snapshot,
)
from orchestrator.iam_review.outsiders import OutsiderChange, resource_changes, trust_changes
from orchestrator.iam_review.subject import EVERYTHING, Subject, subject_of
from orchestrator.iam_review.wording import sentence, severity_of

_SEVERITY_OF_LOSS = Severity.LOW


@dataclass(frozen=True)
class Review:
    """What came of comparing two sides, or of judging one.

    Attributes:
        base: how the reader gave the side before; empty for a lint of one side.
        head: the side after.
        findings: worst first; accepted ones included.
        gaps: what could not be known about the side after, or about both.
        principals: how many principals were compared.
        decisions: how many requests were decided.
        unused: reasons of acceptances that accept nothing any more.
    """

    base: str
    head: str
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    principals: int
    decisions: int = 0
    unused: tuple[str, ...] = ()

    @property
    def unaccepted(self) -> tuple[Finding, ...]:
        """The findings that fail the check."""
        return tuple(finding for finding in self.findings if finding.widens and not finding.accepted)


def review(base: Snapshot, head: Snapshot) -> Review:
    """Compare two snapshots.

    Args:
        base: the side before.
        head: the side after.
    """
    account = next((side.account for side in (head, base) if side.account != UNKNOWN_ACCOUNT), UNKNOWN_ACCOUNT)
    base, head = in_account(base, account), in_account(head, account)
    comparison = _Review(base, head)
    findings = [*comparison.of_principals(), *comparison.of_resources(), *_new_lint(base, head)]
    gaps = (*head.gaps, *(replace(gap, reason=f"before the change, {gap.reason}") for gap in base.gaps))
    return Review(
        base.name,
        head.name,
        in_order(findings),
        tuple(dict.fromkeys(gaps)),
        len({*base.principals, *head.principals}),
        comparison.decisions,
    )


def in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return findings with the worst first: what widens access before what does not."""
    return tuple(
        sorted(findings, key=lambda one: (not one.widens, -one.severity.score, one.principal, one.kind, one.message))
    )


class _Review:
    def __init__(self, base: Snapshot, head: Snapshot) -> None:
        self._base, self._head = base, head
        self.decisions = 0
        self._known = frozenset(
            arn
            for side in (base, head)
            for record in side.principals.values()
            for arn in (record.arn, record.entity_arn)
        )
        self._changed_resources = [
            pattern
            for arn in {*base.resources, *head.resources}
            if _document(base.resources.get(arn)) != _document(head.resources.get(arn))
            for pattern in (arn, f"{arn}/*")
        ]

    # Principals

    def of_principals(self) -> Iterator[Finding]:
        for label in sorted({*self._base.principals, *self._head.principals}):
            before, after = self._base.principals.get(label), self._head.principals.get(label)
            some = after or before
            if some is None:
                continue
            yield from self._access(label, before, after)
            yield from self._boundary(label, before, after)
            yield from self._trust(some, before, after)

    def _access(self, label: str, before: PrincipalRecord | None, after: PrincipalRecord | None) -> Iterator[Finding]:
        if after is None and before is not None:
            text = f"lost: {label} is gone, with all that it could do"
            yield Finding("lost-access", "iam.diff.lost-access", _SEVERITY_OF_LOSS, label, text, before.location)
            return
        only: list[str] = []
        if before is not None and after is not None and _same_access(before, after):
            only = self._changed_resources
            if not only:
                return
        found = compare(
            subject_of(before, self._base) if before else None,
            subject_of(after, self._head) if after else None,
            only=only,
        )
        self.decisions += found.decisions
        yield from self._told(label, found, before, after)
        if after is not None and after.boundary is not None:
            yield from self._held_back(label, found, before, after, only)

    def _held_back(
        self, label: str, effective: Comparison, before: PrincipalRecord | None, after: PrincipalRecord, only: list[str]
    ) -> Iterator[Finding]:
        """Tell what policies newly grant and the boundary alone still refuses: one more change away from access."""
        sides = [
            subject_of(replace(record, boundary=None), side) if record else None
            for record, side in ((before, self._base), (after, self._head))
        ]
        found = compare(sides[0], sides[1], only=only)
        self.decisions += found.decisions
        told = {(change.actions, change.resources) for change in effective.new}
        for change in found.new:
            if (change.actions, change.resources) not in told:
                location = self._located(change.statement, after, self._head)
                finding = _finding("new-access", label, change, Severity.MEDIUM, location, new=True)
                text = f"{finding.message}, held back by its boundary alone"
                yield replace(finding, rule="iam.diff.new-grant", message=text)

    def _told(
        self, label: str, found: Comparison, before: PrincipalRecord | None, after: PrincipalRecord | None
    ) -> Iterator[Finding]:
        for change in found.new:
            location = self._located(change.statement, after, self._head)
            yield _finding("new-access", label, change, severity_of(change), location, new=True)
        for change in found.lost:
            location = self._located(change.statement, before, self._base)
            yield _finding("lost-access", label, change, _SEVERITY_OF_LOSS, location, new=False)

    def _located(self, statement: StatementRef | None, record: PrincipalRecord | None, side: Snapshot) -> Location:
        """Return where the statement stands that allows something."""
        policies = [*(record.policies if record else ()), *(entry.policy for entry in side.resources.values())]
        if statement is not None:
            for policy in policies:
                if policy.name == statement.policy_name:
                    return policy.at(statement.index)
        return record.location if record else Location()

    def _boundary(self, label: str, before: PrincipalRecord | None, after: PrincipalRecord | None) -> Iterator[Finding]:
        if before is None or after is None:
            return
        if before.has_boundary and not after.has_boundary:
            text = f"boundary removed: nothing limits what the policies of {label} grant any more"
            yield _boundary_finding(label, text, Severity.HIGH, after.location, widens=True)
        elif after.has_boundary and not before.has_boundary:
            text = f"boundary added: {label} is limited by {after.boundary_arn}"
            yield _boundary_finding(label, text, Severity.LOW, after.location, widens=False)
        elif before.boundary and after.boundary and before.boundary.document != after.boundary.document:
            yield from self._moved_boundary(label, before, after, before.boundary, after.boundary)
        elif before.boundary_arn != after.boundary_arn and (before.boundary is None or after.boundary is None):
            text = f"boundary replaced: {before.boundary_arn} by {after.boundary_arn}, whose text is not known"
            yield _boundary_finding(label, text, Severity.HIGH, after.location, widens=True)

    def _moved_boundary(
        self, label: str, before: PrincipalRecord, after: PrincipalRecord, old: PolicyRecord, new: PolicyRecord
    ) -> Iterator[Finding]:
        everything = PolicyRecord("everything", EVERYTHING, Location())
        sides = [
            Subject(record.arn, record.account, identity=(everything,), boundary=boundary)
            for record, boundary in ((before, old), (after, new))
        ]
        found = compare(sides[0], sides[1])
        self.decisions += found.decisions
        for change in found.new:
            text = f"boundary widened: {sentence(label, change, new=True)}, once a policy grants it"
            yield replace(
                _boundary_finding(label, text, Severity.MEDIUM, new.location, widens=True),
                actions=change.actions,
                resources=change.resources,
                condition=change.condition,
            )
        if found.lost and not found.new:
            text = f"boundary narrowed: {label} can be granted less than before"
            yield _boundary_finding(label, text, Severity.LOW, new.location, widens=False)

    def _trust(
        self, some: PrincipalRecord, before: PrincipalRecord | None, after: PrincipalRecord | None
    ) -> Iterator[Finding]:
        old, new = before.trust if before else None, after.trust if after else None
        if some.kind != "role" or after is None or _content(old) == _content(new):
            return
        for found in trust_changes(some.entity_arn, old, new, some.account):
            record = new if found.new else old
            location = (
                record.at(found.change.statement.index if found.change.statement else 0) if record else some.location
            )
            yield _trust_finding(some.label, found, location)

    # Resources

    def of_resources(self) -> Iterator[Finding]:
        for arn in sorted({*self._base.resources, *self._head.resources}):
            before, after = self._base.resources.get(arn), self._head.resources.get(arn)
            if _document(before) == _document(after):
                continue
            for found in resource_changes(before, after, self._head.account, self._known):
                record = (after or before) if found.new else (before or after)
                statement = found.change.statement
                policy = record.policy if record else None
                own = policy is not None and statement is not None and statement.policy_name == policy.name
                location = policy.at(statement.index if own and statement else 0) if policy else Location(address=arn)
                severity = max(found.outsider.severity, severity_of(found.change), key=lambda one: one.score)
                if found.outsider.severity is not Severity.CRITICAL and severity is Severity.CRITICAL:
                    severity = Severity.HIGH
                kind: FindingKind = "new-access" if found.new else "lost-access"
                severity = severity if found.new else _SEVERITY_OF_LOSS
                yield _finding(kind, found.outsider.label, found.change, severity, location, new=found.new)


def _same_access(before: PrincipalRecord, after: PrincipalRecord) -> bool:
    ours, theirs = (
        (sorted(str(policy.document) for policy in record.policies), _content(record.boundary), record.arn)
        for record in (before, after)
    )
    return ours == theirs


def _content(record: PolicyRecord | None) -> Mapping[str, object] | None:
    return record.document if record is not None else None


def _document(resource: object) -> Mapping[str, object] | None:
    policy = getattr(resource, "policy", None)
    return policy.document if isinstance(policy, PolicyRecord) else None


def _finding(
    kind: FindingKind, who: str, change: Change, severity: Severity, location: Location, *, new: bool
) -> Finding:
    return Finding(
        kind,
        f"iam.diff.{kind}",
        severity,
        who,
        sentence(who, change, new=new),
        location,
        change.actions,
        change.resources,
        change.condition,
        widens=new,
        remediation="Take it away, or accept it in the policy file with the reason." if new else "",
    )


def _boundary_finding(label: str, text: str, severity: Severity, location: Location, *, widens: bool) -> Finding:
    remediation = "Set the boundary again, or accept the change in the policy file with the reason." if widens else ""
    return Finding(
        "boundary", "iam.diff.boundary", severity, label, text, location, widens=widens, remediation=remediation
    )


def _trust_finding(label: str, found: OutsiderChange, location: Location) -> Finding:
    verb = "may now" if found.new else "may no longer"
    text = f"trust: {found.outsider.label} {verb} assume {label}"
    if found.change.condition:
        text += f" when {found.change.condition}"
    if found.change.otherwise:
        text += f" ({'before' if found.new else 'still'} only when {found.change.otherwise})"
    name = found.outsider.principal if isinstance(found.outsider.principal, str) else found.outsider.principal[1]
    return Finding(
        "trust",
        "iam.diff.trust",
        found.outsider.severity if found.new else _SEVERITY_OF_LOSS,
        label,
        text,
        location,
        found.change.actions,
        (name,),
        found.change.condition,
        widens=found.new,
        remediation="Name who must assume the role, or accept the change in the policy file." if found.new else "",
    )


def _new_lint(base: Snapshot, head: Snapshot) -> list[Finding]:
    """Return what the linter says about the side after and did not say before; the place may have moved."""
    before = {(finding.rule, finding.principal, finding.message) for finding in lint(base)}
    return [finding for finding in lint(head) if (finding.rule, finding.principal, finding.message) not in before]
