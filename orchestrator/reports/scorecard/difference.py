"""What changed since the previous card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.reports.scorecard.model import WORST_FIRST, Change, Difference, Scorecard

_ABSENT = "not on the card"


def read_previous(path: Path) -> dict[str, Any]:
    """Read a `scorecard.json`.

    Raises:
        UsageError: it cannot be read, or is no scorecard of schema 1.
    """
    file = path / "scorecard.json" if path.is_dir() else path
    try:
        document = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not JSON"
        raise UsageError(
            f"cannot read the previous card {file}: {reason}", next_step="Write one with: ephk scorecard --output DIR"
        ) from None
    if not isinstance(document, dict) or document.get("schema") != 1 or not isinstance(document.get("risks"), list):
        raise UsageError(f"{file} is not a scorecard of schema 1")
    return document


def compare(card: Scorecard, previous: dict[str, Any]) -> Difference:
    """Return the cells whose status differs, and the risks that came or went."""
    before = {
        (row["risk"], layer): str(cell.get("status"))
        for row in previous["risks"]
        for layer, cell in row.get("cells", {}).items()
    }
    after = {(row.risk, layer): row.cells[layer].status for row in card.risks for layer in card.layers}
    changes = []
    for risk, layer in dict.fromkeys((*after, *before)):
        old, new = before.get((risk, layer), _ABSENT), after.get((risk, layer), _ABSENT)
        if old != new:
            changes.append(Change(risk=risk, layer=layer, before=old, after=new, direction=_direction(old, new)))
    return Difference(previous=str(previous.get("generated_at", "of an unknown time")), changes=tuple(changes))


def _direction(old: str, new: str) -> Any:
    rank = {status: position for position, status in enumerate(WORST_FIRST)}
    if old not in rank or new not in rank or "not_applicable" in (old, new):
        # A risk that is no longer looked at is worse, one that is looked at for the first time neither.
        return "worse" if new == _ABSENT and old == "verified" else "neither"
    return "better" if rank[new] > rank[old] else "worse"
