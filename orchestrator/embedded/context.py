"""What the services of the embedded cloud share: who and where the cloud is, and what it already has."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import tags
from orchestrator.embedded.gateway.moto_state import MotoState
from orchestrator.embedded.scenario import Scenario
from orchestrator.paths import lease_dir

if TYPE_CHECKING:
    from orchestrator.embedded.runtime import KafkaRuntime


def _kafka_runtime() -> KafkaRuntime:
    """Return the Kafka runtime, made ready if it is not (minutes on the first use of a machine)."""
    from orchestrator.embedded.runtime import ensure_kafka_runtime
    from orchestrator.progress import ConsoleProgress

    return ensure_kafka_runtime(ConsoleProgress())


@dataclass(frozen=True)
class CloudContext:
    """Handed to every service backend when the cloud starts.

    Attributes:
        region: the cloud's default region.
        account_id: the embedded account, twelve digits.
        directory: the cloud's own directory (0700).
        authority_url: where brokers ask about IAM identities (plain HTTP, loopback).
        authority_token: what they show there; a secret.
        inventory_token: what whoever asks for the inventory of the cloud's memory shows; a secret.
        scenario: latencies and faults.
        moto: the services that moto keeps.
        runtime: returns the Kafka runtime; slow the first time on a machine, its progress goes to the cloud's log.
    """

    region: str
    account_id: str
    directory: Path
    authority_url: str
    authority_token: str = field(repr=False)
    inventory_token: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(32))
    scenario: Scenario = field(default_factory=Scenario)
    moto: MotoState = field(default_factory=lambda: MotoState("123456789012", "us-east-1"))
    runtime: Callable[[], KafkaRuntime] = _kafka_runtime

    def cluster_directory(self, cluster_uuid: str, cluster_tags: Mapping[str, str]) -> Path:
        """Return where a cluster's data lives: with its lease when it has one that exists, else with the cloud."""
        lease_id = cluster_tags.get(tags.LEASE, "")
        if lease_id and "/" not in lease_id and lease_id not in {".", ".."}:
            home = lease_dir(lease_id)
            if home.is_dir():
                return home / "clusters" / cluster_uuid
        return self.directory / "clusters" / cluster_uuid
