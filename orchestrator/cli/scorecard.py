"""`ephk scorecard`: one page from the reports given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from contracts.catalogue import catalogue
from orchestrator import paths, provenance
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.errors import UsageError
from orchestrator.reports.console import console
from orchestrator.reports.scorecard.build import Rules, build
from orchestrator.reports.scorecard.console import print_card
from orchestrator.reports.scorecard.difference import compare, read_previous
from orchestrator.reports.scorecard.model import Scorecard
from orchestrator.reports.scorecard.sources import Sourced, read_reports
from orchestrator.spec_loading import load_spec


@click.command(
    "scorecard",
    epilog=example("ephk scorecard ephk-report", "ephk scorecard reports/* --spec ephk.yaml --output scorecard"),
)
@click.argument("directories", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--spec", type=click.Path(path_type=Path), help="Spec with the rules (default: ephk.yaml, if there is one)."
)
@click.option("--commit", help="Commit that results must be of (default: the CI's or git's; else the newest report's).")
@click.option("--previous", type=click.Path(path_type=Path), help="Earlier scorecard.json to compare with.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Directory for scorecard.html, scorecard.md and scorecard.json."
)
@json_option
@reports_errors
def scorecard_command(
    directories: tuple[Path, ...],
    spec: Path | None,
    commit: str | None,
    previous: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Show risk by layer from the reports in DIRECTORIES (default: the newest report of this machine).

    A cell shows the worst of its results; an empty cell is release risk. The exit code is 3 when a risk that the
    spec marks as blocking is not verified in the layer that it names.
    """
    rules = Rules(load_spec(spec).scorecard, commit=commit or _commit())
    card = scorecard_of(read_reports(directories or (_newest(),)), rules)
    if previous is None and output is not None and (output / "scorecard.json").is_file():
        previous = output / "scorecard.json"  # the card that this one replaces
    if previous is not None:
        card = card.model_copy(update={"difference": compare(card, read_previous(previous))})
    if output is not None:
        from orchestrator.reports.scorecard.page import write

        write(card, output)
    if as_json:
        print_json(card.document())
    else:
        out = console(sys.stdout)
        print_card(card, out)
        if output is not None:
            out.print(f"page: {output / 'scorecard.html'}")
    if card.exit_code:
        sys.exit(card.exit_code)


def scorecard_of(reports: Sequence[Sourced], rules: Rules | None = None) -> Scorecard:
    """Return the scorecard of the product's whole catalogue from reports."""
    return build(catalogue(), reports, rules)


def _commit() -> str | None:
    known = provenance.detect().commit
    return None if known == "none" else known


def _newest() -> Path:
    reports = sorted((paths.cache_home() / "reports").glob("*/report.json"), key=lambda path: path.stat().st_mtime)
    if not reports:
        raise UsageError("there is no report yet", next_step="Write one with: ephk verify NAME --report DIR")
    return reports[-1].parent
