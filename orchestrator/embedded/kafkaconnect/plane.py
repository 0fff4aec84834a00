"""The control plane's shared state: plugins, worker configurations, connectors, and the threads that do slow work."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from orchestrator.embedded.background import BackgroundWork
from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.kafkaconnect.model import Connector, CustomPlugin, Names, WorkerConfiguration, Workers

_log = logging.getLogger(__name__)

Resource = TypeVar("Resource", Connector, CustomPlugin, WorkerConfiguration)

#: Makes the workers of a connector (without starting them) from the directory with the unpacked plugin.
WorkersFactory = Callable[[CloudContext, Connector, Path, dict[str, str], bool], Workers]


class ConnectPlane(BackgroundWork):
    """What every operation of the service works on. `lock` guards all of it; nothing slow happens under it.

    Args:
        context: the embedded cloud.
        factory: makes workers.
    """

    def __init__(self, context: CloudContext, factory: WorkersFactory) -> None:
        super().__init__("kafkaconnect")
        self.context = context
        self.factory = factory
        self.names = Names(context.region, context.account_id)
        self.connectors: dict[str, Connector] = {}
        self.plugins: dict[str, CustomPlugin] = {}
        self.configurations: dict[str, WorkerConfiguration] = {}

    def connector(self, arn: str) -> Connector:
        """Return a connector; raises AwsError."""
        return _found(self.connectors, arn, "connector")

    def plugin(self, arn: str) -> CustomPlugin:
        """Return a custom plugin; raises AwsError."""
        return _found(self.plugins, arn, "custom plugin")

    def configuration(self, arn: str) -> WorkerConfiguration:
        """Return a worker configuration; raises AwsError."""
        return _found(self.configurations, arn, "worker configuration")

    def resource(self, arn: str) -> Connector | CustomPlugin | WorkerConfiguration:
        """Return whatever has this ARN; raises AwsError."""
        kind = arn.split(":", 5)[-1].partition("/")[0]
        if kind == "custom-plugin":
            return self.plugin(arn)
        return self.configuration(arn) if kind == "worker-configuration" else self.connector(arn)

    def by_uuid(self, connector_uuid: str) -> Connector | None:
        """Return the connector whose ARN ends in `connector_uuid`; takes no lock."""
        return next((found for found in list(self.connectors.values()) if found.uuid == connector_uuid), None)

    def refuse_taken(self, name: str, existing: Iterable[Connector | CustomPlugin | WorkerConfiguration]) -> None:
        """Refuse a name that another resource of the kind has; raises AwsError."""
        for other in existing:
            if name == (other.spec.name if isinstance(other, Connector) else other.name):
                raise AwsError("ConflictException", f"A resource with the name {name} already exists.", 409)

    def close(self, *, deadline_s: float = 10.0) -> None:
        """End all workers, wait for the threads, and remove the workers' files.

        Args:
            deadline_s: how long to wait for threads that are still at work, in seconds.
        """
        self.finish(self._stop_workers, deadline_s=deadline_s)
        for connector in list(self.connectors.values()):
            shutil.rmtree(connector.directory, ignore_errors=True)

    def _stop_workers(self) -> None:
        with self.lock:
            running = [connector.workers for connector in self.connectors.values() if connector.workers is not None]
        for workers in running:
            try:
                workers.stop()
            except Exception:  # noqa: BLE001 - the other connectors' are ended nevertheless
                _log.exception("Connect workers could not be ended")


def _found(resources: dict[str, Resource], arn: str, kind: str) -> Resource:
    try:
        return resources[arn]
    except KeyError:
        raise AwsError("NotFoundException", f"The {kind} with the ARN {arn} does not exist.", 404) from None
