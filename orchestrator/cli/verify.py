"""`ephk verify`: run contracts, write reports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, Unpack

import click

from contracts.model import DEADLINE_S, Result
from contracts.selection import Selection
from orchestrator import provenance
from orchestrator.adopted import Adopted, AdoptedStore
from orchestrator.cli.names import the_lease
from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.errors import EphkError, ExitCode, UsageError
from orchestrator.ledger import Ledger
from orchestrator.ledgers import Ledgers
from orchestrator.lifecycle import Lifecycle, interruptible
from orchestrator.progress import Progress
from orchestrator.reports.console import console, inapplicable_lines, report_summary, results_table
from orchestrator.reports.report import Report


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--contract`, `--layer` and `--risk`, which `verify` and `contracts` share."""
    for decorate in (
        click.option("ids", "--contract", multiple=True, metavar="ID", help="Contract id or pattern; may be repeated."),
        click.option(
            "--layer",
            "layers",
            multiple=True,
            type=click.Choice(["local", "cloud", "production"]),
            help="Contracts that can speak for the layer; may be repeated.",
        ),
        click.option(
            "--risk", "risks", multiple=True, metavar="WORDS", help="Pattern of the risk, such as '*certificate*'."
        ),
    ):
        function = decorate(function)
    return function


deadline_option = click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(min=1),
    default=DEADLINE_S,
    show_default=True,
    metavar="SECONDS",
    help="Seconds for each contract that does not declare more; time that a busy machine takes away does not count.",
)


@click.command("verify", epilog=example("ephk verify pr-42 --contract 'listener.*' --report ephk-report"))
@click.argument("name", required=False)
@selection_options
@click.option(
    "--adopted", "file", type=click.Path(path_type=Path), help="File that 'ephk adopt --json' printed, instead of NAME."
)
@click.option(
    "--report",
    "directory",
    type=click.Path(path_type=Path),
    help="Directory for report.json, report.html, report.md, junit.xml and findings.sarif.",
)
@deadline_option
@json_option
@reports_errors
def verify_command(
    name: str | None,
    ids: tuple[str, ...],
    layers: tuple[Any, ...],
    risks: tuple[str, ...],
    file: Path | None,
    directory: Path | None,
    deadline_s: float,
    as_json: bool,
) -> None:
    """Run the contracts of an environment; exit code 3 when one fails or cannot be run.

    NAME is a lease's or an adopted environment's; it is needed only when there is more than one.
    """
    selection = Selection(ids, layers, risks)
    reporter = progress()
    with interruptible(), reporter.step("contracts") as step:
        report = _verify(
            name,
            file,
            selection,
            reporter,
            directory=directory,
            on_result=lambda result: step.waiting(f"{result.status} {result.id}"),
            deadline_s=deadline_s,
        )
    if as_json:
        print_json(report.document())
    else:
        out = console(sys.stdout)
        out.print(results_table(report.results, width=out.width))
        out.print(report_summary(report))
        for line in inapplicable_lines(report):
            out.print(line)
        if directory is not None:
            out.print(f"report: {directory / 'report.html'}")
    if not report.passed:
        sys.exit(ExitCode.CONTRACT_FAILED)


class _How(TypedDict):
    directory: Path | None
    on_result: Callable[[Result], None]
    deadline_s: float


def _verify(
    name: str | None, file: Path | None, selection: Selection, reporter: Progress, **how: Unpack[_How]
) -> Report:
    ledger = Ledgers()
    adopted = _adopted(ledger, name, file)
    if adopted is None:
        lease = the_lease(ledger, name)
        return Lifecycle(ledger, reporter).verify(lease, select=selection, **how)
    from orchestrator.verification import verify

    return verify(
        adopted.current(),
        adopted.session(),
        select=selection,
        **how,
        declared=adopted.contracts,
        subject=adopted.subject(provenance.detect()),
    )


def _adopted(ledger: Ledger, name: str | None, file: Path | None) -> Adopted | None:
    """Return the adopted environment that is meant, or None when it is a lease's."""
    store = AdoptedStore()
    if file is not None:
        if name is not None:
            raise UsageError("give a NAME or --adopted, not both")
        return store.read(file)
    if name is not None:
        found = store.find(name)
        if found is None and (others := store.all()) and not any(name in (o.name, o.id) for o in ledger.leases()):
            known = ", ".join(item.environment.name for item in others)
            raise EphkError(f"there is no environment called '{name}'", next_step=f"Adopted: {known}. See 'ephk list'.")
        return found
    adopted = store.all()
    return adopted[0] if len(adopted) == 1 and not ledger.leases() else None
