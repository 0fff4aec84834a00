"""From a lease to files that clients use: secrets are read or issued when asked for, and kept 0600."""

from __future__ import annotations

from pathlib import Path

from contracts.credentials import Credentials
from contracts.model import Watch
from orchestrator.connection import Connection, RegistryAccess, Secrets
from orchestrator.environment import Environment, Principal
from orchestrator.files import private_dir, write_private
from orchestrator.lease import Lease
from orchestrator.lifecycle import ready_environment, session_of

#: Seconds for reading a secret or issuing a certificate.
_DEADLINE_S = 30.0


def connections_of(lease: Lease, directory: Path) -> list[Connection]:
    """Return the connection of every principal; CA and client certificates are written into `directory`.

    Raises:
        EphkError: the environment is not ready, or its cloud is gone.
    """
    environment = ready_environment(lease)
    credentials = Credentials(environment, session_of(lease))
    return [_connection(lease, principal, directory, credentials) for principal in environment.principals]


def connection_for(lease: Lease, principal: Principal, directory: Path) -> Connection:
    """Return one principal's connection; see `connections_of`."""
    return _connection(lease, principal, directory, Credentials(ready_environment(lease), session_of(lease)))


def _connection(lease: Lease, principal: Principal, directory: Path, credentials: Credentials) -> Connection:
    environment = ready_environment(lease)
    private_dir(directory)
    ca_file = None
    if environment.cluster.ca_pem is not None:
        ca_file = directory.absolute() / "ca.pem"
        write_private(ca_file, environment.cluster.ca_pem)
    secrets = _secrets(principal, directory.absolute(), credentials)
    return Connection(environment, principal, secrets, ca_file, _registry(environment, directory, credentials))


def _registry(environment: Environment, directory: Path, credentials: Credentials) -> RegistryAccess | None:
    registry = environment.schema_registry
    if registry is None:
        return None
    ca_file = None
    if registry.ca_pem is not None:
        ca_file = directory.absolute() / "schema-registry-ca.pem"
        write_private(ca_file, registry.ca_pem)
    user = credentials.registry(Watch(_DEADLINE_S))
    return RegistryAccess(registry.url, ca_file, f"{user.username}:{user.password}" if user else None)


def _secrets(principal: Principal, directory: Path, credentials: Credentials) -> Secrets:
    watch = Watch(_DEADLINE_S)
    if principal.auth == "scram":
        secret = credentials.scram(principal, watch)
        return Secrets(username=secret.username, password=secret.password)
    if principal.auth == "mtls":
        pair = credentials.certificate(principal.name, watch)
        certificate, key = directory / f"{principal.name}.crt.pem", directory / f"{principal.name}.key.pem"
        keystore = directory / f"{principal.name}.keystore.pem"
        for path, text in (
            (certificate, pair.certificate_pem),
            (key, pair.key_pem),
            (keystore, pair.key_pem + pair.certificate_pem),
        ):
            write_private(path, text)
        return Secrets(certificate=certificate, key=key, keystore=keystore)
    return Secrets()


def write_connection_files(connections: list[Connection], directory: Path) -> list[Path]:
    """Write `<principal>.env`, `.client.properties`, `.librdkafka.properties` and `.json` for each, mode 0600.

    Returns:
        The files' paths.
    """
    written: list[Path] = []
    for connection in connections:
        for suffix, form in (
            ("env", "dotenv"),
            ("client.properties", "java"),
            ("librdkafka.properties", "librdkafka"),
            ("json", "json"),
        ):
            path = directory / f"{connection.principal.name}.{suffix}"
            write_private(path, connection.render(form))  # type: ignore[arg-type]
            written.append(path)
    return written
