"""Real Kafka Connect on this machine: one distributed cluster of worker processes for each MSK Connect connector."""

from __future__ import annotations

from orchestrator.embedded.connect_workers.config import WorkersConfig, WorkersStartError
from orchestrator.embedded.connect_workers.workers import ConnectWorkers

__all__ = ["ConnectWorkers", "WorkersConfig", "WorkersStartError"]
