"""A review's findings as results for code scanning: only what fails or deserves a look."""

from __future__ import annotations

from typing import Any

from orchestrator import __version__
from orchestrator.iam_review.catalogue import RULES
from orchestrator.iam_review.diff import Review
from orchestrator.iam_review.model import Finding, Location, Severity
from orchestrator.sarif import Level, Place, Result, Rule, log

_LEVELS: dict[Severity, Level] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
_TITLES = {
    "iam.diff.new-access": "Access that was not there before",
    "iam.diff.new-grant": "Grant that only the boundary holds back",
    "iam.diff.trust": "Somebody more may assume a role",
    "iam.diff.boundary": "A permissions boundary limits less",
    **{rule.id: rule.title for rule in RULES},
}
_SOURCES = {rule.id: rule.documentation for rule in RULES}
#: What stands for a file where there is none: what was found is shown by its address.
_NO_FILE = "live-environment"


def sarif(review: Review) -> dict[str, Any]:
    """Return the SARIF document; accepted findings are suppressed in it, lost access is left out."""
    findings = [one for one in review.findings if one.widens or one.kind == "lint"]
    return log("ephk check iam", __version__, [_result(finding) for finding in findings])


def _result(finding: Finding) -> Result:
    title = _TITLES.get(finding.rule, finding.rule)
    rule = Rule(
        f"{finding.rule}/{finding.severity.value}",
        title,
        finding.remediation or title,
        finding.remediation or title,
        _LEVELS[finding.severity],
        finding.severity.score,
        ("security", "iam"),
        _SOURCES.get(finding.rule, ""),
    )
    identity = (finding.rule, finding.principal, finding.message)
    return Result(rule, finding.message, _place(finding.location), identity, finding.accepted)


def _place(location: Location) -> Place:
    addresses = (location.address,) if location.address else ()
    return Place(location.file or _NO_FILE, location.line or 1, addresses)
