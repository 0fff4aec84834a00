"""`ephk verify`: run contracts, write reports."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from orchestrator.cli.names import the_lease
from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.errors import ExitCode
from orchestrator.ledgers import Ledgers
from orchestrator.lifecycle import Lifecycle, interruptible
from orchestrator.reports.console import console, report_summary, results_table


@click.command("verify", epilog=example("ephk verify pr-42 --contract 'listener.*' --report ephk-report"))
@click.argument("name", required=False)
@click.option("--contract", "select", multiple=True, metavar="ID", help="Contract id or pattern; may be repeated.")
@click.option("--report", "directory", type=click.Path(path_type=Path), help="Directory for report.json.")
@json_option
@reports_errors
def verify_command(name: str | None, select: tuple[str, ...], directory: Path | None, as_json: bool) -> None:
    """Run the contracts of an environment; exit code 3 when one fails or cannot be run.

    NAME is needed only when there is more than one environment.
    """
    ledger = Ledgers()
    lease = the_lease(ledger, name)
    reporter = progress()
    with interruptible(), reporter.step("contracts") as step:
        report = Lifecycle(ledger, reporter).verify(
            lease,
            select=select,
            directory=directory,
            on_result=lambda result: step.waiting(f"{result.status} {result.id}"),
        )
    if as_json:
        print_json(report.document())
    else:
        out = console(sys.stdout)
        out.print(results_table(report.results, width=out.width))
        out.print(report_summary(report))
        if directory is not None:
            out.print(f"report: {directory / 'report.json'}")
    if not report.passed:
        sys.exit(ExitCode.CONTRACT_FAILED)
