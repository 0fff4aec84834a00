"""A review for people and for pull requests: console table, Markdown, one JSON document."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.iam_review.diff import Review
from orchestrator.iam_review.model import Finding, Gap, Location, Severity

SCHEMA = 1
#: By which a bot finds its own comment again.
MARKER = "<!-- ephk:iam-review -->"
_STYLES = {Severity.CRITICAL: "bold red", Severity.HIGH: "red", Severity.MEDIUM: "yellow", Severity.LOW: "dim"}
#: GitHub cuts a comment after 65,536 characters.
_MAX_MARKDOWN_ROWS = 150


def document(review: Review) -> dict[str, Any]:
    """Return the review as `--json` prints it."""
    return {
        "schema": SCHEMA,
        "base": review.base,
        "head": review.head,
        "findings": [_finding(finding) for finding in review.findings],
        "not_covered": [_gap(gap) for gap in review.gaps],
        "unused_acceptances": list(review.unused),
        "summary": {
            "principals": review.principals,
            "decisions": review.decisions,
            "unaccepted": len(review.unaccepted),
            "accepted": sum(bool(finding.accepted) for finding in review.findings),
            "not_covered": len(review.gaps),
            "by_kind": _counts(review),
        },
    }


def _counts(review: Review) -> dict[str, int]:
    kinds: dict[str, int] = dict.fromkeys(("new-access", "lost-access", "boundary", "trust", "lint"), 0)
    for finding in review.findings:
        kinds[finding.kind] += 1
    return kinds


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "principal": finding.principal,
        "message": finding.message,
        "actions": list(finding.actions),
        "resources": list(finding.resources),
        "condition": finding.condition,
        "widens": finding.widens,
        "accepted": finding.accepted or None,
        "remediation": finding.remediation,
        "location": _location(finding.location),
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {"principal": gap.principal or None, "reason": gap.reason, "location": _location(gap.location)}


def _location(location: Location) -> dict[str, Any]:
    return {"file": location.file or None, "line": location.line, "address": location.address or None}


def verdict(review: Review, *, strict: bool = False) -> str:
    """Say in one line what came of it."""
    failing, accepted = len(review.unaccepted), sum(bool(one.accepted) for one in review.findings)
    parts = [f"{failing} not accepted" if failing else "nothing that is not accepted"]
    if accepted:
        parts.append(f"{accepted} accepted")
    parts.append(f"{len(review.findings)} findings about {review.principals} principals")
    if review.decisions:
        parts.append(f"{review.decisions} decisions")
    if review.gaps:
        parts.append(f"{len(review.gaps)} not covered{', which fails (strict)' if strict else ''}")
    return "; ".join(parts)


def tables(review: Review, *, strict: bool = False) -> RenderableType:
    """Return the review as tables for a console."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("severity", "finding", "where"):
        table.add_column(name, overflow="fold", no_wrap=name == "severity")
    for finding in review.findings:
        text = Text(finding.message)
        if finding.accepted:
            text.append(f"\naccepted: {finding.accepted}", style="green")
        table.add_row(Text(finding.severity.value, style=_STYLES[finding.severity]), text, Text(str(finding.location)))
    parts: list[RenderableType] = [table] if review.findings else []
    if review.gaps:
        gaps = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("not covered", "why"):
            gaps.add_column(name, overflow="fold")
        for gap in review.gaps:
            gaps.add_row(Text(str(gap.location)), Text(str(gap)))
        parts += [Text(), gaps] if parts else [gaps]
    parts += [Text(f"unused: {line}", style="yellow") for line in review.unused]
    parts.append(Text(verdict(review, strict=strict), style="bold"))
    return Group(*parts)


def markdown(review: Review, *, strict: bool = False) -> str:
    """Return the review as a pull request's comment."""
    heading = "IAM review" if review.base else "IAM lint"
    lines = [MARKER, f"### {heading}: {verdict(review, strict=strict)}", ""]
    if review.base:
        lines += [f"From `{review.base}` to `{review.head}`.", ""]
    shown = review.findings[:_MAX_MARKDOWN_ROWS]
    if shown:
        lines += ["| | severity | finding | where |", "|---|---|---|---|"]
        lines += [
            f"| {_mark(finding)} | {finding.severity.value} | {_cell(finding.message)}{_accepted(finding)} "
            f"| {_code(str(finding.location))} |"
            for finding in shown
        ]
        if len(review.findings) > len(shown):
            lines.append(f"\n{len(review.findings) - len(shown)} more are in the SARIF file and in `--json`.")
    if review.gaps:
        lines += ["", f"<details><summary>{len(review.gaps)} not covered</summary>", "", "| where | why |", "|---|---|"]
        lines += [f"| {_code(str(gap.location))} | {_cell(str(gap))} |" for gap in review.gaps]
        lines += ["", "</details>"]
    lines += [f"\nUnused: {_cell(line)}" for line in review.unused]
    return "\n".join(lines) + "\n"


def _mark(finding: Finding) -> str:
    if finding.accepted:
        return "accepted"
    return "**fails**" if finding.widens else ""


def _accepted(finding: Finding) -> str:
    return f"<br>accepted: {_cell(finding.accepted)}" if finding.accepted else ""


def _cell(text: str) -> str:
    """Make text safe in a table's cell: names in it come from a pull request."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def _code(text: str) -> str:
    return f"`{' '.join(text.replace('`', '').replace('|', '¦').split())}`" if text else ""
