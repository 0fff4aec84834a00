"""Clients of the IAM listener with nothing but what `ephk env` and `ephk token` give them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from confluent_kafka import Consumer, Producer

from orchestrator.embedded.runtime import ensure_kafka_runtime
from orchestrator.embedded.runtime.artifacts import IAM_CLIENT_LOCK, read_lock
from orchestrator.embedded.runtime.jars import ensure_jars
from orchestrator.paths import cache_home
from orchestrator.processes import wait_until
from orchestrator.progress import ConsoleProgress, SilentProgress
from tests.embedded.conftest import EPHK, Orders
from tests.embedded.following import output_until

PRINCIPAL = "orders-batch"
JavaCommand = Callable[..., list[str]]


@pytest.fixture(scope="module")
def dotenv(orders: Orders) -> dict[str, str]:
    text = orders.world.must("env", orders.name, "--auth", "iam").out
    return {name: "".join(shlex.split(value)) for name, value in (line.split("=", 1) for line in text.splitlines())}


@pytest.fixture(scope="module")
def variables(orders: Orders, dotenv: dict[str, str]) -> dict[str, str]:
    return {**orders.world.variables, **dotenv}


@pytest.fixture(scope="module")
def java(orders: Orders, dotenv: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> JavaCommand:
    """Apache's own tools with AWS's library on their class path (10 MB, fetched once)."""
    runtime = ensure_kafka_runtime(SilentProgress())
    (library,) = ensure_jars(read_lock(IAM_CLIENT_LOCK), cache_home() / "jars", ConsoleProgress())
    config = tmp_path_factory.mktemp("java") / "client.properties"
    config.write_text(orders.world.must("env", orders.name, "--auth", "iam", "--format", "java").out)

    def command(tool: str, topic: str, *arguments: str) -> list[str]:
        return [
            *(str(runtime.java), "-cp", os.pathsep.join([runtime.classpath, str(library)])),
            f"org.apache.kafka.tools.{tool}",
            *("--bootstrap-server", dotenv["KAFKA_BOOTSTRAP_SERVERS"], "--topic", topic),
            *("--command-config", str(config), *arguments),
        ]

    return command


def given(text: str, command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=variables, input=text, capture_output=True, text=True, timeout=120, check=False)


def test_javas_producer_and_consumer_with_awss_library(java: JavaCommand, variables: dict[str, str]) -> None:
    produced = given("paid in java\n", java("ConsoleProducer", "payments"), variables)
    assert produced.returncode == 0, produced.stderr
    assert "ERROR" not in produced.stderr
    consume = java("consumer.ConsoleConsumer", "payments", "--group", PRINCIPAL, "--from-beginning")
    assert "paid in java" in output_until("paid in java", consume, env=variables)


def test_awss_library_is_refused_a_topic_without_a_grant(java: JavaCommand, variables: dict[str, str]) -> None:
    command = java("ConsoleProducer", "orders", "--command-property", "max.block.ms=60000")
    refused = given("x\n", command, variables)
    assert "TopicAuthorizationException" in refused.stderr + refused.stdout


def test_librdkafka_with_tokens_of_ephk_token(orders: Orders) -> None:
    text = orders.world.must("env", orders.name, "--auth", "iam", "--format", "librdkafka").out
    asked: list[dict[str, str]] = []

    def token(_config: str) -> tuple[str, float]:
        asked.append(orders.world.must("token", orders.name, "--principal", PRINCIPAL, "--json").json())
        return str(asked[-1]["token"]), int(asked[-1]["expires_at_ms"]) / 1000

    config = {**dict(line.split("=", 1) for line in text.splitlines()), "oauth_cb": token}
    producer = Producer(config)
    producer.produce("payments", b"paid in C")
    assert producer.flush(60) == 0
    assert {(answer["principal"], answer["session_name"]) for answer in asked} == {(PRINCIPAL, f"ephk-{PRINCIPAL}")}
    consumer = Consumer({**config, "group.id": PRINCIPAL, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe(["payments"])
        seen: list[bytes] = []

        def found() -> bool:
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                seen.append(message.value())
            return b"paid in C" in seen

        assert wait_until(found, deadline_s=60), seen
    finally:
        consumer.close()


def test_an_aws_profile_becomes_the_principal(
    orders: Orders, dotenv: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in orders.world.variables.items():
        monkeypatch.setenv(name, value)
    command = f"{EPHK} token {orders.name} --principal {PRINCIPAL} --credential-process"
    (tmp_path / "config").write_text(f"[profile batch]\nregion = us-east-1\ncredential_process = {command}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    session = boto3.session.Session(profile_name="batch")
    sts = session.client("sts", endpoint_url=dotenv["AWS_ENDPOINT_URL"], verify=dotenv["AWS_CA_BUNDLE"])
    assert sts.get_caller_identity()["Arn"].endswith(f"-client-{PRINCIPAL}/ephk-{PRINCIPAL}")


def test_tokens_are_for_iam_principals(orders: Orders) -> None:
    done = orders.world.ephk("token", orders.name, "--principal", "orders-producer", "--json")
    assert done.status == 2
    assert "has no principal 'orders-producer' that uses iam" in json.loads(done.out)["error"]["message"]
    operator = orders.world.must("token", orders.name, "--principal", "operator", "--json").json()
    assert operator["role_arn"] == orders.environment["roles"]["operator"]
