"""All of a snapshot's documents and principals under the rules of `rules`, as findings."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.iam import PolicyError, PolicyType, compile_policy
from orchestrator.iam.public import statements_of
from orchestrator.iam_review import rules
from orchestrator.iam_review.acl_rules import acl_violations
from orchestrator.iam_review.catalogue import BOUNDARY, Violation
from orchestrator.iam_review.model import Document, Finding, Location, PrincipalRecord, Severity, Snapshot
from orchestrator.iam_review.statement import listed

#: From here on a finding of the linter fails a check.
FAILING_SCORE = Severity.HIGH.score


def lint(snapshot: Snapshot, *, parliament: bool = False) -> list[Finding]:
    """Judge every document and every principal of a snapshot.

    Args:
        snapshot: what to judge.
        parliament: ask parliament as well.
    """
    found: dict[tuple[str, str, str, str], Finding] = {}
    for document in snapshot.documents:
        for violation in _violations(document, snapshot, parliament=parliament):
            location = document.record.at(violation.statement)
            _add(found, _finding(violation, document.owner, location, document.record.name))
    for record in snapshot.principals.values():
        for violation, location in _of_principal(record, snapshot):
            _add(found, _finding(violation, record.label, location, ""))
    return sorted(found.values(), key=lambda finding: (-finding.severity.score, finding.principal, finding.rule))


def _add(found: dict[tuple[str, str, str, str], Finding], finding: Finding) -> None:
    found.setdefault((finding.rule, finding.principal, finding.message, str(finding.location)), finding)


def _violations(document: Document, snapshot: Snapshot, *, parliament: bool) -> list[Violation]:
    content = document.record.document
    match document.kind:
        case "identity":
            return rules.identity_policy(content, parliament=parliament)
        case "boundary":
            return rules.boundary_policy(content)
        case "trust":
            return rules.trust_policy(content, account=snapshot.account)
        case "resource":
            return rules.resource_policy(content)
        case "acl":
            return list(acl_violations(content))


def _of_principal(record: PrincipalRecord, snapshot: Snapshot) -> Iterator[tuple[Violation, Location]]:
    if record.kind != "policy" and not record.has_boundary:
        missing = rules.boundary_missing(record.label)
        if not any(other.has_boundary for other in snapshot.principals.values()):
            # Nobody here has one: a choice of the team's, to be told and not to fail every change.
            missing = Violation(BOUNDARY, missing.message, 0, Severity.LOW)
        yield missing, record.location
    try:
        named = [compile_policy(policy.document, PolicyType.IDENTITY, name=policy.name) for policy in record.policies]
        boundary = record.boundary.document if record.boundary else None
        escalations = rules.escalation_paths(record.arn, record.account, named, boundary, resources=_resources(record))
    except PolicyError:  # told as malformed already
        return
    for escalation in escalations:
        violation = rules.escalation_violation(escalation)
        policy = next((policy for policy in record.policies if policy.name == escalation.policy), None)
        yield violation, policy.at(escalation.statement) if policy else record.location


def _resources(record: PrincipalRecord) -> list[str]:
    return [
        entry
        for policy in record.policies
        for statement in statements_of(policy.document)
        for entry in listed(statement.get("Resource"))
    ]


def _finding(violation: Violation, owner: str, location: Location, policy: str) -> Finding:
    named = f"{owner}, {policy}: " if policy and policy not in owner else f"{owner}: "
    message = violation.message if violation.message.startswith(owner) else named + violation.message
    return Finding(
        "lint",
        violation.rule.id,
        violation.severity,
        owner,
        message,
        location,
        widens=violation.severity.score >= FAILING_SCORE,
        remediation=violation.rule.remediation,
    )
