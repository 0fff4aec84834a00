"""`ephk contracts`: the catalogue."""

from __future__ import annotations

import sys

import click
from rich.table import Table

from contracts.registry import catalogue
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.reports.console import console


@click.command("contracts", epilog=example("ephk contracts --json"))
@json_option
@reports_errors
def contracts_command(as_json: bool) -> None:
    """List every contract: id, risk, layers and statement."""
    entries = catalogue()
    if as_json:
        print_json({"contracts": entries})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "layers", "statement", "risk"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        table.add_row(entry["id"], ", ".join(entry["layers"]), entry["statement"], entry["risk"])
    console(sys.stdout).print(table)
