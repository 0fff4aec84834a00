"""`ephk run`: up, verify, run a command with the environment, always down."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from contracts.selection import Selection
from orchestrator.cli.down import release
from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors, show_error
from orchestrator.cli.scorecard import scorecard_of
from orchestrator.cli.up import print_connection, spec_from, spec_options, up_request
from orchestrator.cli.verify import deadline_option, selection_options
from orchestrator.errors import EphkError, ExitCode
from orchestrator.handover import handed_over_on_interrupt
from orchestrator.identities import connections_of, write_connection_files
from orchestrator.lease import Lease
from orchestrator.ledgers import Ledgers
from orchestrator.lifecycle import Interrupted, Lifecycle, UpRequest, interruptible
from orchestrator.paths import lease_dir
from orchestrator.processes import end_session, wait_for_session
from orchestrator.reports.console import console, inapplicable_lines, receipt_lines, report_summary, results_table
from orchestrator.reports.report import Report
from orchestrator.reports.scorecard.console import table
from orchestrator.reports.scorecard.sources import sourced
from orchestrator.signals import killed_with, leave_if_interrupted
from orchestrator.spec import EnvironmentSpec
from orchestrator.teardown.receipt import Receipt, report_directory

#: What the command gets to end by itself; a cancelled CI job has ten seconds in all.
_COMMAND_GRACE_S = 1.5


class _RunCommand(click.Command):
    """Everything after the first `--` is the command to run, whatever it looks like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            position = args.index("--")
            ctx.meta["command"] = args[position + 1 :]
            args = args[:position]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "-- COMMAND..."]


@dataclass(frozen=True)
class _Use:
    """What is to be done with the environment: verified how far, and by what command used."""

    command: list[str]
    selection: Selection
    directory: Path | None
    deadline_s: float
    quiet: bool


@dataclass
class _Outcome:
    """What came of each part of a run."""

    lease: Lease | None = None
    report: Report | None = None
    receipt: Receipt | None = None
    command_status: int | None = None
    error: EphkError | None = None
    interrupted: bool = False
    notes: list[str] = field(default_factory=list)

    def exit_code(self) -> int:
        """A leak is told first: it costs money until somebody acts. Then the first thing that went wrong."""
        if self.receipt is not None and not self.receipt.clean:
            return int(ExitCode.LEFT_BEHIND)
        if self.interrupted:
            return int(ExitCode.INTERRUPTED)
        if self.error is not None:
            return int(self.error.exit_code)
        if self.report is not None and not self.report.passed:
            return int(ExitCode.CONTRACT_FAILED)
        return self.command_status or 0


@click.command(
    "run",
    cls=_RunCommand,
    epilog=example(
        "ephk run examples/orders.yaml -- python examples/orders_smoke.py",
        "ephk run examples/orders.yaml --contract 'listener.*' --contract 'acl.*' -- make integration-tests",
    ),
)
@spec_options
@selection_options
@click.option(
    "--report", "directory", type=click.Path(path_type=Path), help="Directory for report.json and receipt.json."
)
@deadline_option
@json_option
@click.pass_context
@reports_errors
def run_command(
    ctx: click.Context,
    spec: Path | None,
    name: str | None,
    ttl: str | None,
    target: str,
    provider: str | None,
    ids: tuple[str, ...],
    layers: tuple[Any, ...],
    risks: tuple[str, ...],
    directory: Path | None,
    deadline_s: float,
    as_json: bool,
) -> None:
    """Bring up an environment, verify it, run COMMAND with it, and always take it down.

    COMMAND gets connection files in $EPHK_CONNECTION_DIR and the first principal's settings in KAFKA_* variables.
    It runs only when every contract that was asked for holds; what was not asked for stays an empty cell of the
    scorecard. The exit code is COMMAND's, unless something else went wrong first. When it is interrupted it ends within
    seconds, and the reaper takes the environment down.
    """
    command: list[str] = ctx.meta.get("command", [])
    if not command:
        raise click.UsageError("give the command to run after '--'")
    request = up_request(spec_from(spec, name, ttl), target, provider)
    selection = Selection(ids, layers, risks)
    if ids or risks:
        _require_possible(selection, request.spec)
    lifecycle = Lifecycle(Ledgers(), progress())
    outcome = _run(lifecycle, request, _Use(command, selection, directory, deadline_s, quiet=as_json))
    if as_json:
        print_json(_document(outcome))
    if outcome.interrupted:
        leave_if_interrupted()
    sys.exit(outcome.exit_code())


def _require_possible(selection: Selection, spec: EnvironmentSpec) -> None:
    """Refuse a pattern that no contract can match before anything is made; raises UsageError."""
    from contracts.catalogue import load
    from contracts.custom import with_custom

    selection.require_possible(with_custom(load(), spec.contracts).entries())


def _run(lifecycle: Lifecycle, request: UpRequest, use: _Use) -> _Outcome:
    outcome = _Outcome()
    out = console(sys.stderr if use.quiet else sys.stdout)
    try:
        with interruptible():
            lease = lifecycle.up(request)
            with handed_over_on_interrupt(lifecycle.ledger, lease, lifecycle.progress):
                outcome.lease = lease
                _verify_and_use(lifecycle, outcome, lease, use)
    except EphkError as error:
        outcome.error = error
        show_error(error)
    except Interrupted:
        outcome.interrupted = True
    finally:
        if outcome.lease is not None and not outcome.interrupted:
            outcome.receipt = release(lifecycle, outcome.lease, use.directory)
            for line in receipt_lines(outcome.receipt):
                out.print(line)
    if outcome.report is not None:
        out.print(table(scorecard_of([sourced(outcome.report.document(), "this run")])))
    return outcome


def _verify_and_use(lifecycle: Lifecycle, outcome: _Outcome, lease: Lease, use: _Use) -> None:
    """Verify a ready environment and run the command with it, when every contract holds."""
    out = console(sys.stderr if use.quiet else sys.stdout)
    if not use.quiet:
        print_connection(lease)
    with lifecycle.progress.step("contracts") as step:
        outcome.report = lifecycle.verify(
            lease,
            select=use.selection,
            directory=use.directory or report_directory(lease),
            on_result=lambda result: step.waiting(f"{result.status} {result.id}"),
            deadline_s=use.deadline_s,
        )
    out.print(results_table(outcome.report.results, width=out.width))
    out.print(report_summary(outcome.report))
    for line in inapplicable_lines(outcome.report):
        out.print(line)
    if outcome.report.passed:
        outcome.command_status = _command(lease, use.command, quiet=use.quiet)
    else:
        lifecycle.progress.note("COMMAND was not run: the environment does not keep its contracts")


def _command(lease: Lease, command: list[str], *, quiet: bool) -> int:
    """Run the command in a session of its own and return its exit status (128 + n for signal n)."""
    files = lease_dir(lease.id) / "connection"
    connections = connections_of(lease, files)
    write_connection_files(connections, files)
    first = connections[0].variables() if connections else {}
    variables = {**os.environ, **first, "EPHK_CONNECTION_DIR": str(files)}
    try:
        process = subprocess.Popen(command, env=variables, start_new_session=True, stdout=sys.stderr if quiet else None)
    except OSError as error:
        raise EphkError(
            f"cannot run {command[0]}: {error.strerror}", next_step="Check the command after '--' and its path."
        ) from None
    # Also what the command left running in its session ends: it must not outlive the environment.
    with killed_with(lambda: end_session(process.pid)):
        wait_for_session(process, grace_s=_COMMAND_GRACE_S)
    status = process.returncode
    return status if status >= 0 else 128 - status


def _document(outcome: _Outcome) -> dict[str, Any]:
    return {
        "lease": outcome.lease.id if outcome.lease else None,
        "name": outcome.lease.name if outcome.lease else None,
        "report": outcome.report.document() if outcome.report else None,
        "receipt": outcome.receipt.document() if outcome.receipt else None,
        "command_status": outcome.command_status,
        "error": outcome.error.message if outcome.error else None,
        "interrupted": outcome.interrupted,
        "exit_code": outcome.exit_code(),
    }
