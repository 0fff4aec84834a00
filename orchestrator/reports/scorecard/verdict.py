"""The verdict: what blocks, who waived what, and the exit code that follows."""

from __future__ import annotations

from datetime import datetime

from orchestrator.errors import ExitCode, UsageError
from orchestrator.reports.model import word
from orchestrator.reports.scorecard.model import Blocker, Cell, Row, Scorecard, WaiverView
from orchestrator.reports.scorecard.selection import selects
from orchestrator.spec_scorecard import BlockingRisk, ScorecardSpec, Waiver


def judge(card: Scorecard, spec: ScorecardSpec, now: datetime) -> Scorecard:
    """Return the card with its blockers, waivers, verdict and exit code.

    A risk that does not apply blocks nothing, but a rule under which nothing applies proves nothing, and blocks:
    else a part that is taken out of the spec would take its blockers along. A waiver takes nothing away: it stands
    beside the blocker.

    Raises:
        UsageError: the spec marks a risk as blocking that no row of the card is about.
    """
    rows = {row.risk: row for row in card.risks}
    blockers: list[Blocker] = []
    marked: set[tuple[str, str]] = set()
    for rule in spec.blocking:
        found = _rows(rule, card)
        if not found:
            raise UsageError(
                f"scorecard.blocking: no risk is called {rule.risk!r}, and no contract's id matches it",
                next_step="`ephk contracts` lists the risks and the ids that speak for them.",
            )
        idle = all(row.cells[rule.layer].status == "not_applicable" for row in found)
        for row in found:
            if (row.risk, rule.layer) in marked:
                continue
            marked.add((row.risk, rule.layer))
            rows[row.risk] = _marked(rows[row.risk], rule.layer, blocking=True)
            if reason := _why_blocked(row.cells[rule.layer], rule, idle=idle):
                cell = row.cells[rule.layer]
                blockers.append(
                    Blocker(
                        risk=row.risk,
                        layer=rule.layer,
                        status=cell.status,
                        reason=reason,
                        owner=row.owner,
                        resolve=cell.resolve,
                    )
                )
    waivers = []
    for waiver in spec.waivers:
        view = _waiver(waiver, card, now)
        waivers.append(view)
        for risk in view.covers:
            rows[risk] = _marked(rows[risk], waiver.layer, waived=not view.expired)
    return card.model_copy(
        update={
            "risks": tuple(rows.values()),
            "blockers": tuple(blockers),
            "waivers": tuple(waivers),
            "blocking_declared": len(marked),
            "exit_code": int(ExitCode.CONTRACT_FAILED) if blockers else 0,
            "verdict": _verdict(len(blockers), len(marked)),
        }
    )


def _rows(rule: BlockingRisk | Waiver, card: Scorecard) -> list[Row]:
    """Return the rows that a rule means, by the risk's words or by any contract that speaks for it in any layer."""
    return [
        row
        for row in card.risks
        if selects(rule.risk, row.risk, [name for cell in row.cells.values() for name in cell.contracts])
    ]


def _why_blocked(cell: Cell, rule: BlockingRisk, *, idle: bool) -> str:
    if cell.status == "not_applicable":
        return f"nothing that the rule is about applies: {cell.reason}" if idle else ""
    if cell.status != "verified":
        return cell.reason or word(cell.status)
    if cell.rehearsal and not rule.accept_rehearsal:
        return "verified in a rehearsal only, which the spec does not accept (accept_rehearsal)"
    return ""


def _marked(row: Row, layer: str, *, blocking: bool = False, waived: bool = False) -> Row:
    cells = {
        name: cell.model_copy(
            update={"blocking": cell.blocking or blocking, "waived": cell.waived or waived} if name == layer else {}
        )
        for name, cell in row.cells.items()
    }
    return row.model_copy(update={"cells": cells})


def _waiver(waiver: Waiver, card: Scorecard, now: datetime) -> WaiverView:
    return WaiverView(
        risk=waiver.risk,
        layer=waiver.layer,
        owner=waiver.owner,
        reason=waiver.reason,
        until=waiver.until.isoformat(),
        expired=now.date() > waiver.until,
        covers=tuple(row.risk for row in _rows(waiver, card)),
    )


def _verdict(blockers: int, declared: int) -> str:
    if blockers:
        return f"Blocked: {blockers} of {declared} blocking risks {'are' if blockers > 1 else 'is'} not verified"
    if declared:
        return f"Not blocked: the blocking risks are verified, all {declared} of them"
    return "Nothing blocks, because the spec marks no risk as blocking"
