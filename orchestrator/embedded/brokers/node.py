"""One node of a cluster: its ports, its files, its process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.embedded.brokers.config import BrokerClusterConfig, BrokerNode
from orchestrator.embedded.brokers.layout import ClusterLayout
from orchestrator.embedded.brokers.ports import LOOPBACK
from orchestrator.embedded.brokers.process import BrokerProcess
from orchestrator.embedded.brokers.properties import LISTENER_NAMES, render, server_properties
from orchestrator.embedded.runtime import KafkaRuntime
from orchestrator.environment import Listener
from orchestrator.files import private_dir, write_private

MAIN_CLASS = "kafka.Kafka"


@dataclass
class Node:
    """A node and what it listens on.

    Attributes:
        id: its broker id.
        zone: its availability zone.
        ports: by the broker's listener names; a listener that does not exist (yet) has its port, too.
        process: its process.
    """

    id: int
    zone: str
    process: BrokerProcess
    ports: dict[str, int] = field(default_factory=dict)

    def describe(self, listeners: tuple[Listener, ...]) -> BrokerNode:
        """Return it as it is now; before its ports are chosen it has no endpoints."""
        ports = self.ports
        endpoints = {name: f"{LOOPBACK}:{ports[LISTENER_NAMES[name]]}" for name in listeners} if ports else {}
        return BrokerNode(self.id, self.zone, endpoints, self.process.running(), self.process.pid)


def make_node(
    config: BrokerClusterConfig, layout: ClusterLayout, runtime: KafkaRuntime, authority: CertificateAuthority, id_: int
) -> Node:
    """Make a node's directory and certificate; nothing is started and no port is chosen yet."""
    directory = private_dir(layout.node(id_))
    host = f"b-{id_}.{config.cluster_uuid}.kafka.{config.region}.amazonaws.com"
    identity = authority.issue(f"b-{id_}", dns=("localhost", host))
    write_private(layout.keystore(id_), identity.key_pem + identity.certificate_pem + authority.pem)
    command = runtime.command(
        MAIN_CLASS,
        str(layout.properties(id_)),
        archive="broker",
        temporary=layout.temporary,
        logging=layout.logging,
    )
    process = BrokerProcess(
        f"broker {id_} of {config.cluster_uuid}",
        command,
        directory=directory,
        log=layout.log(id_),
        record=layout.record(id_),
    )
    return Node(id_, config.zone_of(id_), process)


def write_properties(
    config: BrokerClusterConfig, layout: ClusterLayout, node: Node, controllers: Mapping[int, int], first_brokers: int
) -> None:
    """Write the node's server.properties, readable by the owner only."""
    settings = server_properties(
        config,
        layout,
        broker_id=node.id,
        controllers=controllers,
        ports=node.ports,
        first_brokers=first_brokers,
    )
    write_private(layout.properties(node.id), render(settings))
