"""`ephk check matrix`: who can do what in an environment, and how that was established."""

from __future__ import annotations

import sys

import click

from orchestrator.cli.names import the_lease
from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.errors import UsageError
from orchestrator.ledger import FileLedger
from orchestrator.lifecycle import ready_environment, session_of

_DEADLINE_S = 120.0


@click.command(
    "matrix", epilog=example("ephk check matrix pr-42", "ephk check matrix pr-42 --principal operator --json")
)
@click.argument("name", required=False)
@click.option("--principal", help="Only this principal or role.")
@click.option("--denied/--no-denied", default=True, show_default=True, help="Show what is refused, too.")
@json_option
@reports_errors
def check_matrix(name: str | None, principal: str | None, denied: bool, as_json: bool) -> None:
    """Show principal x action x resource of an environment: IAM roles and Kafka's ACL principals in one matrix.

    Each cell says how it was established: evaluated from the text of policies or ACLs, simulated by the provider,
    probed with the principal's own credentials. Cells whose views disagree are marked.
    """
    from contracts.access import Access
    from contracts.iam.matrix import build
    from contracts.model import Watch
    from orchestrator.reports.console import console
    from orchestrator.reports.matrix_table import LEGEND, matrix_table

    lease = the_lease(FileLedger(), name)
    environment = ready_environment(lease)
    with progress().step("matrix"), Access(environment, session_of(lease)) as access:
        cells = access.redact([cell.as_dict() for cell in build(access, Watch(_DEADLINE_S))])
    known = list(dict.fromkeys(cell["principal"] for cell in cells))
    if principal is not None and principal not in known:
        raise UsageError(f"environment {lease.name} has no '{principal}'", next_step=f"There are: {', '.join(known)}.")
    shown = [
        cell for cell in cells if principal in (None, cell["principal"]) and (denied or cell["allowed"] is not False)
    ]
    if as_json:
        print_json({"environment": lease.name, "lease": lease.id, "cells": shown})
        return
    out = console(sys.stdout)
    out.print(matrix_table(shown, environment.cloud.region))
    out.print(LEGEND)
