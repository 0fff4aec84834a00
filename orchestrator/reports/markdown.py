"""A pull-request comment in GitHub-flavoured Markdown: the verdict, what is wrong, and the rest folded away.

The first line is a hidden marker, by which a pipeline finds its own comment and edits it instead of adding another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from orchestrator.reports.evidence import evidence_line, printable
from orchestrator.reports.model import Finding, ReportDocument, by_reason, word

#: GitHub refuses a comment of more than 65,536 characters ("Body is too long").
LIMIT = 65_000
_ICONS = {"verified": "✅", "failed": "❌", "error": "⚠️", "not_covered": "⬜"}
#: Characters that would start markup inside a table's cell.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#])")
_EVIDENCE = 160


def marker(name: str) -> str:
    """Return the hidden line by which a pipeline finds the comment of an environment."""
    return f"<!-- ephk:report:{re.sub('[^A-Za-z0-9._-]', '-', name)} -->"


def escape(text: str) -> str:
    """Return text that GitHub shows as it is: no markup, no table cell, no mention of a person."""
    plain = _SPECIAL.sub(r"\\\1", printable(text).replace("&", "&amp;"))
    # A name after "@" would notify a person.
    return plain.replace("@", "@\N{ZERO WIDTH JOINER}").replace("\r", "").replace("\n", "<br>")


def code(text: str) -> str:
    """Return text as a code span that survives in a table."""
    return f"`{printable(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def render(document: ReportDocument) -> str:
    """Return the comment, cut below GitHub's limit with a pointer to the whole report."""
    subject, summary = document.environment, document.summary
    plural = "" if subject.brokers == 1 else "s"
    lines = [marker(subject.name), f"### {_headline(document)}", "", _counts(document), ""]
    lines += _problems("Failed", document.with_status("failed"))
    lines += _problems("Could not be run", document.with_status("error"))
    lines += _folded("Not covered", document.with_status("not_covered"), lambda finding: escape(finding.reason))
    lines += _folded(
        "Verified",
        document.with_status("verified"),
        lambda finding: escape(evidence_line(finding.evidence, limit=_EVIDENCE)),
    )
    lines += _inapplicable(document)
    lines += [
        f"<sub>{escape(subject.name)} (lease {code(subject.lease)}), {escape(subject.flavour)} on "
        f"{escape(subject.target)}, Kafka {escape(subject.kafka_version)}, {subject.brokers} broker{plural}, commit "
        f"{code(subject.commit[:12])}, {summary.finished_at}</sub>",
        "",
    ]
    return _cut("\n".join(lines))


def _headline(document: ReportDocument) -> str:
    summary = document.summary
    name = code(document.environment.name)
    if summary.failed or summary.error:
        wrong = [f"{count} {words}" for count, words in ((summary.failed, "failed"), (summary.error, "error")) if count]
        return f"❌ {name}: {', '.join(wrong)}"
    if not summary.complete:
        return f"⚠️ {name}: interrupted before every contract had an answer"
    if not summary.verified:
        return f"⚠️ {name}: nothing was verified"
    return f"✅ {name} keeps its contracts"


def _counts(document: ReportDocument) -> str:
    counts = document.summary.model_dump()
    shown = [f"{counts[status]} {word(status)}" for status in _ICONS]
    if document.not_applicable:
        shown.append(f"{len(document.not_applicable)} not applicable")
    layers = ", ".join(dict.fromkeys(finding.layer for finding in document.results)) or "none"
    return f"**{' · '.join(shown)}** · layer: {layers}"


def _problems(title: str, findings: Iterable[Finding]) -> list[str]:
    found = list(findings)
    if not found:
        return []
    lines = [f"#### {title}", "", "| contract | what was seen | risk | what to do |", "|---|---|---|---|"]
    lines += [
        f"| {_ICONS[finding.status]} {code(finding.id)} | {escape(finding.reason)} | {escape(finding.risk)} "
        f"| {escape(finding.remediation)} |"
        for finding in found
    ]
    return [*lines, ""]


def _folded(title: str, findings: tuple[Finding, ...], tell: Callable[[Finding], str]) -> list[str]:
    if not findings:
        return []
    lines = [f"<details><summary>{title} ({len(findings)})</summary>", "", "| contract | seen |", "|---|---|"]
    lines += [f"| {_ICONS[finding.status]} {code(finding.id)} | {tell(finding)} |" for finding in findings]
    return [*lines, "", "</details>", ""]


def _inapplicable(document: ReportDocument) -> list[str]:
    if not document.not_applicable:
        return []
    lines = [f"<details><summary>Not applicable ({len(document.not_applicable)})</summary>", ""]
    for reason, entries in by_reason(document.not_applicable).items():
        lines.append(f"- {escape(reason)}: {', '.join(code(entry.id) for entry in entries)}")
    return [*lines, "", "</details>", ""]


def _cut(text: str) -> str:
    """Cut at a line's end below the limit; an open `<details>` is closed."""
    if len(text) <= LIMIT:
        return text
    kept = text[: LIMIT - 200].rsplit("\n", 1)[0]
    closing = "\n\n</details>" if kept.count("<details>") > kept.count("</details>") else ""
    return f"{kept}{closing}\n\n*The comment is at GitHub's limit; the whole report is in `report.html`.*\n"
