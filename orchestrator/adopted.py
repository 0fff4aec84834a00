"""Environments that somebody else made: kept beside the leases, never among them, so that nothing can take them down.

A record says how to reach the environment. `down` forgets it; no command deletes or changes what it names, and probes
write nothing to it unless that was allowed.
"""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from orchestrator import paths
from orchestrator.aws import AwsSession
from orchestrator.environment import MSK_PORTS, CloudEndpoint, Cluster, Environment, Listener, Principal
from orchestrator.errors import EphkError, UsageError
from orchestrator.files import private_dir, write_private
from orchestrator.reports.model import Subject
from orchestrator.spec import EnvironmentName
from orchestrator.tags import Provenance

#: Certificates must outlive this, where there is no lease whose end they could outlive.
HORIZON = timedelta(days=14)
_LISTENERS: tuple[Listener, ...] = ("scram", "iam", "mtls")
#: Ports of MSK's listeners; the public ones carry a 1 instead of the 0 ("Port information", MSK Developer Guide).
_BY_PORT: dict[int, Listener] = {port + extra: name for name, port in MSK_PORTS.items() for extra in (0, 100)}
_ADDRESS = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:,\[\]]+):\d{1,5}")


class Adopted(BaseModel):
    """The record of one adopted environment; it holds no secret.

    Attributes:
        environment: as contracts see it; its end is set anew at each verification.
        provenance: who adopted it, for which change.
        contracts: the spec's own contracts.
        adopted_at: when (UTC).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: Environment
    provenance: Provenance
    contracts: tuple[dict[str, Any], ...] = ()
    adopted_at: datetime = Field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def current(self, now: datetime | None = None) -> Environment:
        """Return the environment as it is verified now, with the horizon that its certificates must outlive."""
        moment = (now or datetime.now(UTC)).replace(microsecond=0)
        return self.environment.model_copy(update={"expires_at": moment + HORIZON})

    def session(self) -> AwsSession:
        """Return the caller's own AWS session for the environment's cloud; credentials are looked for when used."""
        return AwsSession(self.environment.cloud)

    def subject(self, provenance: Provenance) -> Subject:
        """Describe the environment for a report, as of the commit that is being verified."""
        return Subject.of(self.environment).model_copy(
            update={
                "adopted": True,
                "commit": provenance.commit,
                "repository": provenance.repository,
                "owner": provenance.owner,
            }
        )


class AdoptedStore:
    """One private file for each adopted environment."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or paths.state_home() / "adopted"

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.json"

    def add(self, adopted: Adopted) -> None:
        """Write a record.

        Raises:
            EphkError: the name is taken.
        """
        file = self._file(adopted.environment.name)
        if file.exists():
            raise EphkError(
                f"an adopted environment is called '{adopted.environment.name}' already",
                next_step=f"Choose another name, or forget that one: ephk down {adopted.environment.name}",
            )
        private_dir(self._directory)
        write_private(file, adopted.model_dump_json(indent=2) + "\n")

    def find(self, name: str) -> Adopted | None:
        """Return a record, or None when there is none of that name.

        Raises:
            EphkError: there is one that cannot be read.
        """
        return self.read(self._file(name)) if self._file(name).is_file() else None

    @staticmethod
    def read(file: Path) -> Adopted:
        """Read a record.

        Raises:
            EphkError: it cannot be read, or is no record.
        """
        try:
            return Adopted.model_validate_json(file.read_text())
        except (OSError, ValidationError, json.JSONDecodeError) as error:
            raise EphkError(
                f"cannot read the adopted environment {file}: {type(error).__name__}",
                next_step="Adopt it anew: ephk adopt --help",
            ) from None

    def all(self) -> list[Adopted]:
        """Return every record, by name."""
        return [self.read(file) for file in sorted(self._directory.glob("*.json"))]

    def forget(self, name: str) -> bool:
        """Remove a record, and nothing else; returns whether it was there."""
        file = self._file(name)
        there = file.is_file()
        file.unlink(missing_ok=True)
        for directory in (self._directory, self._directory.parent):  # a state home is empty when nothing is left
            try:
                directory.rmdir()
            except OSError:
                break
        return there


def check_name(name: str) -> None:
    """Hold a name to the rules of every environment's.

    Raises:
        UsageError: it breaks them.
    """
    try:
        TypeAdapter(EnvironmentName).validate_python(name)
    except ValidationError as error:
        raise UsageError(f"NAME: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None


def read_bootstrap(entries: Sequence[str]) -> dict[Listener, str]:
    """Read `LISTENER=host:port,...`, or addresses alone when MSK's ports say which listener they are.

    Raises:
        UsageError: an address has no port, or nothing says which listener it belongs to.
    """
    found: dict[Listener, list[str]] = {}
    for entry in entries:
        prefix, equals, servers = entry.rpartition("=")
        if equals and prefix not in _LISTENERS:
            raise UsageError(
                f"--bootstrap: there is no listener '{prefix}'", next_step=f"Listeners: {', '.join(_LISTENERS)}."
            )
        for address in filter(None, (part.strip() for part in servers.split(","))):
            if not _ADDRESS.fullmatch(address):
                raise UsageError(
                    f"--bootstrap: '{address}' is not host:port", next_step="For example: b-1.example:9096"
                )
            port = int(address.rpartition(":")[2])
            listener = prefix if equals else _BY_PORT.get(port)
            if listener is None:
                raise UsageError(
                    f"--bootstrap: port {port} does not say which listener {address} is",
                    next_step=f"Name it: --bootstrap scram={address} (or iam=, mtls=)",
                )
            found.setdefault(listener, []).append(address)  # type: ignore[arg-type]
    if not found:
        raise UsageError("--bootstrap names no broker", next_step="For example: --bootstrap scram=b-1.example:9096")
    return {listener: ",".join(found[listener]) for listener in _LISTENERS if listener in found}


def target_of(bootstrap: Mapping[Listener, str], cluster_arn: str | None, endpoint_url: str | None) -> Any:
    """Tell what an adopted environment's results may count for: `aws` only for what is certainly AWS's.

    Brokers on this machine, or an API that is not AWS's own, never count as cloud.
    """
    hosts = {part.rpartition(":")[0].strip("[]") for servers in bootstrap.values() for part in servers.split(",")}
    if endpoint_url is not None or any(_is_loopback(host) for host in hosts):
        return "embedded"
    return "aws" if cluster_arn is not None else "elsewhere"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_environment(
    name: str,
    *,
    bootstrap: Mapping[Listener, str],
    target: Literal["embedded", "aws", "elsewhere"],
    cloud: CloudEndpoint,
    principals: Sequence[Principal] = (),
    brokers: int | None = None,
    ca_pem: str | None = None,
    cluster_arn: str | None = None,
    **parts: Any,
) -> Environment:
    """Return the environment object of somebody else's cluster.

    Args:
        name: what people call it.
        bootstrap: servers by listener.
        target: what its results may count for.
        cloud: how its control plane is reached.
        principals: the identities that may be used.
        brokers: how many there are; None takes the longest list of bootstrap servers.
        ca_pem: the CA of the brokers' certificates; None means the system's trust store.
        cluster_arn: the MSK cluster's ARN.
        parts: further fields of `Environment` (topics, roles, bucket, connect_url, read_only).
    """
    now = datetime.now(UTC).replace(microsecond=0)
    return Environment(
        lease_id=f"adopted-{secrets.token_hex(3)}",
        name=name,
        flavour="msk" if cluster_arn else "kafka",
        target=target,
        created_at=now,
        expires_at=now + HORIZON,
        cloud=cloud,
        cluster=Cluster(
            arn=cluster_arn or f"adopted:{name}",
            name=cluster_arn.split("/")[1] if cluster_arn and "/" in cluster_arn else name,
            kafka_version="unknown",
            brokers=brokers or max(len(servers.split(",")) for servers in bootstrap.values()),
            bootstrap=dict(bootstrap),
            ca_pem=ca_pem,
        ),
        principals=tuple(principals),
        adopted=True,
        **parts,
    )
