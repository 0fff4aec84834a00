"""Clusters that start, change, fail and end. Each test starts processes of its own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import psutil
import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import ConfigResource, NewTopic, ResourceType

from orchestrator.embedded.brokers import BrokerCluster, BrokerClusterConfig, BrokerStartError
from orchestrator.embedded.brokers import cluster as cluster_module
from orchestrator.embedded.brokers.ports import free_ports
from orchestrator.embedded.runtime import KafkaRuntime

from . import clients
from .authority import iam_token

Make = Callable[..., BrokerCluster]


@pytest.fixture
def make(kafka_runtime: KafkaRuntime, base_config: BrokerClusterConfig, tmp_path: Path) -> Iterator[Make]:
    made: list[BrokerCluster] = []

    def one(runtime: KafkaRuntime = kafka_runtime, **changes: object) -> BrokerCluster:
        made.append(BrokerCluster(replace(base_config, directory=tmp_path / f"c{len(made)}", **changes), runtime))
        return made[-1]

    yield one
    for cluster in made:
        cluster.stop()


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def broker_config(cluster: BrokerCluster, broker_id: int, name: str) -> str:
    admin = clients.admin(clients.iam(cluster, lambda: iam_token("AKIAOPERATOR")))
    resource = ConfigResource(ResourceType.BROKER, str(broker_id))
    return admin.describe_configs([resource])[resource].result(20)[name].value


def test_three_brokers_serve_change_and_end(make: Make) -> None:
    cluster = make(brokers=3)
    cluster.start()
    nodes = cluster.nodes()
    assert [(node.id, node.zone, node.running) for node in nodes] == [
        (1, "us-east-1a", True),
        (2, "us-east-1b", True),
        (3, "us-east-1c", True),
    ]
    assert cluster.bootstrap() == {
        name: ",".join(node.endpoints[name] for node in nodes) for name in ("scram", "iam", "mtls")
    }
    assert all(size < 200e6 for size in cluster.resident_bytes().values())

    cluster.put_scram_user("alice", "right")
    for endpoint in cluster.bootstrap()["scram"].split(","):  # every broker, not only the one that was asked
        config = clients.scram(cluster, "alice", "right") | {"bootstrap.servers": endpoint}
        assert set(clients.admin(config).list_topics(timeout=60).brokers) == {1, 2, 3}

    operator = clients.admin(clients.iam(cluster, lambda: iam_token("AKIAOPERATOR")))
    operator.create_topics([NewTopic("orders", 3)])["orders"].result(20)
    metadata = operator.list_topics("orders", timeout=60).topics["orders"]
    assert all(len(part.replicas) == 3 for part in metadata.partitions.values())

    before = nodes[1]
    cluster.restart_broker(2)
    after = cluster.nodes()[1]
    assert after.running
    assert after.pid != before.pid
    assert after.endpoints == before.endpoints
    assert alive([before.pid]) == []

    cluster.add_brokers(1)
    assert cluster.nodes()[3].zone == "us-east-1a"
    assert set(operator.list_topics(timeout=60).brokers) == {1, 2, 3, 4}

    pids = [node.pid for node in cluster.nodes()]
    assert len(alive(pids)) == 4
    cluster.stop()
    cluster.stop()
    assert alive(pids) == []
    assert not list(cluster.config.directory.rglob("*.pid.json"))
    assert not any(node.running for node in cluster.nodes())


def test_configuration_and_listeners_change_by_rolling(make: Make) -> None:
    cluster = make(iam=True, scram=False, client_ca_pem=None, server_properties={"log.retention.hours": "7"})
    cluster.start()
    assert set(cluster.bootstrap()) == {"iam"}
    kept = cluster.bootstrap()["iam"]
    assert broker_config(cluster, 1, "log.retention.hours") == "7"
    assert broker_config(cluster, 1, "min.insync.replicas") == "1"
    cluster.apply_configuration({"log.retention.hours": "9", "min.insync.replicas": "2"})
    assert broker_config(cluster, 1, "log.retention.hours") == "9"
    assert broker_config(cluster, 1, "min.insync.replicas") == "2"
    cluster.set_listeners(scram=True, iam=True, client_ca_pem=None)
    assert set(cluster.bootstrap()) == {"scram", "iam"}
    assert cluster.bootstrap()["iam"] == kept
    cluster.put_scram_user("alice", "right")
    assert clients.admin(clients.scram(cluster, "alice", "right")).list_topics(timeout=60).brokers


def test_configuration_cannot_open_the_cluster(make: Make) -> None:
    attempt = {
        "super.users": "User:alice",
        "listeners": "PLAIN://0.0.0.0:1",
        "authorizer.class.name": "",
        "ssl.client.auth": "none",
    }
    cluster = make(server_properties=attempt)
    cluster.start()
    cluster.put_scram_user("alice", "right")
    error = clients.produce(clients.scram(cluster, "alice", "right"), "anything")
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_broker_that_dies_during_start_is_reported_at_once_with_its_log(make: Make) -> None:
    cluster = make(server_properties={"log.retention.hours": "not a number"})
    begun = time.monotonic()
    with pytest.raises(BrokerStartError) as caught:
        cluster.start(deadline_s=60)
    assert time.monotonic() - begun < 30
    assert "broker 1" in caught.value.message
    assert any("log.retention.hours" in line for line in caught.value.details), caught.value.details
    assert alive([node.pid for node in cluster.nodes()]) == []


def test_deadline_that_passes_ends_everything(make: Make) -> None:
    cluster = make()
    with pytest.raises(BrokerStartError, match="not ready in time"):
        cluster.start(deadline_s=0.1)
    assert alive([node.pid for node in cluster.nodes()]) == []


def test_taken_port_is_chosen_anew(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        answers: list[tuple[int, ...]] = []

        def ports(count: int, *, taken: frozenset[int] = frozenset()) -> tuple[int, ...]:
            chosen = free_ports(count, taken=taken)
            answers.append((squatter.getsockname()[1], *chosen[1:]) if not answers else chosen)
            return answers[-1]

        cluster = make()
        with mock.patch.object(cluster_module, "free_ports", ports):
            cluster.start()
        assert len(answers) == 2
        assert all(not endpoint.endswith(f":{taken}") for endpoint in cluster.bootstrap().values())
        assert cluster.nodes()[0].running


def test_brokers_whose_owner_was_killed_are_found_and_ended(make: Make) -> None:
    cluster = make()
    cluster.start()
    pid = cluster.nodes()[0].pid
    assert BrokerCluster.end_leftovers(cluster.config.directory.parent) == 1
    assert alive([pid]) == []
    assert BrokerCluster.end_leftovers(cluster.config.directory.parent) == 0
    assert BrokerCluster.end_leftovers(cluster.config.directory / "not there") == 0


def test_brokers_start_without_an_archive_or_with_a_broken_one(
    make: Make, kafka_runtime: KafkaRuntime, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.aot"
    broken.write_bytes(b"not an archive")
    cluster = make(replace(kafka_runtime, archives={"broker": broken}))
    cluster.start()
    assert cluster.nodes()[0].running


def test_authority_that_is_gone_means_no(make: Make) -> None:
    port = free_ports(1)[0]
    cluster = make(authority_url=f"http://127.0.0.1:{port}")
    cluster.start()
    code, text = clients.refusal(clients.iam(cluster, lambda: iam_token("AKIAOPERATOR")))
    assert code == KafkaError._AUTHENTICATION, text
    assert "temporarily_unavailable" in text
    assert "the authority gave no answer" in cluster.log_path(1).read_text()
