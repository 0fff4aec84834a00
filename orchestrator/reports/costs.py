"""Costs for people: the estimate line by line with its sources, and what was billed beside it."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from orchestrator.cost.actual import LAG, Actual, NotBilled
from orchestrator.cost.estimate import Estimate, Line
from orchestrator.cost.guard import between, usd
from orchestrator.cost.prices import Source
from orchestrator.cost.resources import NOT_CHARGED
from orchestrator.cost.subject import Subject
from orchestrator.spec import format_duration
from orchestrator.tags import rfc3339


def estimate_table(estimate: Estimate) -> Table:
    """Return the estimate as rows; the last column numbers the sources of `source_lines`."""
    sources = _sources(estimate)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("resource", "what", "USD/h", f"USD in {format_duration(estimate.ttl)}", "price", "source"):
        table.add_column(column, overflow="fold", justify="right" if column.startswith("USD") else "left")
    for line in estimate.lines:
        table.add_row(
            line.item.resource,
            line.item.what,
            "once" if line.item.once else _bare(line.hourly.low, line.hourly.high),
            _bare(line.over(estimate.hours).low, line.over(estimate.hours).high),
            _price(line),
            f"[{sources.index(line.price.source) + 1}]",
        )
    hourly, total = estimate.hourly, estimate.total
    table.add_row(
        Text("total", style="bold"), "", _bare(hourly.low, hourly.high), Text(_bare(total.low, total.high), "bold")
    )
    return table


def source_lines(estimate: Estimate) -> list[str]:
    """Return the prices' sources by title and date (JSON has where they are), and what has no line."""
    lines = [f"no line for {free.resource}: {free.reason}" for free in NOT_CHARGED]
    for number, source in enumerate(_sources(estimate), start=1):
        when = f"of {source.dated}" if source.dated else f"undated, read {source.read}"
        lines.append(f"[{number}] {source.title} ({when})")
    return lines


def actual_lines(subject: Subject, answer: Actual | NotBilled) -> list[str]:
    """Return estimate and bill side by side."""
    until = rfc3339(subject.end) if subject.end else "now"
    reckoned = between(subject.estimate) if subject.estimate else "none was made"
    lines = [
        f"{subject.name} ({subject.lease_id}), {rfc3339(subject.begin)} to {until}",
        f"  estimate  {reckoned}",
    ]
    if isinstance(answer, NotBilled):
        return [*lines, f"  billed    not known: {answer.reason}"]
    state = "" if answer.final else ", not final by AWS's own account"
    lines.append(f"  billed    {usd(answer.usd)}{state}")
    lines += [f"            {usd(amount)} {service}" for service, amount in answer.by_service.items()]
    hours = int(LAG.total_seconds() / 3600)
    lines.append(f"  Cost Explorer lags up to {hours} h: usage after {rfc3339(answer.complete_until)} may be missing")
    return [*lines, *(f"  {note}" for note in answer.notes)]


def _sources(estimate: Estimate) -> list[Source]:
    return list(dict.fromkeys(line.price.source for line in estimate.lines))


def _price(line: Line) -> str:
    return f"{line.price.usd:.10f}".rstrip("0").rstrip(".") + f" per {line.price.unit}"


def _bare(low: float, high: float) -> str:
    first, last = f"{low:.4f}", f"{high:.4f}"
    return first if first == last else f"{first} - {last}"
