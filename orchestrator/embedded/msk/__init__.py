"""Amazon MSK's control plane for the embedded cloud, over real Apache Kafka brokers."""

from __future__ import annotations

from orchestrator.embedded.msk.backend import KafkaBackend

__all__ = ["KafkaBackend"]
