"""From a lease to files that clients use: secrets are read or issued when asked for, and kept 0600."""

from __future__ import annotations

from pathlib import Path

from contracts import client_files
from contracts.credentials import Credentials
from contracts.model import Watch
from orchestrator.connection import Connection
from orchestrator.environment import Principal
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
    environment = ready_environment(lease)
    credentials = Credentials(environment, session_of(lease))
    return [
        client_files.connection(environment, principal, directory, credentials, Watch(_DEADLINE_S))
        for principal in environment.principals
    ]


def connection_for(lease: Lease, principal: Principal, directory: Path) -> Connection:
    """Return one principal's connection; see `connections_of`."""
    environment = ready_environment(lease)
    credentials = Credentials(environment, session_of(lease))
    return client_files.connection(environment, principal, directory, credentials, Watch(_DEADLINE_S))
