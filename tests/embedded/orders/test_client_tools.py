"""`ephk env` files are used as they are by kcat and by Apache's own Java tools."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import Producer

from orchestrator.embedded.runtime import KafkaRuntime, ensure_kafka_runtime
from orchestrator.progress import SilentProgress
from tests.embedded.conftest import Orders
from tests.embedded.following import output_until

needs_kcat = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")


@pytest.fixture(scope="module")
def files(orders: Orders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("connection")
    orders.world.must("env", orders.name, "--dir", directory)
    return directory


@pytest.fixture(scope="module")
def runtime() -> KafkaRuntime:
    return ensure_kafka_runtime(SilentProgress())


def kcat(files: Path, principal: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    config = str(files / f"{principal}.librdkafka.properties")
    return subprocess.run(
        ["kcat", "-F", config, *arguments], input=given, capture_output=True, text=True, timeout=60, check=False
    )


def java_command(runtime: KafkaRuntime, tool: str, *arguments: str) -> list[str]:
    return [str(runtime.java), "-cp", runtime.classpath, f"org.apache.kafka.tools.{tool}", *arguments]


def java(runtime: KafkaRuntime, tool: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        java_command(runtime, tool, *arguments),
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def librdkafka_version() -> tuple[int, ...]:
    """Return the version of librdkafka that kcat was linked with; (0,) without kcat."""
    if shutil.which("kcat") is None:
        return (0,)
    shown = subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=False)
    found = re.search(r"librdkafka (\d+)\.(\d+)\.(\d+)", shown.stdout + shown.stderr)
    return tuple(map(int, found.groups())) if found else (0,)


#: Kafka 4 compares SCRAM nonces as RFC 5802 says, and librdkafka before 2.6.1 sends a wrong one (librdkafka#4895).
needs_scram = pytest.mark.skipif(
    librdkafka_version() < (2, 6, 1), reason="this kcat's librdkafka cannot use SCRAM with Kafka 4 (fixed in 2.6.1)"
)


@needs_kcat
@needs_scram
def test_kcat_produces_over_scram(files: Path) -> None:
    produced = kcat(files, "orders-producer", "-P", "-t", "orders", given="from kcat\n")
    assert produced.returncode == 0, produced.stderr


def written(files: Path, principal: str, topic: str, partitions: int) -> int:
    """Return how many records a topic has ever got, by the sum of its end offsets."""
    asked = [word for partition in range(partitions) for word in ("-t", f"{topic}:{partition}:-1")]
    answer = kcat(files, principal, "-Q", *asked)
    ends = [int(offset) for offset in re.findall(r"offset (\d+)", answer.stdout)]
    assert len(ends) == partitions, answer.stdout + answer.stderr
    return sum(ends)


@needs_kcat
def test_kcat_produces_over_mtls(files: Path) -> None:
    before = written(files, "orders-bridge", "payments", 3)
    produced = kcat(files, "orders-bridge", "-P", "-t", "payments", given="paid by kcat\n")
    assert produced.returncode == 0, produced.stderr
    assert written(files, "orders-bridge", "payments", 3) == before + 1


@needs_kcat
def test_kcat_consumes_over_mtls(files: Path, seeded: str) -> None:
    consumed = kcat(files, "orders-bridge", "-C", "-t", "orders", "-o", "beginning", "-e")
    assert seeded in consumed.stdout, consumed.stderr


@needs_kcat
def test_kcat_is_refused_without_a_grant(files: Path) -> None:
    refused = kcat(files, "orders-bridge", "-P", "-t", "orders", "-X", "message.timeout.ms=5000", given="x\n")
    assert refused.returncode != 0
    assert "authorization failed" in refused.stderr.lower()


@pytest.fixture(scope="module")
def seeded(files: Path) -> str:
    """Return the value of a record that stands in the topic, produced with librdkafka from the same file."""
    text = (files / "orders-producer.librdkafka.properties").read_text()
    producer = Producer(dict(line.split("=", 1) for line in text.splitlines()))
    producer.produce("orders", b"from librdkafka")
    assert producer.flush(30) == 0
    return "from librdkafka"


def test_java_tools_produce_and_consume(files: Path, runtime: KafkaRuntime, orders: Orders) -> None:
    servers = orders.environment["cluster"]["bootstrap"]["scram"]
    common = ["--bootstrap-server", servers, "--topic", "orders"]
    produced = java(
        runtime,
        "ConsoleProducer",
        *common,
        "--command-config",
        str(files / "orders-producer.client.properties"),
        given="from java\n",
    )
    assert produced.returncode == 0, produced.stderr
    config = str(files / "orders-service.client.properties")
    consume = ("--command-config", config, "--group", "orders-service", "--from-beginning")
    said = output_until("from java", java_command(runtime, "consumer.ConsoleConsumer", *common, *consume))
    assert "from java" in said


def test_java_tools_consume_over_mtls(files: Path, runtime: KafkaRuntime, orders: Orders, seeded: str) -> None:
    consume = java_command(
        runtime,
        "consumer.ConsoleConsumer",
        *("--bootstrap-server", orders.environment["cluster"]["bootstrap"]["mtls"], "--topic", "orders"),
        *("--command-config", str(files / "orders-bridge.client.properties")),
        *("--group", "orders-bridge", "--from-beginning"),
    )
    assert seeded in output_until(seeded, consume)


def test_java_tools_are_refused_without_a_grant(files: Path, runtime: KafkaRuntime, orders: Orders) -> None:
    refused = java(
        runtime,
        "consumer.ConsoleConsumer",
        "--bootstrap-server",
        orders.environment["cluster"]["bootstrap"]["scram"],
        "--topic",
        "orders",
        "--command-config",
        str(files / "orders-producer.client.properties"),
        "--group",
        "somebody-elses",
        "--timeout-ms",
        "60000",
    )
    assert "AuthorizationException" in refused.stderr + refused.stdout
