"""`ephk down`: destroy, then prove it with a receipt."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from orchestrator.adopted import Adopted, AdoptedStore
from orchestrator.cli.names import the_lease
from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.errors import ExitCode
from orchestrator.lease import Lease
from orchestrator.ledgers import Ledgers
from orchestrator.lifecycle import Interrupted, Lifecycle, interruptible
from orchestrator.reports.console import console, receipt_lines
from orchestrator.spec import parse_duration
from orchestrator.teardown.receipt import Receipt, report_directory

patience_option = click.option(
    "--wait",
    "patience",
    help="How long to wait for what the cloud does not let go of yet (default: 60s embedded, 90m on aws).",
)


def seconds(text: str | None, option: str) -> float | None:
    """Read a duration given on the command line, in seconds; None when it was not given.

    Raises:
        click.BadParameter: it is no duration.
    """
    if text is None:
        return None
    if text in ("0", "0s"):
        return 0.0
    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


@click.command("down", epilog=example("ephk down pr-42", "ephk down --all"))
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Every environment of the ledger.")
@click.option("--report", "directory", type=click.Path(path_type=Path), help="Directory for receipt.json.")
@patience_option
@json_option
@reports_errors
def down_command(
    name: str | None, everything: bool, directory: Path | None, patience: str | None, as_json: bool
) -> None:
    """Destroy an environment and prove that nothing is left; exit code 4 when something is.

    Needs the lease's name and nothing else: no spec, no checkout. An adopted environment is forgotten only.
    """
    if name and everything:
        raise click.UsageError("give a NAME or --all, not both")
    ledger = Ledgers()
    if name and (adopted := AdoptedStore().find(name)) is not None:
        _forget(adopted, as_json=as_json)
        return
    leases = ledger.leases() if everything else [the_lease(ledger, name)]
    lifecycle = Lifecycle(ledger, progress())
    wait_s = seconds(patience, "--wait")
    receipts = [release(lifecycle, lease, directory, patience_s=wait_s) for lease in leases]
    if as_json and not everything:
        print_json(receipts[0].document())
    else:
        show_receipts(receipts, as_json=as_json, nothing="there is no environment")
    exit_if_left(receipts)


def _forget(adopted: Adopted, *, as_json: bool) -> None:
    """Forget an adopted environment: it is somebody else's, so nothing of it is deleted."""
    name = adopted.environment.name
    AdoptedStore().forget(name)
    if as_json:
        print_json({"forgotten": name, "deleted": []})
    else:
        click.echo(f"{name} is forgotten; it was adopted, so nothing of it was deleted")


def show_receipts(receipts: list[Receipt], *, as_json: bool, nothing: str) -> None:
    """Print receipts as JSON or as lines; `nothing` is said when there is none."""
    if as_json:
        print_json({"receipts": [receipt.document() for receipt in receipts]})
        return
    out = console(sys.stdout)
    for receipt in receipts:
        for line in receipt_lines(receipt):
            out.print(line)
    if not receipts:
        click.echo(nothing)


def exit_if_left(receipts: list[Receipt]) -> None:
    """End the process with exit code 4 when a receipt is not clean."""
    if not all(receipt.clean for receipt in receipts):
        sys.exit(ExitCode.LEFT_BEHIND)


def release(
    lifecycle: Lifecycle, lease: Lease, directory: Path | None = None, *, patience_s: float | None = None
) -> Receipt:
    """Take one environment down and write its receipt; an interrupt prints the command that resumes."""
    try:
        with interruptible():
            receipt = lifecycle.down(lease.id, patience_s=patience_s)
    except Interrupted:
        click.echo(f"ephk: teardown of {lease.name} was interrupted; resume with: ephk down {lease.name}", err=True)
        raise
    receipt.write(directory or report_directory(lease))
    return receipt
