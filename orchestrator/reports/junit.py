"""JUnit XML, for the test view of a CI system.

JUnit has no schema of its own; this keeps to what Apache Ant's task writes, which Jenkins, GitLab, GitHub actions and
Azure read: not covered is `skipped` with the reason, could not run is `error`, and both stay apart from `failure`.
"""

from __future__ import annotations

from datetime import datetime

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import SystemErr, SystemOut

from orchestrator.reports.evidence import facts, printable
from orchestrator.reports.model import Finding, ReportDocument

_PACKAGE = "ephemeral-kafka"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def render(document: ReportDocument) -> str:
    """Return the report as JUnit XML: one suite for the environment, one case for each contract."""
    subject, summary = document.environment, document.summary
    suite = TestSuite(printable(subject.name))
    suite._elem.set("package", _PACKAGE)
    suite._elem.set("id", "0")
    suite.hostname = "localhost"
    suite.timestamp = summary.started_at.removesuffix("Z")  # Ant's schema: "Timezone may not be specified."
    for name, value in (
        ("lease", subject.lease),
        ("target", subject.target),
        ("flavour", subject.flavour),
        ("region", subject.region),
        ("kafka.version", subject.kafka_version),
        ("commit", subject.commit),
        ("repository", subject.repository),
        ("complete", "true" if summary.complete else "false"),
    ):
        suite.add_property(name, printable(value))
    for finding in document.results:
        suite.add_testcase(_case(finding))
    suite.update_statistics()
    begun, ended = (datetime.fromisoformat(moment) for moment in (summary.started_at, summary.finished_at))
    # Probes run side by side: the suite took less time than its cases together.
    suite.time = round((ended - begun).total_seconds(), 3)
    suite.append(SystemOut(""))
    suite.append(SystemErr(""))
    xml = JUnitXml()
    xml.append(suite)
    text = xml.tostring()
    return _DECLARATION + (text.decode() if isinstance(text, bytes) else str(text)) + "\n"


def _case(finding: Finding) -> TestCase:
    case = TestCase(printable(finding.id), printable(f"ephk.{finding.layer}.{finding.id.split('.')[0]}"))
    case.time = round(finding.duration_s, 3)
    reason = printable(finding.reason)
    if finding.status == "failed":
        case.result = [_with_text(Failure(reason, "contract"), finding)]
    elif finding.status == "error":
        code = str(finding.evidence.get("diagnosis", "probe"))
        case.result = [_with_text(Error(reason, printable(code)), finding)]
    elif finding.status == "not_covered":
        case.result = [Skipped(reason, "not_covered")]
    return case


def _with_text(outcome: Failure | Error, finding: Finding) -> Failure | Error:
    lines = [
        finding.statement,
        f"risk: {finding.risk}",
        f"seen from: {finding.vantage}",
        *(f"{name}: {value}" for name, value in facts(finding.evidence)),
        f"next: {finding.remediation}",
        f"source: {finding.documentation}",
    ]
    outcome.text = printable("\n".join(lines))
    return outcome
