"""Tables for people: results, the receipt, leases, the scorecard."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.model import Result
from orchestrator.lease import Lease
from orchestrator.lease_view import cost_so_far, money
from orchestrator.reports.evidence import evidence_line
from orchestrator.reports.model import by_reason, word
from orchestrator.reports.report import Report
from orchestrator.teardown.receipt import Receipt

_STYLES = {"verified": "green", "failed": "bold red", "error": "magenta", "not_covered": "yellow", "stale": "yellow"}
#: Wide enough for ids and reasons where the output is no terminal (CI logs wrap by themselves).
_PLAIN_WIDTH = 160
#: Characters of the status and duration columns, with the space between columns.
_OTHER_COLUMNS = 24


def console(stream: IO[str]) -> Console:
    """Return a console that wraps for a terminal and stays wide and plain elsewhere."""
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(file=stream, highlight=False, width=width)


def status_text(status: str) -> Text:
    """Return a status as it is shown: the word carries the meaning, the colour only helps."""
    return Text(word(status), style=_STYLES.get(status, ""))


def results_table(results: list[Result], *, width: int = _PLAIN_WIDTH) -> Table:
    """Return results as rows: status, contract, and what was seen or what went wrong.

    What was seen is cut to one line of a page `width` characters wide; what went wrong is told in full.
    """
    room = max(30, width - max((len(result.id) for result in results), default=0) - _OTHER_COLUMNS)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("status", no_wrap=True)
    table.add_column("contract", overflow="fold")
    table.add_column("seen", overflow="fold")
    table.add_column("s", justify="right", no_wrap=True)
    for result in results:
        seen = result.reason or evidence_line(result.evidence, limit=room)
        table.add_row(status_text(result.status), result.id, Text(seen), f"{result.duration_s:.2f}")
    return table


def report_summary(report: Report) -> Text:
    """Return the one-line verdict of a report."""
    counts = report.counts()
    parts = [f"{counts[status]} {word(status)}" for status in counts]
    layers: list[str] = list(dict.fromkeys(result.layer for result in report.results)) or ["none"]
    where = f"layer{'s' if len(layers) > 1 else ''}: {', '.join(layers)}"
    return Text(f"{', '.join(parts)} ({where})", style="green" if report.passed else "bold red")


def inapplicable_lines(report: Report) -> list[Text]:
    """Return what does not apply, one line for each reason: neither good nor bad, and never hidden."""
    if not report.not_applicable:
        return []
    lines = [Text(f"{len(report.not_applicable)} not applicable:")]
    for reason, entries in by_reason(report.not_applicable).items():
        # Contracts of one concern are named together: `schema.*`, unless it is one alone.
        concerns = dict.fromkeys(entry.id.split(".", 1)[0] for entry in entries)
        names = [f"{concern}.*" for concern in concerns] if len(entries) > 1 else [entries[0].id]
        lines.append(Text(f"  {len(entries)} {', '.join(names)}: {reason}", style="dim"))
    return lines


def receipt_lines(receipt: Receipt) -> list[Text]:
    """Return the receipt as a few lines."""
    by: dict[str, int] = {}
    for item in receipt.deleted:
        by[item.by] = by.get(item.by, 0) + 1
    removed = ", ".join(f"{count} by {who}" for who, count in sorted(by.items())) or "nothing"
    lines = [
        Text(f"receipt for {receipt.lease.name} ({receipt.lease.id}): removed {removed} in {receipt.duration_s:.1f} s")
    ]
    inventory = receipt.inventory
    why = {(kept.item.kind, kept.item.identifier): f": {kept.why}" for kept in receipt.kept}
    if inventory is None:
        lines.append(Text("  no inventory: there is no cloud left to ask", style="yellow"))
    else:
        style = "green" if receipt.clean else "bold red"
        lines.append(Text(f"  inventory of {len(inventory.asked)} questions: {len(inventory.left)} left", style=style))
        lines += [
            Text(
                f"  left: {item.kind} {item.identifier} (found by {item.source})"
                f"{why.get((item.kind, item.identifier), '')}",
                "bold red",
            )
            for item in inventory.left
        ]
        lines += [Text(f"  not answered: {question}", "magenta") for question in inventory.unanswered]
        lines += [
            Text(f"  pending: {item.kind} {item.identifier.rsplit('/', 1)[-1]}: {item.pending}")
            for item in inventory.pending
        ]
    cost = receipt.document()["cost"]
    if cost is not None:
        span = f"{cost['estimate']['low']:.2f} to {cost['estimate']['high']:.2f} USD"
        lines.append(
            Text(f"  cost: {span}, estimated" + ("" if cost["billed"] else "; on AWS: here nothing is billed"))
        )
    lines += [Text(f"  note: {note}") for note in receipt.notes]
    return lines


def leases_table(leases: list[Lease], warnings: dict[str, str]) -> Table:
    """Return leases with age, time left and what they have cost by the estimate."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "lease", "state", "target", "owner", "branch", "age", "left", "cost", "warning"):
        table.add_column(column, overflow="fold")
    now = datetime.now(UTC)
    for lease in leases:
        left = lease.time_left(now).total_seconds()
        table.add_row(
            lease.name,
            lease.id,
            lease.state,
            lease.target,
            lease.provenance.owner,
            lease.provenance.branch if lease.provenance.branch != "none" else lease.provenance.pull_request,
            span((now - lease.created_at).total_seconds()),
            span(left) if left > 0 else "expired",
            money(cost_so_far(lease, now)),
            Text(warnings.get(lease.id, ""), style="yellow"),
        )
    return table


def counts(kinds: Mapping[str, int]) -> str:
    """Write how many there are of each kind in one line."""
    return ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "no resources"


def span(seconds: float) -> str:
    """Write a duration with its two largest units."""
    total = int(seconds)
    parts = [(total // 86400, "d"), (total // 3600 % 24, "h"), (total // 60 % 60, "m"), (total % 60, "s")]
    shown = [f"{count}{unit}" for count, unit in parts if count][:2]
    return " ".join(shown) or "0s"
