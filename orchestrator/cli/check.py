"""`ephk check`: contracts on policies, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.matrix import check_matrix
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.errors import UsageError
from orchestrator.iam.requests import decide_requests


@click.group("check", epilog=example("ephk check iam --request requests.json --json"))
def check_command() -> None:
    """Check policies and plans without an environment."""


check_command.add_command(check_matrix)


@check_command.command("iam", epilog=example("ephk check iam --request requests.json --json"))
@click.option("--request", "file", required=True, type=click.Path(path_type=Path), help="JSON array of requests.")
@json_option
@reports_errors
def check_iam(file: Path, as_json: bool) -> None:
    """Decide requests as AWS's documented policy evaluation logic would.

    FILE holds an array of {name, principal, action, resource, context, identity, boundary, scps, session,
    resource_policy, account}; the answer has allow, deny or error for each, with the reason.
    """
    answer = decide_requests(_requests(file))
    if as_json:
        print_json(answer)
        return
    for decision in answer["decisions"]:
        click.echo(f"{decision['decision']:<6} {decision['name']}: {decision['reason']}")


def _requests(file: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot read {file}: {reason}", next_step="Give a JSON array of requests.") from None
    if not isinstance(document, list):
        raise UsageError(f"{file} must hold a JSON array of requests, holds a {type(document).__name__}")
    return document
