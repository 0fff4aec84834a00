"""The control plane's shared state: clusters, configurations, one lock, and the threads that do slow work."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.msk.arns import Names, is_cluster_arn
from orchestrator.embedded.msk.configurations import ConfigurationStore
from orchestrator.embedded.msk.model import Brokers, Cluster, ClusterState

_log = logging.getLogger(__name__)

_CLOSE_POLL_S = 0.1

#: Makes the brokers of a cluster (without starting them).
BrokersFactory = Callable[[CloudContext, Cluster, dict[str, str], str | None], Brokers]


class ControlPlane:
    """What every operation of the service works on.

    Locks: `lock` guards every cluster and configuration; nothing slow happens under it. It may be held while moto's
    lock is taken, never the other way round: what other services call (`Cluster` lookups by tag or UUID) reads
    without it.

    Args:
        context: the embedded cloud.
        factory: makes brokers.
    """

    def __init__(self, context: CloudContext, factory: BrokersFactory) -> None:
        self.context = context
        self.names = Names(context.region, context.account_id)
        self.lock = threading.RLock()
        self.clusters: dict[str, Cluster] = {}
        self.configurations = ConfigurationStore(self.names, self._users_of_configuration)
        self.closing = threading.Event()
        self.factory = factory
        #: Secrets whose resource policy got MSK's statement from here.
        self.granted_secrets: set[str] = set()
        self._threads: set[threading.Thread] = set()

    def _users_of_configuration(self, arn: str) -> list[str]:
        return [c.arn for c in self.clusters.values() if c.spec.configuration and c.spec.configuration[0] == arn]

    def cluster(self, arn: str) -> Cluster:
        """Return a cluster.

        Raises:
            AwsError: the ARN is not one of a cluster, or there is no such cluster.
        """
        found = self.clusters.get(arn)
        if found is not None:
            return found
        if not is_cluster_arn(arn):
            raise AwsError("BadRequestException", "The cluster ARN isn't valid.", InvalidParameter="clusterArn")
        raise AwsError("NotFoundException", "This cluster does not exist.", 404, InvalidParameter="clusterArn")

    def by_uuid(self, cluster_uuid: str) -> Cluster | None:
        """Return the cluster whose ARN ends in `cluster_uuid`; takes no lock."""
        for cluster in list(self.clusters.values()):
            if cluster.uuid == cluster_uuid:
                return cluster
        return None

    def active(self, arn: str, doing: str) -> Cluster:
        """Return a cluster that can be changed now.

        Raises:
            AwsError: there is no such cluster, or it is not ACTIVE.
        """
        cluster = self.cluster(arn)
        cluster.require_state(doing, ClusterState.ACTIVE)
        return cluster

    def spawn(self, name: str, work: Callable[[], None]) -> None:
        """Do slow work in a thread of its own; `close` waits for it. `work` handles its own failures."""

        def run() -> None:
            try:
                work()
            except Exception:  # noqa: BLE001 - the last resort of a thread: nobody else would tell
                _log.exception("%s failed", name)
            finally:
                with self.lock:
                    self._threads.discard(thread)

        thread = threading.Thread(target=run, name=f"msk-{name}", daemon=True)
        with self.lock:
            self._threads.add(thread)
        thread.start()

    def rest_until(self, moment: float) -> None:
        """Wait until `time.monotonic()` reaches `moment`, or the cloud closes."""
        remaining = moment - time.monotonic()
        if remaining > 0:
            self.closing.wait(remaining)

    def close(self, *, deadline_s: float = 10.0) -> None:
        """End all brokers, wait for the threads, and remove the brokers' data.

        The control plane's memory ends with it, so nobody could ever use the data again.

        Args:
            deadline_s: how long to wait for threads that are still at work, in seconds.
        """
        self.closing.set()
        end = time.monotonic() + deadline_s
        while True:
            self._stop_brokers()
            with self.lock:
                working = [thread for thread in self._threads if thread is not threading.current_thread()]
            if not working or time.monotonic() >= end:
                break
            # A thread may be about to start brokers, or to restart one: they are ended again until none is left.
            working[0].join(_CLOSE_POLL_S)
        for cluster in list(self.clusters.values()):
            shutil.rmtree(cluster.directory, ignore_errors=True)

    def _stop_brokers(self) -> None:
        with self.lock:
            runners = [cluster.runner for cluster in self.clusters.values() if cluster.runner is not None]
        for runner in runners:
            try:
                runner.stop()
            except Exception:  # noqa: BLE001 - the other clusters are ended nevertheless
                _log.exception("brokers could not be ended")
