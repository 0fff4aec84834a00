"""The scorecard as a page for a release meeting, and as Markdown for a pull request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts.model import Layer
from orchestrator.files import write_private, write_private_json
from orchestrator.reports.markdown import code, escape
from orchestrator.reports.model import word
from orchestrator.reports.pages import page
from orchestrator.reports.scorecard.model import WORST_FIRST, Cell, Row, Scorecard

MARKER = "<!-- ephk:scorecard -->"
_ICONS = {
    "verified": "✅",
    "failed": "❌",
    "error": "⚠️",
    "stale": "🕓",
    "not_covered": "⬜",
    "not_applicable": "\N{EM DASH}",
}


@dataclass(frozen=True)
class Unresolved:
    """Cells that one command would fill."""

    layer: Layer
    command: str
    cells: tuple[tuple[Row, Cell], ...]

    @property
    def several(self) -> bool:
        """Whether the command fills more than one cell."""
        return len(self.cells) > 1


@dataclass(frozen=True)
class Untested:
    """Risks for which no contract speaks in a layer."""

    layer: Layer
    risks: tuple[str, ...]


def unresolved(card: Scorecard) -> list[Unresolved]:
    """Return what is failed, unknown or not covered although a contract could tell, by command, the worst first."""
    groups: dict[tuple[Layer, str], list[tuple[Row, Cell]]] = {}
    for row, layer, cell in card.cells("failed", "error", "not_covered"):
        if cell.speaks:
            groups.setdefault((layer, cell.resolve), []).append((row, cell))
    found = [Unresolved(layer, command, tuple(cells)) for (layer, command), cells in groups.items()]
    return sorted(found, key=lambda group: min(WORST_FIRST.index(cell.status) for _, cell in group.cells))


def untested(card: Scorecard) -> list[Untested]:
    """Return, by layer, the risks that nothing looks at."""
    return [
        Untested(layer, risks)
        for layer in card.layers
        if (risks := tuple(row.risk for row in card.risks if not row.cells[layer].speaks))
    ]


@dataclass(frozen=True)
class Inapplicable:
    """Contracts that mean nothing for what was verified, and why."""

    reason: str
    contracts: tuple[str, ...]


def inapplicable(card: Scorecard) -> list[Inapplicable]:
    """Return what does not apply, grouped by the reason; a contract is named once, whatever the layers."""
    groups: dict[str, dict[str, None]] = {}
    for row in card.risks:
        for cell in row.cells.values():
            for proof in cell.proofs:
                if proof.status == "not_applicable":
                    groups.setdefault(proof.why, {})[proof.contract] = None
    return [Inapplicable(reason, tuple(contracts)) for reason, contracts in groups.items()]


def render_html(card: Scorecard) -> str:
    """Return the page; it needs no other file and runs no script."""
    open_cells = unresolved(card)
    return page(
        "scorecard.html.j2",
        card=card,
        style="failed" if card.blockers else "verified" if card.blocking_declared else "not_covered",
        counts=card.counts(),
        statuses=WORST_FIRST,
        unresolved=[
            (layer, found) for layer in card.layers if (found := [one for one in open_cells if one.layer == layer])
        ],
        stale=card.cells("stale"),
        untested=untested(card),
        inapplicable=inapplicable(card),
        changes=card.difference.changes if card.difference else (),
    )


def render_markdown(card: Scorecard) -> str:
    """Return the matrix and what blocks, as GitHub shows it."""
    lines = [
        MARKER,
        f"### {'❌' if card.blockers else '✅' if card.blocking_declared else '⬜'} {escape(card.verdict)}",
        "",
    ]
    if card.blockers:
        lines += ["| blocker | layer | why | owner | next |", "|---|---|---|---|---|"]
        lines += [
            f"| {escape(item.risk)} | {item.layer} | {escape(item.reason)} | {escape(item.owner)} "
            f"| {code(item.resolve) if item.resolve else 'no contract speaks for it'} |"
            for item in card.blockers
        ]
        lines.append("")
    lines += ["<details><summary>Risk by layer</summary>", ""]
    lines += [f"| risk | {' | '.join(card.layers)} |", "|---|---|---|---|"]
    lines += [
        f"| {escape(row.risk)} | {' | '.join(_markdown_cell(row.cells[layer]) for layer in card.layers)} |"
        for row in card.risks
    ]
    lines += ["", "</details>", ""]
    if card.waivers:
        lines += ["| waived | layer | owner | reason | until |", "|---|---|---|---|---|"]
        lines += [
            f"| {escape(waiver.risk)} | {waiver.layer} | {escape(waiver.owner)} | {escape(waiver.reason)} "
            f"| {waiver.until}{' **expired**' if waiver.expired else ''} |"
            for waiver in card.waivers
        ]
        lines.append("")
    if idle := inapplicable(card):
        lines += ["<details><summary>Not applicable</summary>", ""]
        lines += [f"- {escape(group.reason)}: {', '.join(map(code, group.contracts))}" for group in idle]
        lines += ["", "</details>", ""]
    lines += [f"<sub>{len(card.reports)} reports, commit {code(card.commit[:12])}, {card.generated_at}</sub>", ""]
    return "\n".join(lines)


def _markdown_cell(cell: Cell) -> str:
    counted = f" {cell.proved}/{len(cell.contracts)}" if cell.proofs else ""
    notes = "".join(f" ({note})" for note, on in (("rehearsal", cell.rehearsal), ("waived", cell.waived)) if on)
    return f"{_ICONS[cell.status]} {word(cell.status)}{counted}{notes}"


def write(card: Scorecard, directory: Path) -> None:
    """Write `scorecard.json`, `scorecard.html` and `scorecard.md`, each whole or not at all."""
    write_private_json(directory / "scorecard.json", card.document())
    write_private(directory / "scorecard.html", render_html(card))
    write_private(directory / "scorecard.md", render_markdown(card))
