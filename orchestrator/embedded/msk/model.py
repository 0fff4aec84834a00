"""What the control plane remembers: clusters, their operations, and the brokers behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from orchestrator.embedded.gateway.moto_state import NetworkInterface, Subnet
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.msk.arns import new_version


class ClusterState(StrEnum):
    """The states of a cluster ("Cluster states", Amazon MSK Developer Guide)."""

    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    UPDATING = "UPDATING"
    REBOOTING_BROKER = "REBOOTING_BROKER"
    HEALING = "HEALING"
    MAINTENANCE = "MAINTENANCE"
    DELETING = "DELETING"
    FAILED = "FAILED"


class Node(Protocol):
    """One broker process, as the control plane sees it."""

    @property
    def id(self) -> int:
        """The broker's id."""
        ...

    @property
    def endpoints(self) -> Mapping[Any, str]:
        """`host:port` by listener."""
        ...

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        ...


class Brokers(Protocol):
    """The brokers of one cluster: what `orchestrator.embedded.brokers.BrokerCluster` does for the control plane."""

    def start(self) -> None:
        """Format, launch and wait until every broker is ready."""
        ...

    def bootstrap(self) -> Mapping[Any, str]:
        """Return bootstrap servers by listener (`scram`, `iam`, `mtls`)."""
        ...

    def ca_pem(self) -> str:
        """Return the CA that signed the brokers' certificates."""
        ...

    def nodes(self) -> Sequence[Node]:
        """Return every broker, running or not."""
        ...

    def put_scram_user(self, username: str, password: str) -> None:
        """Create a SCRAM user or change its password."""
        ...

    def delete_scram_user(self, username: str) -> None:
        """Remove a SCRAM user."""
        ...

    def restart_broker(self, broker_id: int) -> None:
        """Restart one broker and wait until it is ready."""
        ...

    def add_brokers(self, count: int) -> None:
        """Start further brokers and wait until they are ready."""
        ...

    def apply_configuration(self, server_properties: Mapping[str, str]) -> None:
        """Restart every broker in turn with new properties."""
        ...

    def set_listeners(self, *, scram: bool, iam: bool, client_ca_pem: str | None) -> None:
        """Restart every broker in turn with other listeners."""
        ...

    def log_path(self, broker_id: int) -> Path:
        """Return the file that the broker logs to."""
        ...

    def stop(self) -> None:
        """End every process at once."""
        ...


@dataclass(frozen=True)
class Security:
    """Who may connect, and how data is protected; the dictionaries are the model's shapes, as they were asked for.

    Attributes:
        scram: the SASL/SCRAM listener exists.
        iam: the IAM listener exists.
        authorities: ARNs of the private CAs whose client certificates the mTLS listener accepts; empty without it.
        client_authentication: the model's `ClientAuthentication`.
        encryption: the model's `EncryptionInfo`.
    """

    scram: bool
    iam: bool
    authorities: tuple[str, ...]
    client_authentication: dict[str, Any]
    encryption: dict[str, Any]


@dataclass(frozen=True)
class ClusterSpec:
    """A validated request for a provisioned cluster; the dictionaries are the model's shapes.

    Attributes:
        name: unique in the account and region.
        kafka_version: a version that MSK has.
        brokers: a multiple of the number of subnets.
        node_group: the model's `BrokerNodeGroupInfo`.
        subnets: in the order of `ClientSubnets`.
        security: listeners and encryption.
        configuration: ARN and revision of the MSK configuration, or None for MSK's defaults.
        enhanced_monitoring: the level of metrics.
        open_monitoring: the model's `OpenMonitoring`.
        logging: the model's `LoggingInfo`, or None.
        tags: the cluster's tags.
    """

    name: str
    kafka_version: str
    brokers: int
    node_group: dict[str, Any]
    subnets: tuple[Subnet, ...]
    security: Security
    configuration: tuple[str, int] | None = None
    enhanced_monitoring: str = "DEFAULT"
    open_monitoring: dict[str, Any] = field(default_factory=dict)
    logging: dict[str, Any] | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Operation:
    """One update of a cluster, kept after it ended.

    Attributes:
        state: PENDING, UPDATE_IN_PROGRESS, UPDATE_COMPLETE or UPDATE_FAILED; a reboot has REBOOT_IN_PROGRESS and so on.
        source: what changes, before (the model's `MutableClusterInfo`).
        target: what changes, after.
        error: the model's `ErrorInfo` of a failed one.
    """

    arn: str
    cluster_arn: str
    type: str
    source: dict[str, Any]
    target: dict[str, Any]
    state: str = "PENDING"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    error: dict[str, str] | None = None


@dataclass
class Cluster:
    """A provisioned cluster. Whoever reads or writes it holds the control plane's lock.

    Attributes:
        spec: what was asked for, as updates have changed it.
        uuid: the last part of the ARN.
        directory: keys, configuration, data and logs of its brokers.
        version: changes with every update; updates must name it.
        state_info: why it is in its state (FAILED), as the model's `StateInfo`.
        runner: the brokers, once they exist.
        ready: the brokers have been ready once.
        interfaces: the network interface of each broker in the customer's subnets.
        bootstrap: bootstrap servers by listener, as they were when the brokers were last all ready.
        endpoints: each broker's addresses, likewise: brokers that are still being added are not told.
        joined: when each broker joined.
        secrets: the SCRAM user of each associated secret, by its ARN.
        secret_values: a digest of what each of them held when the user was last set.
        operations: oldest first.
        policy: the cluster policy and its version.
    """

    arn: str
    uuid: str
    spec: ClusterSpec
    directory: Path
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    version: str = field(default_factory=new_version)
    state: ClusterState = ClusterState.CREATING
    state_info: dict[str, str] | None = None
    runner: Brokers | None = None
    ready: bool = False
    interfaces: dict[int, NetworkInterface] = field(default_factory=dict)
    bootstrap: dict[str, str] = field(default_factory=dict)
    endpoints: dict[int, list[str]] = field(default_factory=dict)
    joined: dict[int, datetime] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    secret_values: dict[str, bytes] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    active_operation: str | None = None
    policy: tuple[str, str] | None = None

    def require_state(self, doing: str, *allowed: ClusterState) -> None:
        """Refuse what cannot be done in the cluster's state, in MSK's words.

        Args:
            doing: completes "You can't ... cluster in HEALING state."
            allowed: the states in which it can be done.

        Raises:
            AwsError: the cluster is in another state.
        """
        if self.state not in allowed:
            raise AwsError("BadRequestException", f"You can't {doing} in {self.state} state.")

    def require_version(self, version: str) -> None:
        """Refuse an update that was meant for an earlier version of the cluster.

        Raises:
            AwsError: `version` is not the current one.
        """
        if version != self.version:
            raise AwsError(
                "BadRequestException",
                "The version of the cluster isn't current. Check the current version and try again.",
                InvalidParameter="currentVersion",
            )

    def require_runner(self) -> Brokers:
        """Return the brokers.

        Raises:
            AwsError: there are none (creation failed).
        """
        if self.runner is None:
            raise AwsError("BadRequestException", f"The cluster has no brokers: it is in {self.state} state.")
        return self.runner
