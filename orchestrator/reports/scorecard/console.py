"""The scorecard on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.reports.console import status_text
from orchestrator.reports.model import word
from orchestrator.reports.scorecard.model import Cell, Scorecard


def table(card: Scorecard) -> Table:
    """Return risk by layer; a cell says how many of its contracts are verified, never a share."""
    shown = Table(title="Scorecard: risk by layer", title_justify="left", header_style="bold", show_lines=False)
    shown.add_column("risk", overflow="fold")
    for layer in card.layers:
        shown.add_column(layer, no_wrap=True)
    for row in card.risks:
        shown.add_row(row.risk, *(_cell(row.cells[layer]) for layer in card.layers))
    return shown


def _cell(cell: Cell) -> Text:
    text = status_text(cell.status)
    if cell.proofs:
        text.append(f" {cell.proved}/{len(cell.contracts)}")
    if cell.rehearsal:
        text.append(" (rehearsal)")
    if cell.waived:
        text.append(" (waived)")
    return text


def print_card(card: Scorecard, out: Console) -> None:
    """Print the table, then what blocks and what to do about it, then what changed."""
    out.print(table(card))
    style = "bold red" if card.blockers else "green" if card.blocking_declared else ""
    out.print(Text(card.verdict, style=style))
    for blocker in card.blockers:
        out.print(Text(f"  {blocker.layer}: {blocker.risk}", style="bold red"))
        out.print(Text(f"    {word(blocker.status)}: {blocker.reason} (owner: {blocker.owner})"))
        if blocker.resolve:
            out.print(Text(f"    next: {blocker.resolve}"))
    for waiver in card.waivers:
        over = "EXPIRED on" if waiver.expired else "until"
        out.print(
            Text(f"  waiver {over} {waiver.until}: {waiver.risk} ({waiver.layer}), {waiver.owner}: {waiver.reason}")
        )
    if card.difference is not None:
        out.print(Text(f"since {card.difference.previous}: {len(card.difference.changes) or 'no'} changes"))
        for change in card.difference.changes:
            before, after = word(change.before), word(change.after)
            out.print(Text(f"  {change.direction}: {change.layer}: {change.risk}: {before} -> {after}"))
