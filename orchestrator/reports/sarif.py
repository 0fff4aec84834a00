"""A report's failures as results for code scanning: rules are the contracts.

A result points at the spec file, since code scanning shows nothing without a location; its logical locations name the
contract of the environment, and the resources that the evidence names by their addresses. A finding with places
(resources of a plan) has a result for each of them.
"""

from __future__ import annotations

from typing import Any

from orchestrator.reports.evidence import facts
from orchestrator.reports.model import Finding, ReportDocument
from orchestrator.reports.model import Place as PlanPlace
from orchestrator.sarif import Place, Result, Rule, log

_SEVERITY = {"production": 9.0, "cloud": 7.0, "local": 7.0}
#: The part of a finding's evidence that says which resources are wrong.
ADDRESSES = "addresses"


def document(report: ReportDocument, spec_file: str = "ephk.yaml") -> dict[str, Any]:
    """Return the failed findings as a SARIF log.

    Args:
        report: the report; results of other statuses are no findings in SARIF's sense and stay out.
        spec_file: what to point at, relative to the repository's root.
    """
    return log(
        report.tool.get("name", "ephk"),
        report.tool.get("version", "0"),
        [
            _result(report, finding, spec_file, place)
            for finding in report.with_status("failed")
            for place in finding.places or (None,)
        ],
        category=f"ephk/{report.environment.target}/{report.environment.name}/",
        invocation={
            "executionSuccessful": report.summary.complete and report.summary.error == 0,
            "startTimeUtc": report.summary.started_at,
            "endTimeUtc": report.summary.finished_at,
        },
    )


def _result(report: ReportDocument, finding: Finding, spec_file: str, of_plan: PlanPlace | None) -> Result:
    environment = report.environment
    rule = Rule(
        finding.id,
        finding.title,
        f"{finding.statement}. Risk: {finding.risk}.",
        f"{finding.remediation}.",
        "error",
        _SEVERITY[finding.layer],
        ("security", "kafka", finding.layer),
        finding.documentation,
    )
    seen = "; ".join(f"{name}: {value}" for name, value in facts(finding.evidence, at_most=4))
    text = f"{finding.reason}. Seen from {finding.vantage}" + (f": {seen}" if seen else "")
    listed = finding.evidence.get(ADDRESSES)
    addresses = [str(address) for address in listed] if isinstance(listed, list | tuple) else []
    place = Place(spec_file, 1, (f"{environment.name}/{finding.id}", *addresses), finding.id)
    # The same contract of the same environment is the same alert in the next run, wherever the brokers' ports are.
    identity: tuple[str, ...] = (environment.name, finding.id)
    if of_plan is not None:
        text = f"{of_plan.address}: {of_plan.message}"
        place = Place(of_plan.file or spec_file, of_plan.line, (of_plan.address,), finding.id)
        identity = (*identity, of_plan.address)
    return Result(
        rule,
        text,
        place,
        identity,
        properties={
            "layer": finding.layer,
            "lease": environment.lease,
            "target": environment.target,
            "commit": environment.commit,
        },
    )
