"""`ephk contracts`: the catalogue."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.table import Table

from contracts.catalogue import catalogue
from contracts.selection import Selection
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.cli.verify import selection_options
from orchestrator.reports.console import console


@click.command("contracts", epilog=example("ephk contracts --json", "ephk contracts --risk '*certificate*'"))
@selection_options
@click.option("--markdown", is_flag=True, help="Print the catalogue as the page docs/contracts.md.")
@json_option
@reports_errors
def contracts_command(
    ids: tuple[str, ...], layers: tuple[Any, ...], risks: tuple[str, ...], markdown: bool, as_json: bool
) -> None:
    """List every contract: id, risk, layers and statement."""
    entries = catalogue(Selection(ids, layers, risks))
    if as_json:
        print_json({"contracts": entries})
        return
    if markdown:
        from orchestrator.reports.catalogue_page import render

        click.echo(render(entries), nl=False)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "layers", "statement", "risk"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        table.add_row(entry["id"], ", ".join(entry["layers"]), entry["statement"], entry["risk"])
    console(sys.stdout).print(table)
