"""What MSK Connect does with running connectors by itself: ships worker logs, replaces workers, notices failures."""

from __future__ import annotations

import logging

from orchestrator.embedded.kafkaconnect import lifecycle
from orchestrator.embedded.kafkaconnect.model import Connector, ConnectorState
from orchestrator.embedded.kafkaconnect.plane import ConnectPlane
from orchestrator.embedded.msk.watch import LogShipper
from orchestrator.errors import EphkError

_log = logging.getLogger(__name__)

_EVERY_S = 1.0


class Watch:
    """Looks at every connector once a second until the control plane closes.

    Args:
        plane: the control plane.
    """

    def __init__(self, plane: ConnectPlane) -> None:
        self._plane = plane
        self._shipper = LogShipper(plane.context.moto)
        self._healing: set[str] = set()

    def run(self) -> None:
        """Look until the control plane closes."""
        while not self._plane.closing.wait(_EVERY_S):
            for connector in list(self._plane.connectors.values()):
                try:
                    self.look(connector)
                except Exception:  # noqa: BLE001 - one broken connector must not end the watch over the others
                    _log.exception("connector %s could not be looked after", connector.spec.name)

    def look(self, connector: Connector) -> None:
        """Look after one connector once."""
        self.ship(connector)
        if connector.state not in {ConnectorState.RUNNING, ConnectorState.PAUSED} or connector.workers is None:
            return
        if connector.workers.dead():
            self._heal(connector)
            return
        if connector.state is ConnectorState.PAUSED:
            return
        failure = lifecycle.failure_in(lifecycle.status_of(connector))
        if failure:
            _log.warning("connector %s: %s", connector.spec.name, failure)
            with self._plane.lock:
                if connector.state is ConnectorState.RUNNING:
                    connector.state = ConnectorState.FAILED
                    connector.failure = {"code": "ConnectorFailed", "message": failure}

    def ship(self, connector: Connector) -> None:
        """Copy what the workers wrote to their streams of the log group."""
        group, workers = connector.spec.log_group, connector.workers
        if group is None or workers is None:
            return
        for number, path in workers.log_paths().items():
            self._shipper.ship(group, f"{connector.spec.name}-{connector.uuid}-{number}", path)

    def _heal(self, connector: Connector) -> None:
        """Start workers that died again, in the background."""
        with self._plane.lock:
            if connector.arn in self._healing:
                return
            self._healing.add(connector.arn)

        def work() -> None:
            workers = connector.require_workers()
            try:
                for number in workers.dead():
                    _log.warning("worker %s of connector %s died and is started again", number, connector.spec.name)
                    workers.restart_worker(number)
            except EphkError as error:  # it is tried again with the next look
                _log.warning("connector %s: %s", connector.spec.name, error)
            finally:
                with self._plane.lock:
                    self._healing.discard(connector.arn)

        self._plane.spawn(f"heal-{connector.spec.name}", work)
