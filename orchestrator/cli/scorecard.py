"""`ephk scorecard`: one page from the reports given."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from contracts.registry import catalogue
from orchestrator import paths
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.errors import UsageError
from orchestrator.reports.console import console
from orchestrator.reports.scorecard import Scorecard, build, read_reports


@click.command("scorecard", epilog=example("ephk scorecard ephk-report", "ephk scorecard reports/*"))
@click.argument("directories", nargs=-1, type=click.Path(path_type=Path))
@json_option
@reports_errors
def scorecard_command(directories: tuple[Path, ...], as_json: bool) -> None:
    """Show risk by layer from the reports in DIRECTORIES (default: the newest report of this machine).

    A cell shows the worst of its results; an empty cell is release risk.
    """
    card = scorecard_of(read_reports(directories or (_newest(),)))
    if as_json:
        print_json(card.document())
    else:
        console(sys.stdout).print(card.table())


def scorecard_of(reports: list[dict[str, Any]]) -> Scorecard:
    """Return the scorecard of the product's whole catalogue from reports."""
    return build(catalogue(), reports)


def _newest() -> Path:
    reports = sorted((paths.cache_home() / "reports").glob("*/report.json"), key=lambda path: path.stat().st_mtime)
    if not reports:
        raise UsageError("there is no report yet", next_step="Write one with: ephk verify NAME --report DIR")
    return reports[-1].parent
