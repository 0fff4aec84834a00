"""Real workers: what is lost when one is killed, and why a connector does not run."""

from __future__ import annotations

import json
import os
import signal
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from contracts.canary_records import await_arrival, send
from contracts.connect_access import rest
from contracts.model import Watch
from orchestrator.connect_causes import hop
from orchestrator.connect_readback import describe
from orchestrator.environment import KafkaConnect
from orchestrator.errors import EphkError
from orchestrator.processes import wait_until
from orchestrator.spec_loading import load_spec
from orchestrator.target import target_named
from tests.embedded.connect.conftest import Connected


def test_a_killed_worker_loses_nothing_and_comes_back(connected: Connected) -> None:
    sink, watch = connected.connector("canary-sink"), Watch(120)
    with connected.access() as access:
        (task,) = rest(access, sink, watch).status(sink.full_name)["tasks"]
        owner = f"https://{task['worker_id']}"
        document = connected.rest(sink.arn)
        pid = dict(zip(document["urls"], document["pids"], strict=True))[owner]
        before = send(access, "ephk-canary", 20, watch)
        os.kill(pid, signal.SIGKILL)
        after = send(access, "ephk-canary", 20, watch)
        for batch in (before, after):
            assert len(await_arrival(access, sink, batch, watch)) == 20

    def healed() -> bool:
        seen = connected.rest(sink.arn)
        return len(seen["urls"]) == 2 and pid not in seen["pids"]

    assert wait_until(healed, deadline_s=60)
    connected.settle(sink.arn, "RUNNING")


def test_workers_keep_their_secrets_out_of_arguments_and_out_of_others_reach(connected: Connected) -> None:
    document = connected.rest(connected.connector("canary-source").arn)
    (pid,) = document["pids"]
    secret = connected.session.client("secretsmanager").get_secret_value(SecretId=document["secret_arn"])
    password = json.loads(secret["SecretString"])["password"]
    process = psutil.Process(pid)
    said = " ".join([*process.cmdline(), *process.environ().values()])
    assert password not in said
    assert not [name for name in process.environ() if "SECRET" in name or name == "AWS_ACCESS_KEY_ID"]
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in process.environ()
    directory = process.cwd()
    assert os.stat(directory).st_mode & 0o077 == 0  # noqa: PTH116


def create(connected: Connected, like: str, **changes: Any) -> str:
    """Make a connector as an existing one is, but for some changes; it is the caller's to delete."""
    seen = connected.live(connected.connector(like).arn)
    request = {
        name: seen[name]
        for name in (
            "capacity", "connectorConfiguration", "kafkaCluster", "kafkaClusterClientAuthentication",
            "kafkaClusterEncryptionInTransit", "kafkaConnectVersion", "plugins", "serviceExecutionRoleArn",
            "workerConfiguration",
        )
    }  # fmt: skip
    request |= {
        "connectorName": f"ephk-{connected.environment.lease_id}-{uuid.uuid4().hex[:8]}",
        "capacity": {"provisionedCapacity": {"mcuCount": 1, "workerCount": 1}},
        "tags": connected.environment.tags,
    }
    arn: str = connected.connect.create_connector(**{**request, **changes})["connectorArn"]
    return arn


def remove(connected: Connected, arn: str) -> None:
    connected.connect.delete_connector(connectorArn=arn)
    left = lambda: [c["connectorArn"] for c in connected.connect.list_connectors()["connectors"]]  # noqa: E731
    assert wait_until(lambda: arn not in left(), deadline_s=60)


def test_why_a_connector_does_not_run(connected: Connected) -> None:
    """Three mistakes side by side, since each waits for a worker of its own; each names its hop."""
    config = connected.connector("canary-sink").config
    operator = connected.environment.roles["operator"]
    mistakes: dict[str, tuple[dict[str, Any], str]] = {
        "role": ({"serviceExecutionRoleArn": operator}, "is not authorized to perform: sts:AssumeRole"),
        "class": (
            {"connectorConfiguration": {**config, "connector.class": "io.ephk.connect.Nowhere"}},
            "Failed to find any class that implements Connector and which name matches io.ephk.connect.Nowhere",
        ),
        "password": (
            {
                "connectorConfiguration": {
                    **config,
                    "consumer.override.security.protocol": "SASL_SSL",
                    "consumer.override.sasl.mechanism": "SCRAM-SHA-512",
                    "consumer.override.bootstrap.servers": connected.environment.cluster.bootstrap["scram"],
                    "consumer.override.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule "
                    'required username="consumer" password="wrong";',
                }
            },
            "SaslAuthenticationException",
        ),
    }
    arns = {name: create(connected, "canary-sink", **changes) for name, (changes, _) in mistakes.items()}
    try:
        for name, arn in arns.items():
            seen = connected.settle(arn, "FAILED", "RUNNING")
            assert seen["connectorState"] == "FAILED", name
            assert mistakes[name][1] in seen["stateDescription"]["message"]
            hops = {"role": "role's trust", "class": "class not found", "password": "login"}
            assert hop(seen["stateDescription"]["message"]) == hops[name]
        full_name = connected.live(arns["class"])["connectorName"]
        broken = connected.connector("canary-sink").model_copy(
            update={"name": "broken", "arn": arns["class"], "rest": None, "full_name": full_name}
        )
        connect = connected.environment.connect
        assert connect is not None
        other = connected.environment.model_copy(
            update={"connect": connect.model_copy(update={"connectors": (broken,)})}
        )
        for contract in ("connect.plugins.present", "connect.connector.running"):
            result = connected.one(contract, of=other)
            assert result.status == "failed"
            assert "Failed to find any class that implements Connector" in result.reason
        logs = connected.one("connect.logs.arrive", of=other, deadline_s=3)  # it was made without log delivery
        assert (logs.status, logs.reason) == ("failed", f"{connect.log_group} has no line of broken")
    finally:
        for arn in arns.values():
            remove(connected, arn)


def worker_files(connected: Connected, name: str) -> tuple[Path, int]:
    """Return the directory and the process of a connector's only worker."""
    (pid,) = connected.rest(connected.connector(name).arn)["pids"]
    return Path(psutil.Process(pid).cwd()), pid


@contextmanager
def tampered(connected: Connected, name: str, change: Callable[[str], str]) -> Iterator[None]:
    """Have a connector's only worker start with other properties for a while: killed, it is started again with them."""
    directory, pid = worker_files(connected, name)
    file = directory / "worker-1.properties"
    before = file.read_text()
    arn = connected.connector(name).arn
    file.write_text(change(before))
    os.kill(pid, signal.SIGKILL)
    try:
        assert wait_until(lambda: set(connected.pids(arn)) - {pid} and answers(connected, name), deadline_s=60)
        yield
    finally:
        file.write_text(before)
        left = connected.pids(arn)
        for tampered_with in left:
            os.kill(tampered_with, signal.SIGKILL)
        assert wait_until(lambda: set(connected.pids(arn)) - set(left), deadline_s=60)
        assert wait_until(lambda: connected.one("connect.workers.expected").status == "verified", deadline_s=90)


def answers(connected: Connected, name: str) -> bool:
    """Tell whether the worker's port takes a connection."""
    rest_endpoint = connected.connector(name).rest
    assert rest_endpoint is not None
    address = urlsplit(rest_endpoint.urls[0])
    try:
        with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=2):
            return True
    except OSError:
        return False


def test_a_worker_that_asks_nobody_who_he_is_fails(connected: Connected) -> None:
    def without_login(text: str) -> str:
        return "\n".join(line for line in text.splitlines() if not line.startswith("rest.extension.classes")) + "\n"

    with tampered(connected, "canary-source", without_login):
        source = connected.connector("canary-source").arn
        assert wait_until(lambda: connected.one("connect.rest.auth.required").status == "failed", deadline_s=30)
        result = connected.one("connect.rest.auth.required")
    assert "nobody at" in result.reason
    assert "was answered with 200" in result.reason
    connected.settle(source, "RUNNING")


def test_a_worker_that_speaks_plain_http_fails(connected: Connected) -> None:
    with tampered(
        connected, "canary-source", lambda text: text.replace("https\\://", "http\\://").replace("https://", "http://")
    ):
        result = connected.one("connect.rest.tls")
    assert result.status == "failed", result.reason
    assert "WRONG_VERSION_NUMBER" in result.reason or "RECORD_LAYER_FAILURE" in result.reason


def test_a_worker_that_is_gone_for_good_fails_with_the_hop(connected: Connected) -> None:
    directory, pid = worker_files(connected, "canary-source")
    store = directory / "rest.p12"
    kept = store.rename(directory / "rest.kept")
    os.kill(pid, signal.SIGKILL)
    try:
        assert wait_until(lambda: not answers(connected, "canary-source"), deadline_s=30)
        reachable = connected.one("connect.rest.reachable")
        expected = connected.one("connect.workers.expected")
    finally:
        kept.rename(store)
    assert "worker 1 of canary-source" in reachable.reason
    assert "Connection refused" in reachable.reason
    assert expected.reason == "0 of 1 workers of canary-source are healthy"
    assert wait_until(lambda: connected.one("connect.workers.expected").status == "verified", deadline_s=90)
    connected.settle(connected.connector("canary-source").arn, "RUNNING")


def test_what_was_changed_behind_the_spec_is_a_failed_apply(connected: Connected) -> None:
    """An update that was rolled back, and one that was made by somebody else."""
    spec = load_spec(connected.world.home / "connected.yaml")
    connect = connected.environment.connect
    assert spec.connect is not None
    assert connect is not None
    outputs = {
        "connector_arns": {connector.name: connector.arn for connector in connect.connectors},
        "role_arns": {connector.name: connector.role_arn for connector in connect.connectors},
        "log_group": connect.log_group,
        "security_group_id": connect.security_group_id,
    }

    def read_back() -> KafkaConnect:
        prefix = f"ephk-{connected.environment.lease_id}"
        return describe(spec.connect, prefix, outputs, connected.session, target_named("embedded"), {})  # type: ignore[arg-type]

    with (
        connected.changed("canary-source", **{"canary.interval.ms": "300"}),
        pytest.raises(EphkError, match=r"canary-source: the live configuration differs .* in canary\.interval\.ms"),
    ):
        read_back()
    ended = connected.update("canary-source", **{"canary.interval.ms": "0"})
    assert ended["connectorOperationState"] == "UPDATE_FAILED"
    assert "canary.interval.ms" in ended["errorInfo"]["message"]
    with pytest.raises(EphkError, match="canary-source: its last change ended UPDATE_FAILED"):
        read_back()
    assert connected.update("canary-source")["connectorOperationState"] == "UPDATE_COMPLETE"
    assert {connector.name for connector in read_back().connectors} == set(outputs["connector_arns"])
