"""A real cluster of one broker with all listeners, for the tests of this directory. It starts processes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.embedded.brokers import BrokerCluster, BrokerClusterConfig
from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.embedded.runtime import KafkaRuntime, ensure_kafka_runtime
from orchestrator.progress import ConsoleProgress

from .authority import REGION, TOKEN, Authority, running_authority


@pytest.fixture(scope="package")
def kafka_runtime() -> KafkaRuntime:
    return ensure_kafka_runtime(ConsoleProgress())


@pytest.fixture(scope="package")
def authority() -> Iterator[Authority]:
    with running_authority() as served:
        yield served


@pytest.fixture(scope="package")
def client_ca() -> CertificateAuthority:
    return CertificateAuthority("clients of the tests")


@pytest.fixture(scope="package")
def base_config(authority: Authority, client_ca: CertificateAuthority) -> BrokerClusterConfig:
    """A cluster of one; `directory` must be replaced."""
    return BrokerClusterConfig(
        cluster_uuid=str(uuid.uuid4()),
        cluster_arn="arn:aws:kafka:us-east-1:123456789012:cluster/test/1",
        region=REGION,
        directory=Path("/nonexistent"),
        brokers=1,
        zones=("us-east-1a", "us-east-1b", "us-east-1c"),
        scram=True,
        iam=True,
        client_ca_pem=client_ca.pem,
        server_properties={},
        authority_url=authority.url,
        authority_token=TOKEN,
    )


@pytest.fixture(scope="package")
def cluster(
    kafka_runtime: KafkaRuntime, base_config: BrokerClusterConfig, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrokerCluster]:
    config = replace(base_config, directory=tmp_path_factory.mktemp("cluster") / "one")
    running = BrokerCluster(config, kafka_runtime)
    running.start()
    try:
        yield running
    finally:
        running.stop()
