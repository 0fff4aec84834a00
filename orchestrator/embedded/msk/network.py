"""The network interfaces that MSK makes in the customer's subnets, one for each broker.

They are what keeps a subnet from being deleted while the cluster exists, and for a while after it.
"""

from __future__ import annotations

import time

from orchestrator.embedded.gateway.moto_state import NetworkInterface
from orchestrator.embedded.msk.model import Cluster
from orchestrator.embedded.msk.plane import ControlPlane


def attach(plane: ControlPlane, cluster: Cluster, brokers: int) -> None:
    """Make the interfaces of brokers 1 to `brokers` that have none yet; the caller holds the lock."""
    subnets = cluster.spec.subnets
    for broker_id in range(1, brokers + 1):
        if broker_id in cluster.interfaces:
            continue
        subnet = subnets[(broker_id - 1) % len(subnets)]
        cluster.interfaces[broker_id] = plane.context.moto.create_network_interface(
            subnet.id,
            cluster.spec.node_group.get("SecurityGroups") or [],
            f"DO NOT DELETE - Amazon MSK network interface for cluster {cluster.arn}",
            {"AWSMSKManaged": "true", "ClusterArn": cluster.arn},
        )


def detach(plane: ControlPlane, cluster: Cluster) -> None:
    """Remove the interfaces, now or as late as the scenario says; the caller holds the lock."""
    interfaces = list(cluster.interfaces.values())
    cluster.interfaces.clear()
    lingers_s = plane.context.scenario.msk.eni_lingers_s
    if lingers_s <= 0:
        _remove(plane, interfaces)
        return
    due = time.monotonic() + lingers_s

    def later() -> None:
        plane.rest_until(due)
        _remove(plane, interfaces)

    plane.spawn("lingering-interfaces", later)


def _remove(plane: ControlPlane, interfaces: list[NetworkInterface]) -> None:
    for interface in interfaces:
        plane.context.moto.delete_network_interface(interface.id)
