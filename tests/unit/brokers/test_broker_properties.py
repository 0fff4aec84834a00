"""What a node's configuration says: TLS everywhere, loopback only, nothing that can be overridden from outside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.embedded.brokers.config import BrokerClusterConfig, controller_ids
from orchestrator.embedded.brokers.layout import ClusterLayout
from orchestrator.embedded.brokers.properties import msk_defaults, render, server_properties

PORTS = {"INTERNAL": 1001, "CONTROLLER": 1002, "SCRAM": 1003, "IAM": 1004, "MTLS": 1005}
CONFIG = BrokerClusterConfig(
    cluster_uuid="uuid",
    cluster_arn="arn:aws:kafka:us-east-1:123456789012:cluster/c/uuid",
    region="us-east-1",
    directory=Path("/c"),
    brokers=3,
    zones=("a", "b", "c"),
    scram=True,
    iam=True,
    client_ca_pem="PEM",
    server_properties={},
    authority_url="http://127.0.0.1:1",
    authority_token="secret-token",
)


def settings(config: BrokerClusterConfig = CONFIG, broker_id: int = 1) -> dict[str, str]:
    return server_properties(
        config,
        ClusterLayout(config.directory),
        broker_id=broker_id,
        controllers={1: 1002},
        ports=PORTS,
        first_brokers=config.brokers,
    )


def test_every_listener_is_tls_on_loopback() -> None:
    made = settings()
    listeners = made["listeners"].split(",")
    assert {listener.split("://")[0] for listener in listeners} == set(PORTS)
    assert all("://127.0.0.1:" in listener for listener in listeners)
    assert all("://127.0.0.1:" in listener for listener in made["advertised.listeners"].split(","))
    protocols = dict(entry.split(":") for entry in made["listener.security.protocol.map"].split(","))
    assert set(protocols.values()) == {"SSL", "SASL_SSL"}
    assert made["ssl.enabled.protocols"] == "TLSv1.2,TLSv1.3"


@pytest.mark.parametrize(
    ("changes", "absent"),
    [({"scram": False}, "SCRAM"), ({"iam": False}, "IAM"), ({"client_ca_pem": None}, "MTLS")],
)
def test_listener_that_is_not_wanted_does_not_exist(changes: dict[str, object], absent: str) -> None:
    made = settings(replace(CONFIG, **changes))
    assert absent not in made["listeners"]
    assert absent not in made["listener.security.protocol.map"]
    assert not any(key.startswith(f"listener.name.{absent.lower()}.") for key in made)


def test_broker_that_is_no_controller_has_no_controller_listener() -> None:
    made = settings(broker_id=4)
    assert made["process.roles"] == "broker"
    assert "CONTROLLER://" not in made["listeners"]
    assert "CONTROLLER:SSL" in made["listener.security.protocol.map"]
    assert made["broker.rack"] == "a"


def test_configuration_overrides_defaults_and_nothing_that_protects() -> None:
    made = settings(
        replace(
            CONFIG,
            server_properties={
                "num.partitions": "9",
                "super.users": "User:eve",
                "listeners": "PLAINTEXT://0.0.0.0:1",
                "listener.name.internal.ssl.client.auth": "none",
                "ssl.enabled.protocols": "TLSv1.1",
            },
        )
    )
    assert made["num.partitions"] == "9"
    assert made["super.users"] == "User:ephk-internal"
    assert "PLAINTEXT" not in made["listeners"]
    assert made["listener.name.internal.ssl.client.auth"] == "required"
    assert "1.1" not in made["ssl.enabled.protocols"]


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "AWS_MSK_IAM"])
def test_the_iam_listener_speaks_both_mechanisms_and_ends_sessions(mechanism: str) -> None:
    made = settings()
    assert mechanism in made["listener.name.iam.sasl.enabled.mechanisms"].split(",")
    prefix = f"listener.name.iam.{mechanism.lower()}."
    assert made[f"{prefix}sasl.server.callback.handler.class"] == "io.ephk.kafka.IamServerCallbackHandler"
    assert int(made[f"{prefix}connections.max.reauth.ms"]) == 3_600_000


def test_token_is_in_no_setting() -> None:
    assert "secret-token" not in render(settings())
    assert "secret-token" not in repr(CONFIG)


@pytest.mark.parametrize(
    ("brokers", "replication", "in_sync"), [(1, "1", "1"), (2, "2", "1"), (3, "3", "2"), (6, "3", "2")]
)
def test_replication_defaults_fit_the_number_of_brokers(brokers: int, replication: str, in_sync: str) -> None:
    defaults = msk_defaults(brokers)
    assert defaults["default.replication.factor"] == replication
    assert defaults["offsets.topic.replication.factor"] == replication
    assert defaults["min.insync.replicas"] == in_sync
    assert defaults["allow.everyone.if.no.acl.found"] == "false"


def test_properties_are_escaped() -> None:
    text = render({"a": r"RULE:^x\y$/$1/", "b": " leading", "c=d e": "line\nbreak", "e": "\u00e9"})
    assert text == "a=RULE:^x\\\\y$/$1/\nb=\\ leading\nc\\=d\\ e=line\\nbreak\ne=\\u00e9\n"


@pytest.mark.parametrize(("brokers", "expected"), [(1, (1,)), (2, (1,)), (3, (1, 2, 3)), (6, (1, 2, 3))])
def test_controllers_are_one_or_three(brokers: int, expected: tuple[int, ...]) -> None:
    assert controller_ids(brokers) == expected


@pytest.mark.parametrize("changes", [{"brokers": 0}, {"zones": ()}])
def test_impossible_clusters_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        replace(CONFIG, **changes)


def test_zones_are_taken_in_turn() -> None:
    assert [CONFIG.zone_of(broker_id) for broker_id in (1, 2, 3, 4)] == ["a", "b", "c", "a"]
