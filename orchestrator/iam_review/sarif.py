"""A review as SARIF 2.1.0 for code scanning: only what fails or deserves a look, with `security-severity`.

Sources: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; GitHub Docs, "SARIF support for code
scanning" (severity is a property of the rule, so a rule exists once for each severity that it was found with).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

from orchestrator import __version__
from orchestrator.iam_review.catalogue import RULES
from orchestrator.iam_review.diff import Review
from orchestrator.iam_review.model import Finding, Location, Severity

_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_TITLES = {
    "iam.diff.new-access": "Access that was not there before",
    "iam.diff.new-grant": "Grant that only the boundary holds back",
    "iam.diff.trust": "Somebody more may assume a role",
    "iam.diff.boundary": "A permissions boundary limits less",
    **{rule.id: rule.title for rule in RULES},
}
#: GitHub takes 25,000 results of a run.
_MAX_RESULTS = 25_000


def sarif(review: Review) -> dict[str, Any]:
    """Return the SARIF document; accepted findings are suppressed in it, lost access is left out."""
    findings = [one for one in review.findings if one.widens or one.kind == "lint"][:_MAX_RESULTS]
    rules: dict[str, dict[str, Any]] = {}
    for finding in findings:
        rules.setdefault(_rule_id(finding), _rule(finding))
    indices = {rule: index for index, rule in enumerate(rules)}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "ephk check iam",
                        "semanticVersion": __version__,
                        "rules": list(rules.values()),
                    }
                },
                "results": [_result(finding, indices[_rule_id(finding)]) for finding in findings],
                "columnKind": "unicodeCodePoints",
            }
        ],
    }


def _rule_id(finding: Finding) -> str:
    return f"{finding.rule}/{finding.severity.value}"


def _rule(finding: Finding) -> dict[str, Any]:
    title = _TITLES.get(finding.rule, finding.rule)
    return {
        "id": _rule_id(finding),
        "name": title,
        "shortDescription": {"text": title},
        "fullDescription": {"text": finding.remediation or title},
        "help": {"text": finding.remediation or title},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {
            "tags": ["security", "iam"],
            "precision": "high",
            "security-severity": f"{finding.severity.score}",
        },
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    identity = "\n".join((finding.rule, finding.principal, finding.message))
    result: dict[str, Any] = {
        "ruleId": _rule_id(finding),
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [_location(finding.location)],
        "partialFingerprints": {"ephkIam/v1": hashlib.sha256(identity.encode()).hexdigest()[:32]},
    }
    if finding.accepted:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.accepted}]
    return result


def _in_repository(file: str) -> str:
    """Return a path as code scanning wants it: relative to where the command runs, with slashes."""
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return path.as_posix() if file else ""


def _location(location: Location) -> dict[str, Any]:
    # Code scanning wants a file; what has none (a live environment) is shown by its address.
    uri = quote(_in_repository(location.file)) or "live-environment"
    found: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": location.line or 1}}
    }
    if location.address:
        found["logicalLocations"] = [{"fullyQualifiedName": location.address, "kind": "resource"}]
    return found
