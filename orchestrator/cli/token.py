"""`ephk token`: what an IAM principal proves itself with, for programs that cannot sign for themselves."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from orchestrator.cli.names import the_lease
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.connection import choose_principal
from orchestrator.ledger import FileLedger
from orchestrator.lifecycle import ready_environment
from orchestrator.tags import rfc3339


@click.command(
    "token",
    epilog=example(
        "ephk token pr-42 --principal orders-batch --json",
        "ephk token pr-42 --principal orders-batch --credential-process   # for an AWS profile",
    ),
)
@click.argument("name", required=False)
@click.option("--principal", help="Which IAM identity (default: the first); 'operator' is the operator role.")
@click.option("--credential-process", is_flag=True, help="Print the role's keys as AWS's credential_process expects.")
@json_option
@reports_errors
def token_command(name: str | None, principal: str | None, credential_process: bool, as_json: bool) -> None:
    """Print a fresh token of an IAM principal, for clients that use OAUTHBEARER.

    A token lives for 15 minutes and is a secret. A client's callback (librdkafka's oauth_cb) asks for one whenever it
    needs one: the session name stays the same, so brokers let a connection go on. With --json: token, expires_at_ms,
    principal, role_arn, session_name.

    --credential-process prints the role's temporary keys instead, so that a profile of the AWS configuration can say
    "credential_process = ephk token NAME --principal P --credential-process" and every SDK becomes the principal.
    """
    from orchestrator.tokens import role_keys, signed_token

    lease = the_lease(FileLedger(), name)
    chosen = choose_principal(ready_environment(lease), principal, "iam")
    if credential_process:
        print_json(role_keys(lease, chosen))
        return
    token = signed_token(lease, chosen)
    if not as_json:
        click.echo(token.value)
        return
    print_json(
        {
            "token": token.value,
            "mechanism": "OAUTHBEARER",
            "expires_at_ms": int(token.expires_at * 1000),
            "expires_at": rfc3339(datetime.fromtimestamp(token.expires_at, UTC)),
            "principal": chosen.name,
            "role_arn": chosen.role_arn,
            "session_name": token.session_name,
        }
    )
