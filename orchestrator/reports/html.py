"""The report as one self-contained HTML page: what is wrong in full, the rest as tables."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.reports.model import STATUSES, Finding, ReportDocument, by_reason, word
from orchestrator.reports.pages import page


@dataclass(frozen=True)
class _Section:
    anchor: str
    title: str
    findings: tuple[Finding, ...]
    in_full: bool = False
    caption: str = ""
    column: str = ""


def render(document: ReportDocument) -> str:
    """Return the page."""
    verdict, status = _verdict(document)
    sections = (
        _Section("failed", "Failed", document.with_status("failed"), in_full=True),
        _Section("error", "Could not be run", document.with_status("error"), in_full=True),
        _Section(
            "not-covered",
            "Not covered",
            document.with_status("not_covered"),
            caption="Nobody looked: each is release risk.",
            column="why not",
        ),
        _Section(
            "verified",
            "Verified",
            document.with_status("verified"),
            caption="Unfold the evidence to see what was shown.",
            column="evidence",
        ),
    )
    counts = {**document.summary.model_dump(), "not_applicable": len(document.not_applicable)}
    return page(
        "report.html.j2",
        subject=document.environment,
        summary=document.summary,
        verdict=verdict,
        verdict_status=status,
        counts=", ".join(f"{counts[status]} {word(status)}" for status in (*STATUSES, "not_applicable")),
        layers=", ".join(dict.fromkeys(finding.layer for finding in document.results)) or "none",
        sections=[section for section in sections if section.findings],
        not_applicable=by_reason(document.not_applicable),
        inapplicable=counts["not_applicable"],
    )


def _verdict(document: ReportDocument) -> tuple[str, str]:
    summary = document.summary
    if summary.failed:
        return f"{summary.failed} contract{'s' if summary.failed > 1 else ''} failed", "failed"
    if summary.error:
        return f"{summary.error} contract{'s' if summary.error > 1 else ''} could not be run", "error"
    if not summary.complete:
        return "Interrupted: some contracts have no answer", "stale"
    if not summary.verified:
        return "Nothing was verified", "not_covered"
    return "Every contract that was run holds", "verified"
