"""Findings, reports and catalogues for the tests of reports and scorecard."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.model import Result
from orchestrator.reports.model import ReportDocument
from orchestrator.reports.report import Report
from orchestrator.reports.scorecard.sources import Sourced, sourced
from tests.unit.core.test_connection import environment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = Result(
    "listener.tls.chain",
    "chain",
    "a stranger's broker",
    "local",
    "verified",
    "holds",
    "this machine",
    evidence={"127.0.0.1:1": "CN=b-1"},
    remediation="sign it",
    documentation="RFC 5280",
)
BAD = replace(GOOD, id="listener.tls.expiry", status="failed", reason="it expired")
UNKNOWN = replace(
    GOOD, id="bucket.x", risk="leaked data", status="error", reason="no answer", evidence={"diagnosis": "timeout.api"}
)
UNSEEN = replace(GOOD, id="auth.mtls", risk="strangers", status="not_covered", reason="no CA", evidence={})
#: Text that every format has a reason to choke on.
NASTY = '<script>alert(1)</script> & "it\'s" | `x` *b* [a](b) @team\nline two \x1b[31m\x00 ]]> é 漢 \ud800'


def document(*results: Result, **changes: Any) -> ReportDocument:
    """Return a finished report."""
    report = Report(environment())
    report.finish(results)
    made = report.model()
    return made.model_copy(update={"environment": made.environment.model_copy(update=changes)})


def many(count: int) -> list[Result]:
    """Return results of every status, with ids, risks and statements of usual length."""
    statuses = ("verified", "verified", "verified", "failed", "verified", "not_covered", "verified", "error")
    return [
        replace(
            GOOD,
            id=f"acl.service-{number}.deny.produce.topic-{number}",
            risk=f"A reader, or a stranger, can write false records into topic {number % 60}",
            status=statuses[number % len(statuses)],  # type: ignore[arg-type]
            statement=f"Every broker refuses service-{number}, with TOPIC_AUTHORIZATION_FAILED, on topic-{number}",
            reason="" if statuses[number % len(statuses)] == "verified" else f"broker 2 answered {NASTY}",
            evidence={"answers": {f"broker {n}": "TOPIC_AUTHORIZATION_FAILED" for n in (1, 2, 3)}},
            duration_s=0.1,
        )
        for number in range(count)
    ]


def run(
    *results: Result,
    at: datetime = NOW,
    path: str = "a",
    not_applicable: tuple[dict[str, Any], ...] = (),
    **subject: Any,
) -> Sourced:
    """Return a report of some results that finished at a time, as a scorecard reads it."""
    data = document(*results, **subject).as_dict()
    moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    data["summary"] |= {"finished_at": moment, "started_at": moment}
    data["not_applicable"] = list(not_applicable)
    return sourced(data, path)


def entry(result: Result, *layers: str) -> dict[str, Any]:
    """Return the catalogue's line of a result's contract."""
    return {"id": result.id, "risk": result.risk, "layers": list(layers or ("local", "cloud"))}


def ago(**span: float) -> datetime:
    """Return a moment before NOW."""
    return NOW - timedelta(**span)
