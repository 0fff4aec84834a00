"""The real brokers of a cluster, made from what the control plane knows about it."""

from __future__ import annotations

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.msk.model import Brokers, Cluster


def real_brokers(context: CloudContext, cluster: Cluster, properties: dict[str, str], client_ca: str | None) -> Brokers:
    """Return a `BrokerCluster` that is not started yet.

    Args:
        context: the embedded cloud, which knows the Kafka runtime (slow to make ready on a machine's first use).
        cluster: the cluster.
        properties: what its brokers run with.
        client_ca: the CAs whose client certificates the mTLS listener accepts, or None without that listener.

    Raises:
        EphkError: the Kafka runtime cannot be made ready.
    """
    # Imported here: only a cloud that has a cluster pays for it.
    from orchestrator.embedded.brokers import BrokerCluster, BrokerClusterConfig

    spec = cluster.spec
    config = BrokerClusterConfig(
        cluster_uuid=cluster.uuid,
        cluster_arn=cluster.arn,
        region=context.region,
        directory=cluster.directory,
        brokers=spec.brokers,
        zones=tuple(subnet.zone for subnet in spec.subnets),
        scram=spec.security.scram,
        iam=spec.security.iam,
        client_ca_pem=client_ca,
        server_properties=properties,
        authority_url=context.authority_url,
        authority_token=context.authority_token,
    )
    return BrokerCluster(config, context.runtime())
