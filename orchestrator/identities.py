"""From a lease to files that clients use: secrets are read or issued when asked for, and kept 0600."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from contracts import client_files
from contracts.credentials import Credentials
from contracts.model import Watch
from orchestrator.aws import AwsSession
from orchestrator.connection import Connection, ConnectLogin
from orchestrator.environment import Environment, Principal
from orchestrator.files import write_private
from orchestrator.lease import Lease
from orchestrator.lifecycle import ready_environment, session_of

#: Seconds for reading a secret or issuing a certificate.
_DEADLINE_S = 30.0

write_connection_files = client_files.write


def connections_of(lease: Lease, directory: Path) -> list[Connection]:
    """Return the connection of every principal; CA and client certificates are written into `directory`.

    Raises:
        EphkError: the environment is not ready, or its cloud is gone.
    """
    return _connections(lease, ready_environment(lease).principals, directory)


def connection_for(lease: Lease, principal: Principal, directory: Path) -> Connection:
    """Return one principal's connection; see `connections_of`."""
    return _connections(lease, (principal,), directory)[0]


def _connections(lease: Lease, principals: tuple[Principal, ...], directory: Path) -> list[Connection]:
    environment, session = ready_environment(lease), session_of(lease)
    credentials = Credentials(environment, session)
    made = [
        client_files.connection(environment, principal, directory, credentials, Watch(_DEADLINE_S))
        for principal in principals
    ]
    login = _connect_login(environment, session, directory.absolute())
    return [replace(connection, connect=login) for connection in made]


def _connect_login(environment: Environment, session: AwsSession, directory: Path) -> ConnectLogin | None:
    """Return how the first connector's REST interface is used; None where there is none."""
    connect = environment.connect
    place = next((c.rest for c in connect.connectors if c.rest is not None), None) if connect else None
    if place is None:
        return None
    text = session.client("secretsmanager").get_secret_value(SecretId=place.secret_arn)["SecretString"]
    document = json.loads(text)
    ca_file = None
    if place.ca_pem is not None:
        ca_file = directory / "connect-ca.pem"
        write_private(ca_file, place.ca_pem)
    return ConnectLogin(document["username"], document["password"], ca_file)
