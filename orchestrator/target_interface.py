"""What a lifecycle needs to know of the place where it provisions."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from orchestrator.aws import AwsSession
from orchestrator.connect_validation import ConnectorToValidate, Judgement
from orchestrator.environment import ConnectRestEndpoint, SchemaRegistry
from orchestrator.errors import EphkError
from orchestrator.progress import Progress
from orchestrator.spec_registry import SchemaRegistrySpec

if TYPE_CHECKING:
    from orchestrator.engine.backend import StateBackend

TargetName = Literal["embedded", "aws"]


class CloudGoneError(EphkError):
    """The cloud that an environment lived in does not run any more, and its resources ended with it."""


class Target(Protocol):
    """What a lifecycle needs to know of the place where it provisions."""

    name: TargetName

    def prepare(self, progress: Progress, region: str) -> None:
        """Install what provisioning in a region needs (downloads happen here and nowhere later)."""
        ...

    def start(self, progress: Progress) -> AwsSession:
        """Make the cloud reachable and return the administrator's session."""
        ...

    def session(self) -> AwsSession:
        """Return the administrator's session of a cloud that is there; raises CloudGoneError."""
        ...

    def plugin_environment(self, session: AwsSession) -> dict[str, str]:
        """Return the environment variables by which the Pulumi provider finds the cloud."""
        ...

    def zones(self, session: AwsSession, count: int) -> tuple[str, ...]:
        """Return the names of `count` availability zones."""
        ...

    def boundary_arn(self) -> str | None:
        """Return the account's permissions boundary for every role; None when each environment has its own."""
        ...

    def broker_ca(self, session: AwsSession, cluster_arn: str) -> str | None:
        """Return the CA (PEM) of a cluster's brokers; None means the system's trust store."""
        ...

    def state_backend(self, lease_id: str) -> StateBackend | None:
        """Return where the lease's stack keeps its state; None is a file in the lease's directory."""

    def prepare_connect(self, progress: Progress) -> None:
        """Install what Kafka Connect needs."""
        ...

    def plugin_archive(self, coordinate: str | None, progress: Progress) -> Path:
        """Return a plugin's archive: a jar from a Maven repository, or the canary when `coordinate` is None."""
        ...

    def with_config_provider(self, archive: Path, progress: Progress) -> Path:
        """Return a plugin's archive with our configuration provider in it."""
        ...

    def validate_connectors(self, wanted: Sequence[ConnectorToValidate], progress: Progress) -> dict[str, Judgement]:
        """Return what plugins say of their connectors' configurations, by connector."""
        ...

    def connect_rest(self, session: AwsSession, connector_arn: str) -> ConnectRestEndpoint | None:
        """Return the REST interface of a connector's workers, or None where there is none."""
        ...

    def end_leftovers(self, lease_directory: Path) -> int:
        """End processes of a lease whose cloud is gone; returns how many."""
        ...

    def prepare_registry(self, progress: Progress, wanted: SchemaRegistrySpec) -> None:
        """Install what the spec's schema registry needs; raises UsageError when the target cannot run one."""
        ...

    def start_registry(
        self, lease_directory: Path, user: tuple[str, str], compatibility: str, stopping: threading.Event
    ) -> SchemaRegistry:
        """Start a schema registry that belongs to a lease and wait until it serves.

        Args:
            lease_directory: the lease's.
            user: its user's name and password.
            compatibility: the rule of every subject.
            stopping: set by whoever does not want to wait any longer.
        """
        ...

    def end_registry(self, lease_directory: Path) -> bool:
        """End a lease's schema registry, also one that outlived the cloud; tells whether it ran."""
        ...

    def release(self) -> None:
        """Let go of the cloud when no lease needs it."""
        ...
