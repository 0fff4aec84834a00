"""`ephk check matrix`: who can do what in an environment, and how that was established."""

from __future__ import annotations

import sys

import click

from orchestrator.cli.names import the_lease
from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
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
    from orchestrator.reports.matrix_table import matrix_table

    lease = the_lease(FileLedger(), name)
    environment = ready_environment(lease)
    with progress().step("matrix"), Access(environment, session_of(lease)) as access:
        cells = access.redact([cell.as_dict() for cell in build(access, Watch(_DEADLINE_S))])
    cells = [
        c for c in cells if (not principal or c["principal"] == principal) and (denied or c["allowed"] is not False)
    ]
    if as_json:
        print_json({"environment": lease.name, "lease": lease.id, "cells": cells})
    else:
        console(sys.stdout).print(matrix_table(cells, environment.cloud.region))
