"""`ephk reap`: take down what has expired, and finish what was begun."""

from __future__ import annotations

import click

from orchestrator.cli.down import exit_if_left, release, show_receipts
from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.ledgers import Ledgers
from orchestrator.lifecycle import Lifecycle, expired


@click.command("reap", epilog=example("ephk reap --dry-run"))
@click.option("--dry-run", is_flag=True, help="Only say what would be taken down.")
@json_option
@reports_errors
def reap_command(dry_run: bool, as_json: bool) -> None:
    """Take down every environment whose lease has expired or whose teardown was not finished."""
    ledger = Ledgers()
    due = expired(ledger.leases())
    if dry_run:
        if as_json:
            print_json({"due": [{"name": lease.name, "id": lease.id, "state": lease.state} for lease in due]})
        else:
            for lease in due:
                click.echo(f"would take down {lease.name} ({lease.id}, {lease.state})")
            if not due:
                click.echo("nothing is due")
        return
    lifecycle = Lifecycle(ledger, progress())
    receipts = [release(lifecycle, lease) for lease in due]
    show_receipts(receipts, as_json=as_json, nothing="nothing is due")
    exit_if_left(receipts)
