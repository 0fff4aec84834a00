"""What MSK Connect keeps: custom plugins, worker configurations, connectors and their operations."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from orchestrator.connect_rest import ConnectRest
from orchestrator.embedded.gateway.service import AwsError, Caller
from orchestrator.plugin_archives import PluginContents


class ConnectorState(StrEnum):
    """States of a connector."""

    CREATING = "CREATING"
    RUNNING = "RUNNING"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    FAILED = "FAILED"
    PAUSED = "PAUSED"
    PAUSING = "PAUSING"
    RESUMING = "RESUMING"
    RESTARTING = "RESTARTING"


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Names:
    """Makes ARNs ("Resource types defined by Amazon Managed Streaming for Kafka Connect")."""

    region: str
    account_id: str

    def arn(self, kind: str, name: str) -> str:
        """Return a new resource's ARN.

        Args:
            kind: `connector`, `custom-plugin` or `worker-configuration`.
            name: the resource's name.
        """
        unique = f"{uuid.uuid4()}-{secrets.randbelow(9) + 1}"
        return f"arn:aws:kafkaconnect:{self.region}:{self.account_id}:{kind}/{name}/{unique}"

    def operation(self, connector_arn: str) -> str:
        """Return the ARN of a new operation on a connector."""
        return f"{connector_arn.replace(':connector/', ':connector-operation/')}/{uuid.uuid4()}"


@dataclass
class CustomPlugin:
    """A plugin: an archive in a bucket, at one version.

    Attributes:
        contents: what the archive holds; None until it was read.
        data: the archive; what MSK Connect copies when the plugin is made.
    """

    arn: str
    name: str
    content_type: str
    location: dict[str, Any]
    description: str | None
    tags: dict[str, str]
    created: datetime = field(default_factory=now)
    state: str = "CREATING"
    failure: dict[str, str] | None = None
    contents: PluginContents | None = None
    data: bytes = field(default=b"", repr=False)
    md5: str = ""


@dataclass
class WorkerConfiguration:
    """A worker configuration; it has one revision, since the API cannot change one."""

    arn: str
    name: str
    text: str
    values: dict[str, str]
    description: str | None
    tags: dict[str, str]
    created: datetime = field(default_factory=now)


@dataclass
class Operation:
    """A change of a connector."""

    arn: str
    connector_arn: str
    kind: str
    state: str
    created: datetime = field(default_factory=now)
    ended: datetime | None = None
    error: dict[str, str] | None = None
    origin: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)

    def end(self, state: str, error: dict[str, str] | None = None) -> None:
        """Note the end."""
        self.state, self.error, self.ended = state, error, now()


class Workers(Protocol):
    """The workers of a connector, as `orchestrator.embedded.connect_workers.ConnectWorkers` are."""

    def start(self, *, deadline_s: float = 90.0) -> None:
        """Start all and wait until they have joined their group."""
        ...

    def ask(self, question: Callable[[ConnectRest], Any], *, deadline_s: float = 20.0) -> Any:
        """Ask one over REST."""
        ...

    def scale(self, workers: int, *, deadline_s: float = 90.0) -> None:
        """Have so many workers."""
        ...

    def dead(self) -> list[int]:
        """Return the workers that have ended."""
        ...

    def restart_worker(self, number: int, *, deadline_s: float = 90.0) -> None:
        """Start one again."""
        ...

    def urls(self) -> tuple[str, ...]:
        """Return the REST interfaces."""
        ...

    def pids(self) -> dict[int, int | None]:
        """Return the processes."""
        ...

    def ca_pem(self) -> str:
        """Return the CA of the REST interfaces."""
        ...

    def log_paths(self) -> dict[int, Path]:
        """Return the logs."""
        ...

    def stop(self, *, grace_s: float = 0.0) -> None:
        """End all."""
        ...


@dataclass(frozen=True)
class ConnectorSpec:
    """What a connector is asked to be; see `requests.parse`.

    Attributes:
        request: the CreateConnector request's members, as DescribeConnector shows them.
        workers: how many workers, the fewest of an autoscaled capacity.
    """

    name: str
    configuration: Mapping[str, str] = field(repr=False)
    request: Mapping[str, Any] = field(repr=False)
    workers: int
    iam: bool
    tls: bool
    bootstrap_servers: str
    role_arn: str
    plugin_arn: str
    worker_configuration_arn: str | None
    log_group: str | None


@dataclass
class Connector:
    """A connector.

    Attributes:
        authorization: what its workers show to get the role's credentials; a secret.
        rest_password: of the workers' REST interface; a secret.
        rest_secret_arn: the secret that holds it.
        interfaces: network interfaces in the customer's subnets, one for each worker.
    """

    arn: str
    uuid: str
    spec: ConnectorSpec
    directory: Path
    tags: dict[str, str]
    owner: Caller
    authorization: str = field(repr=False)
    rest_password: str = field(repr=False)
    state: ConnectorState = ConnectorState.CREATING
    failure: dict[str, str] | None = None
    version: str = field(default_factory=lambda: "K" + secrets.token_hex(7).upper()[:13])
    created: datetime = field(default_factory=now)
    workers: Workers | None = field(default=None, repr=False)
    rest_secret_arn: str | None = None
    operations: list[Operation] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)

    def require_workers(self) -> Workers:
        """Return the workers; raises AwsError when there are none."""
        if self.workers is None:
            raise AwsError("BadRequestException", f"The connector {self.spec.name} has no workers.")
        return self.workers

    def require_state(self, doing: str, *states: ConnectorState) -> None:
        """Refuse what a connector does not do in its state; raises AwsError."""
        if self.state not in states:
            raise AwsError("BadRequestException", f"Cannot {doing} while the connector is {self.state}.")

    def require_version(self, version: str) -> None:
        """Refuse a change that was made for another version; raises AwsError."""
        if version != self.version:
            raise AwsError("BadRequestException", f"The current version of the connector is not {version}.")

    def changed(self) -> None:
        """Give the connector a new version."""
        self.version = "K" + secrets.token_hex(7).upper()[:13]
