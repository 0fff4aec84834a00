"""What a real client says when it is misconfigured, read by the table: each row that this machine can bring about."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer

from contracts.model import Watch
from contracts.symptoms import found_in
from orchestrator.processes import wait_until
from tests.embedded.contracts.harness import Harness


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


def heard(config: dict[str, Any], *, topic: str | None = None, group: str | None = None) -> str:
    """Return what a client logs and reports when it tries to connect, to write to a topic or to read in a group."""
    lines: list[str] = []
    log = logging.Logger("client")
    log.addHandler(_Lines(lines))
    listen = {**config, "error_cb": lambda error: lines.append(f"{error.name()} {error.str()}"), "logger": log}
    known: list[str] = []

    def look() -> bool:
        known[:] = [symptom.code for symptom, _ in found_in("\n".join(lines))]
        return bool(known)

    if group is not None:
        consumer = Consumer({**listen, "group.id": group})
        consumer.subscribe(["orders"])

        def read() -> bool:
            message = consumer.poll(0.1)
            if message is not None and message.error() is not None:
                lines.append(f"{message.error().name()} {message.error().str()}")
            return look()

        try:
            assert wait_until(read, deadline_s=60), lines
        finally:
            consumer.close()
        return "\n".join(lines)
    producer = Producer({**listen, "message.timeout.ms": 8000})

    def delivered(error: KafkaError | None, _message: object) -> None:
        if error is not None:
            lines.append(f"{error.name()} {error.str()}")

    producer.produce(topic or "orders", b"x", on_delivery=delivered)

    def polled() -> bool:
        producer.poll(0.05)
        return look()

    assert wait_until(polled, deadline_s=60), lines
    producer.purge()
    return "\n".join(lines)


@pytest.fixture(scope="module")
def writer(harness: Harness) -> dict[str, Any]:
    with harness.access() as access:
        return dict(access.librdkafka(harness.environment.principal("writer"), Watch(60)))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"security.protocol": "PLAINTEXT"}, "tls.plaintext-client"),
        ({"ssl.ca.pem": None}, "tls.certificate.untrusted"),
        ({"sasl.password": "wrong"}, "sasl.credentials"),
        ({"sasl.mechanism": "PLAIN"}, "sasl.mechanism"),
        ({"bootstrap.servers": "127.0.0.1:1"}, "tcp.refused"),
        ({"bootstrap.servers": "b-1.absent.invalid:9096"}, "dns.unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_misconfigured_client_is_understood(writer: dict[str, Any], changes: dict[str, Any], code: str) -> None:
    config = {name: value for name, value in {**writer, **changes}.items() if value is not None}
    (symptom, _), *_ = found_in(heard(config))
    assert symptom.code == code


def test_a_listener_that_wants_a_certificate_is_understood(harness: Harness, writer: dict[str, Any]) -> None:
    config = {name: value for name, value in writer.items() if not name.startswith("sasl.")}
    servers = harness.environment.cluster.bootstrap["mtls"]
    text = heard({**config, "security.protocol": "SSL", "bootstrap.servers": servers})
    assert found_in(text)[0][0].layer == "tls"


def test_a_topic_that_was_not_granted_is_understood(writer: dict[str, Any]) -> None:
    assert found_in(heard(writer, topic="audit"))[0][0].code == "acl.topic"


def test_a_group_that_was_not_granted_is_understood(harness: Harness) -> None:
    with harness.access() as access:
        reader = dict(access.librdkafka(harness.environment.principal("reader"), Watch(60)))
    assert found_in(heard(reader, group=f"other-{uuid.uuid4().hex[:6]}"))[0][0].code == "acl.group"
