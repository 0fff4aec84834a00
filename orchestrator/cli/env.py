"""`ephk env`: connection files that clients use as they are."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.names import the_lease
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.connection import Format, choose_principal
from orchestrator.environment import Mechanism
from orchestrator.identities import connection_for, connections_of, write_connection_files
from orchestrator.ledgers import Ledgers
from orchestrator.lifecycle import ready_environment
from orchestrator.paths import lease_dir


@click.command(
    "env",
    epilog=example(
        "ephk env pr-42 --principal orders-producer --format java > client.properties",
        "kcat -F <(ephk env pr-42 --format librdkafka) -L",
        "ephk env pr-42 --auth iam --format java > client.properties   # with aws-msk-iam-auth",
    ),
)
@click.argument("name", required=False)
@click.option("--principal", help="Which client identity (default: the first).")
@click.option("--auth", type=click.Choice(["scram", "iam", "mtls"]), help="The first identity that uses this.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["dotenv", "java", "librdkafka", "json"]),
    default="dotenv",
    show_default=True,
    help="Shell assignments, Java client.properties, librdkafka properties (kcat -F), or everything as JSON.",
)
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="Write every principal's files here (0600).")
@json_option
@reports_errors
def env_command(
    name: str | None,
    principal: str | None,
    auth: Mechanism | None,
    form: Format,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Print how a principal connects, with its secret: keep the output out of logs.

    Files named in it (CA, client certificate) live with the environment until it is taken down.

    IAM principals: Java applications put aws-msk-iam-auth on their class path and use the file as it is; it assumes
    the principal's role under a fixed session name. librdkafka's file names OAUTHBEARER, and the program's callback
    returns a token: from AWS's signer library, or from 'ephk token'. The dotenv form has what SDKs need to assume the
    role. --principal operator is the role that administers topics and ACLs.
    """
    lease = the_lease(Ledgers(), name)
    environment = ready_environment(lease)
    if directory is not None:
        files = write_connection_files(connections_of(lease, directory), directory)
        if as_json:
            print_json({"files": [str(path) for path in files]})
        else:
            for path in files:
                click.echo(str(path))
        return
    chosen = choose_principal(environment, principal, auth)
    connection = connection_for(lease, chosen, lease_dir(lease.id) / "connection")
    click.echo(connection.render("json" if as_json else form), nl=False)
