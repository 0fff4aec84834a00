"""What a client needs to connect as one principal, written to files with mode 0600."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from contracts.credentials import Credentials
from contracts.model import Watch
from orchestrator.connection import Connection, Format, RegistryAccess, Secrets
from orchestrator.environment import Environment, Principal
from orchestrator.files import private_dir, write_private

_FORMATS: tuple[tuple[str, Format], ...] = (
    ("env", "dotenv"),
    ("client.properties", "java"),
    ("librdkafka.properties", "librdkafka"),
    ("json", "json"),
)


def connection(
    environment: Environment, principal: Principal, directory: Path, credentials: Credentials, watch: Watch
) -> Connection:
    """Return a principal's connection; the CA and its client certificate are written into `directory`.

    Raises:
        ProbeError: the principal's secret cannot be read, or no certificate can be issued.
    """
    private_dir(directory)
    ca_file = None
    if environment.cluster.ca_pem is not None:
        ca_file = directory.absolute() / "ca.pem"
        write_private(ca_file, environment.cluster.ca_pem)
    secrets = _secrets(principal, directory.absolute(), credentials, watch)
    registry = _registry(environment, directory, credentials, watch)
    return Connection(environment, principal, secrets, ca_file, registry=registry)


def _registry(
    environment: Environment, directory: Path, credentials: Credentials, watch: Watch
) -> RegistryAccess | None:
    registry = environment.schema_registry
    if registry is None:
        return None
    ca_file = None
    if registry.ca_pem is not None:
        ca_file = directory.absolute() / "schema-registry-ca.pem"
        write_private(ca_file, registry.ca_pem)
    user = credentials.registry(watch)
    return RegistryAccess(registry.url, ca_file, f"{user.username}:{user.password}" if user else None)


def _secrets(principal: Principal, directory: Path, credentials: Credentials, watch: Watch) -> Secrets:
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
    return Secrets(aws_keys=credentials.base_keys)


def write(connections: Iterable[Connection], directory: Path) -> list[Path]:
    """Write each as `<principal>.env`, `.client.properties`, `.librdkafka.properties` and `.json`; return the paths."""
    written: list[Path] = []
    for made in connections:
        for suffix, form in _FORMATS:
            path = directory / f"{made.principal.name}.{suffix}"
            write_private(path, made.render(form))
            written.append(path)
    return written
