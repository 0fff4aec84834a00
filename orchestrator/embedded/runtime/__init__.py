"""The Java runtime of the embedded brokers: JRE, jars, our classes, archives; fetched and built once per machine."""

from __future__ import annotations

from orchestrator.embedded.runtime.ensure import ensure_kafka_runtime
from orchestrator.embedded.runtime.model import KafkaRuntime

__all__ = ["KafkaRuntime", "ensure_kafka_runtime"]
