"""Real Apache Kafka brokers on this machine: one KRaft cluster of processes for each MSK cluster."""

from __future__ import annotations

from orchestrator.embedded.brokers.cluster import BrokerCluster
from orchestrator.embedded.brokers.config import BrokerClusterConfig, BrokerNode, BrokerStartError

__all__ = ["BrokerCluster", "BrokerClusterConfig", "BrokerNode", "BrokerStartError"]
