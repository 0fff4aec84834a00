"""SARIF 2.1.0, for code scanning: failures alone, as results of rules that are the contracts.

A result points at the spec file, since code scanning shows nothing without a location; the logical location names the
contract and the environment. A finding with places (resources of a plan) has a result for each of them. Limits are
GitHub's ("SARIF support for code scanning"): 25,000 results and rules in a run are accepted, and only the first 5,000
results by severity are shown.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from orchestrator.reports.evidence import facts
from orchestrator.reports.model import Finding, Place, ReportDocument

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_MOST_RESULTS = 25_000
#: GitHub's scale: above 9.0 critical, 7.0 to 8.9 high, 4.0 to 6.9 medium, 0.1 to 3.9 low.
_SEVERITY = {"production": "9.0", "cloud": "7.0", "local": "7.0"}


def document(report: ReportDocument, spec_file: str = "ephk.yaml") -> dict[str, Any]:
    """Return the failed findings as a SARIF log.

    Args:
        report: the report; results of other statuses are no findings in SARIF's sense and stay out.
        spec_file: what to point at, relative to the repository's root.
    """
    failures = report.with_status("failed")[:_MOST_RESULTS]
    rules = list({finding.id: finding for finding in failures}.values())
    positions = {finding.id: position for position, finding in enumerate(rules)}
    tool = report.tool
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": tool.get("name", "ephk"),
                        "version": tool.get("version", "0"),
                        "rules": [_rule(finding) for finding in rules],
                    }
                },
                "automationDetails": {"id": f"ephk/{report.environment.target}/{report.environment.name}/"},
                "invocations": [
                    {
                        "executionSuccessful": report.summary.complete and report.summary.error == 0,
                        "startTimeUtc": report.summary.started_at,
                        "endTimeUtc": report.summary.finished_at,
                    }
                ],
                "columnKind": "utf16CodeUnits",
                "results": [
                    _result(report, finding, positions[finding.id], spec_file, place)
                    for finding in failures
                    for place in finding.places or (None,)
                ][:_MOST_RESULTS],
            }
        ],
    }


def _rule(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "name": "".join(part.title() for part in finding.id.replace("-", ".").split(".")),
        "shortDescription": {"text": finding.title},
        "fullDescription": {"text": f"{finding.statement}. Risk: {finding.risk}."},
        "help": {
            "text": f"{finding.remediation}. Source: {finding.documentation}.",
            "markdown": f"{finding.remediation}.\n\n*Source: {finding.documentation}*",
        },
        "defaultConfiguration": {"level": "error"},
        "properties": {
            "tags": ["security", "kafka", finding.layer],
            "precision": "very-high",
            "security-severity": _SEVERITY[finding.layer],
        },
    }


def _result(
    report: ReportDocument, finding: Finding, position: int, spec_file: str, place: Place | None
) -> dict[str, Any]:
    seen = "; ".join(f"{name}: {value}" for name, value in facts(finding.evidence, at_most=4))
    text = f"{finding.reason}. Seen from {finding.vantage}" + (f": {seen}" if seen else "")
    named = f"{report.environment.name}/{finding.id}"
    if place is not None:
        text, named = f"{place.address}: {place.message}", place.address
    # The same contract of the same environment is the same alert in the next run, wherever the brokers' ports are.
    identity = [report.environment.name, finding.id, *([place.address] if place else [])]
    fingerprint = hashlib.sha256("\0".join(identity).encode()).hexdigest()
    return {
        "ruleId": finding.id,
        "ruleIndex": position,
        "level": "error",
        "kind": "fail",
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": quote(place.file) if place and place.file else spec_file,
                        "uriBaseId": "%SRCROOT%",
                    },
                    "region": {"startLine": place.line if place else 1},
                },
                "logicalLocations": [
                    {
                        "name": finding.id,
                        "fullyQualifiedName": named,
                        "kind": "resource",
                    }
                ],
            }
        ],
        "partialFingerprints": {"contract/v1": fingerprint},
        "properties": {
            "layer": finding.layer,
            "lease": report.environment.lease,
            "target": report.environment.target,
            "commit": report.environment.commit,
        },
    }
