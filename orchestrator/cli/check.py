"""`ephk check`: contracts on policies and connectors, before anything runs."""

from __future__ import annotations

import click

from orchestrator.cli.check_connect import check_connect
from orchestrator.cli.check_iam import check_iam
from orchestrator.cli.check_terraform import check_terraform
from orchestrator.cli.matrix import check_matrix
from orchestrator.cli.output import example


@click.group(
    "check", epilog=example("ephk check terraform plan.json", "ephk check iam --base origin/main --head policies/")
)
def check_command() -> None:
    """Check policies, plans and connectors without an environment."""


check_command.add_command(check_connect)
check_command.add_command(check_iam)
check_command.add_command(check_matrix)
check_command.add_command(check_terraform)
