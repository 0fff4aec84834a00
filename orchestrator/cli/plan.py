"""`ephk plan`: what would be made."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.table import Table

from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.cli.up import default_provider, spec_from, spec_options
from orchestrator.plan import plan
from orchestrator.reports.console import console


@click.command("plan", epilog=example("ephk plan ephk.yaml"))
@spec_options
@json_option
@reports_errors
def plan_command(
    spec: Path | None, name: str | None, ttl: str | None, target: str, provider: str | None, as_json: bool
) -> None:
    """Show what would be made, without making anything.

    The real Pulumi engine runs the same program in preview; no lease is written, no cloud is started.
    """
    asked = spec_from(spec, name, ttl)
    planned = plan(asked, target, provider or default_provider(target), progress())  # type: ignore[arg-type]
    if as_json:
        print_json(
            {
                "name": asked.name,
                "resources": [{"operation": item.op, "type": item.type, "name": item.name} for item in planned],
                "topics": [topic.name for topic in asked.topics],
                "principals": [principal.name for principal in asked.principals],
            }
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("operation", "type", "name"):
        table.add_column(column, overflow="fold")
    for item in planned:
        table.add_row(item.op, item.type, item.name)
    out = console(sys.stdout)
    out.print(table)
    out.print(
        f"{len(planned)} resources, then {len(asked.topics)} topics and the ACLs of {len(asked.principals)} principals"
    )
