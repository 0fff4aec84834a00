"""Clients of the test cluster, and what their refusals are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from orchestrator.embedded.brokers import BrokerCluster
from orchestrator.processes import wait_until


def scram(cluster: BrokerCluster, username: str, password: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": cluster.bootstrap()["scram"],
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": username,
        "sasl.password": password,
        "ssl.ca.pem": cluster.ca_pem(),
        "log_level": 0,
    }


def iam(cluster: BrokerCluster, token: Callable[[], tuple[str, float]]) -> dict[str, Any]:
    return {
        "bootstrap.servers": cluster.bootstrap()["iam"],
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
        "oauth_cb": lambda _: token(),
        "ssl.ca.pem": cluster.ca_pem(),
        "log_level": 0,
    }


def mtls(cluster: BrokerCluster, identity: Any | None) -> dict[str, Any]:
    config = {
        "bootstrap.servers": cluster.bootstrap()["mtls"],
        "security.protocol": "SSL",
        "ssl.ca.pem": cluster.ca_pem(),
        "log_level": 0,
    }
    if identity is not None:
        config |= {"ssl.certificate.pem": identity.certificate_pem, "ssl.key.pem": identity.key_pem}
    return config


def admin(config: dict[str, Any]) -> AdminClient:
    client = AdminClient(config)
    client.poll(0)
    return client


def _is_refusal(error: KafkaError) -> bool:
    """Tell a refusal from a connection that failed; TLS 1.3 reports a missing certificate as _TRANSPORT."""
    if error.code() == KafkaError._TRANSPORT:
        return "SSL routines" in error.str()
    return error.code() != KafkaError._ALL_BROKERS_DOWN


def refusal(config: dict[str, Any], *, wanted: int | None = None, deadline_s: float = 60) -> tuple[int, str]:
    """Connect and return the first refusal (code, text), or that of a code; fails when the cluster answers instead."""
    errors: list[KafkaError] = []

    def is_it(error: KafkaError) -> bool:
        return _is_refusal(error) and wanted in (None, error.code())

    client = AdminClient({**config, "error_cb": errors.append})

    def refused() -> bool:
        client.poll(0.1)
        try:
            client.list_topics(timeout=0.5)
        except KafkaException:
            pass
        else:
            raise AssertionError("the cluster answered")
        return any(map(is_it, errors))

    assert wait_until(refused, deadline_s=deadline_s), [e.str() for e in errors]
    error = next(filter(is_it, errors))
    return error.code(), error.str()


def produce(config: dict[str, Any], topic: str, value: bytes = b"value") -> KafkaError | None:
    """Write one record and return the delivery error, None when it was written."""
    outcome: list[KafkaError | None] = []
    producer = Producer({**config, "delivery.timeout.ms": 20000})
    producer.poll(0)
    producer.produce(topic, value, on_delivery=lambda error, _: outcome.append(error))
    producer.flush(25)
    assert outcome, "no delivery report"
    return outcome[0]


def consume(config: dict[str, Any], topic: str, group: str) -> bytes | KafkaError:
    """Read one record as a member of a group and return its value, or the error."""
    consumer = Consumer({**config, "group.id": group, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        found: list[Any] = []

        def polled() -> bool:
            message = consumer.poll(0.5)
            if message is not None:
                found.append(message.error() or message.value())
            return bool(found)

        assert wait_until(polled, deadline_s=60), "nothing came"
        return found[0]
    finally:
        consumer.close()
