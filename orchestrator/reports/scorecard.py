"""The scorecard: risk by layer on one page, where an empty cell is visible release risk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from orchestrator.errors import UsageError
from orchestrator.reports.console import status_text

LAYERS = ("local", "cloud", "production")
#: A cell shows the worst of its results: one blocker is never hidden by many successes.
_WORST_FIRST = ("failed", "error", "not_covered", "verified")


@dataclass
class Cell:
    """One risk in one layer: the contracts that speak for it and what came of them."""

    statuses: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The worst status of the cell; `not_covered` when no contract was run there."""
        return next((status for status in _WORST_FIRST if status in self.statuses.values()), "not_covered")

    @property
    def proved(self) -> int:
        """How many contracts are verified."""
        return sum(status == "verified" for status in self.statuses.values())


@dataclass
class Scorecard:
    """Risk by layer, merged from reports."""

    cells: dict[str, dict[str, Cell]]
    sources: list[str]

    def document(self) -> dict[str, Any]:
        """Return the scorecard as JSON."""
        return {
            "schema": 1,
            "layers": list(LAYERS),
            "risks": [
                {
                    "risk": risk,
                    "cells": {
                        layer: {"status": row[layer].status, "contracts": row[layer].statuses} for layer in LAYERS
                    },
                }
                for risk, row in self.cells.items()
            ],
            "sources": self.sources,
        }

    def table(self) -> Table:
        """Return the page for a terminal."""
        table = Table(title="Scorecard: risk by layer", title_justify="left", header_style="bold", show_lines=False)
        table.add_column("risk", overflow="fold")
        for layer in LAYERS:
            table.add_column(layer, no_wrap=True)
        for risk, row in self.cells.items():
            table.add_row(risk, *(_cell_text(row[layer]) for layer in LAYERS))
        return table


def _cell_text(cell: Cell) -> Text:
    text = status_text(cell.status)
    if cell.statuses:
        text.append(f" {cell.proved}/{len(cell.statuses)}")
    return text


def read_reports(directories: Iterable[Path]) -> list[dict[str, Any]]:
    """Read `report.json` of each directory.

    Raises:
        UsageError: a directory has none, or it is not a report of a known schema.
    """
    reports = []
    for directory in directories:
        path = directory / "report.json" if directory.is_dir() else directory
        try:
            document = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not JSON"
            raise UsageError(
                f"cannot read {path}: {reason}", next_step="Write one with: ephk verify NAME --report DIR"
            ) from None
        if not isinstance(document, dict) or document.get("schema") != 1 or "results" not in document:
            raise UsageError(f"{path} is not a report of schema 1")
        reports.append({**document, "source": str(path)})
    return reports


def build(catalogue: list[dict[str, Any]], reports: list[dict[str, Any]]) -> Scorecard:
    """Merge reports into risk by layer; every risk of the catalogue has a row, whether it was run or not.

    Of two results of the same contract in the same layer the later report wins.
    """
    cells: dict[str, dict[str, Cell]] = {entry["risk"]: {layer: Cell() for layer in LAYERS} for entry in catalogue}
    for report in sorted(reports, key=lambda item: str(item["summary"].get("finished_at", ""))):
        for result in report["results"]:
            row = cells.setdefault(result["risk"], {layer: Cell() for layer in LAYERS})
            if result["layer"] in row:
                row[result["layer"]].statuses[result["id"]] = result["status"]
    return Scorecard(cells, [report["source"] for report in reports])
