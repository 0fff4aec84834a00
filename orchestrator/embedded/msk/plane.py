"""The control plane's shared state: clusters, configurations, one lock, and the threads that do slow work."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable

from orchestrator.embedded.background import BackgroundWork
from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.msk.arns import Names, is_cluster_arn
from orchestrator.embedded.msk.configurations import ConfigurationStore
from orchestrator.embedded.msk.model import Brokers, Cluster, ClusterState

_log = logging.getLogger(__name__)

#: Makes the brokers of a cluster (without starting them).
BrokersFactory = Callable[[CloudContext, Cluster, dict[str, str], str | None], Brokers]


class ControlPlane(BackgroundWork):
    """What every operation of the service works on.

    Locks: `lock` guards every cluster and configuration; nothing slow happens under it. It may be held while moto's
    lock is taken, never the other way round: what other services call (`Cluster` lookups by tag or UUID) reads
    without it.

    Args:
        context: the embedded cloud.
        factory: makes brokers.
    """

    def __init__(self, context: CloudContext, factory: BrokersFactory) -> None:
        super().__init__("msk")
        self.context = context
        self.names = Names(context.region, context.account_id)
        self.clusters: dict[str, Cluster] = {}
        self.configurations = ConfigurationStore(self.names, self._users_of_configuration)
        self.factory = factory
        #: Secrets whose resource policy got MSK's statement from here.
        self.granted_secrets: set[str] = set()

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

    def close(self, *, deadline_s: float = 10.0) -> None:
        """End all brokers, wait for the threads, and remove the brokers' data.

        The control plane's memory ends with it, so nobody could ever use the data again.

        Args:
            deadline_s: how long to wait for threads that are still at work, in seconds.
        """
        self.finish(self._stop_brokers, deadline_s=deadline_s)
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
