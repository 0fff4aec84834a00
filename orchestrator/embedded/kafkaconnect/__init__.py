"""MSK Connect's control plane for the embedded cloud, over real Kafka Connect workers."""

from __future__ import annotations

from orchestrator.embedded.kafkaconnect.backend import KafkaConnectBackend

__all__ = ["KafkaConnectBackend"]
