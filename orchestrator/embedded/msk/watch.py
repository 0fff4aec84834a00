"""What MSK does with a running cluster by itself: ships broker logs, heals brokers, follows rotated secrets."""

from __future__ import annotations

import logging
import re
import time
from datetime import datetime
from pathlib import Path

from orchestrator.embedded.gateway.moto_state import MotoState
from orchestrator.embedded.msk import lifecycle, scram
from orchestrator.embedded.msk.model import Brokers, Cluster, ClusterState
from orchestrator.embedded.msk.plane import ControlPlane

_log = logging.getLogger(__name__)

_EVERY_S = 1.0
#: Bytes read from one log in one round: a broker that floods its log does not fill the cloud's memory at once.
_ROUND_BYTES = 256 * 1024
_STAMP = re.compile(r"\[?(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)[.,](\d{3})")


class LogShipper:
    """Copies the logs of processes, line by line, to streams of a log group.

    Args:
        moto: where the log groups are.
    """

    def __init__(self, moto: MotoState) -> None:
        self._moto = moto
        self._positions: dict[Path, int] = {}

    def ship(self, group: str, stream: str, path: Path) -> int:
        """Ship what has been written to `path` since the last call, whole lines only.

        Returns:
            The number of lines that the log group took.
        """
        try:
            size = path.stat().st_size
        except OSError:
            return 0
        start = self._positions.get(path, 0)
        if size < start:  # the file was rolled over
            start = 0
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(_ROUND_BYTES)
        end = data.rfind(b"\n") + 1
        if end == 0:
            if len(data) < _ROUND_BYTES:
                return 0
            end = len(data)  # a line longer than a round is shipped in parts
        now_ms = int(time.time() * 1000)
        lines = [line for line in data[:end].decode(errors="replace").splitlines() if line.strip()]
        if not self._moto.put_log_events(group, stream, [(_milliseconds(line, now_ms), line) for line in lines]):
            return 0
        self._positions[path] = start + end
        return len(lines)

    def forget(self, directory: Path) -> None:
        """Drop the positions of logs below `directory`."""
        self._positions = {path: at for path, at in self._positions.items() if not path.is_relative_to(directory)}


def _milliseconds(line: str, fallback: int) -> int:
    """Return the time that a log line begins with (local time, as log4j writes it), else `fallback`."""
    match = _STAMP.match(line)
    if match is None:
        return fallback
    moment = datetime.fromisoformat(f"{match[1]}T{match[2]}.{match[3]}")
    return int(moment.timestamp() * 1000)


def log_group(cluster: Cluster) -> str | None:
    """Return the name of the log group that a cluster's broker logs go to, or None."""
    logs = ((cluster.spec.logging or {}).get("BrokerLogs") or {}).get("CloudWatchLogs") or {}
    return str(logs["LogGroup"]) if logs.get("Enabled") else None


class Watch:
    """Looks at every cluster once a second until the control plane closes.

    Args:
        plane: the control plane.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._shipper = LogShipper(plane.context.moto)
        self._healing: set[str] = set()

    def run(self) -> None:
        """Look until the control plane closes."""
        while not self._plane.closing.wait(_EVERY_S):
            for cluster in list(self._plane.clusters.values()):
                try:
                    self.look(cluster)
                except Exception:  # noqa: BLE001 - one broken cluster must not end the watch over the others
                    _log.exception("cluster %s could not be looked after", cluster.spec.name)

    def look(self, cluster: Cluster) -> None:
        """Look after one cluster once."""
        with self._plane.lock:
            runner, state, ready = cluster.runner, cluster.state, cluster.ready
            group, interfaces = log_group(cluster), list(cluster.interfaces)
        if runner is None or state is ClusterState.DELETING:
            self._shipper.forget(cluster.directory)
            return
        if group is not None:
            for broker_id in interfaces:
                self._shipper.ship(group, f"Broker-{broker_id}", runner.log_path(broker_id))
        if ready and state in {ClusterState.ACTIVE, ClusterState.HEALING}:
            self._heal(cluster, runner)
            scram.propagate(self._plane, cluster)

    def _heal(self, cluster: Cluster, runner: Brokers) -> None:
        dead = [node.id for node in runner.nodes() if not node.running]
        with self._plane.lock:
            if cluster.arn in self._healing or cluster.state not in {ClusterState.ACTIVE, ClusterState.HEALING}:
                return
            if not dead:
                cluster.state = ClusterState.ACTIVE
                return
            cluster.state = ClusterState.HEALING
            self._healing.add(cluster.arn)

        def work() -> None:
            failure: dict[str, str] | None = None
            try:
                # Looked at again: what seemed dead may have been in the last moments of a reboot.
                for broker_id in [node.id for node in runner.nodes() if not node.running]:
                    _log.warning("broker %s of cluster %s died and is started again", broker_id, cluster.spec.name)
                    runner.restart_broker(broker_id)
            except Exception as error:  # noqa: BLE001 - it stays HEALING, says why, and is tried again
                failure = lifecycle.state_info(error)
            with self._plane.lock:
                self._healing.discard(cluster.arn)
                if cluster.state is ClusterState.HEALING:
                    cluster.state = ClusterState.HEALING if failure else ClusterState.ACTIVE
                    cluster.state_info = failure

        self._plane.spawn(f"heal-{cluster.spec.name}", work)
