"""Real workers: what is lost when one is killed, and why a connector does not run."""

from __future__ import annotations

import io
import json
import os
import signal
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from contracts.canary_records import await_arrival, numbers, send
from contracts.connect_access import rest
from contracts.model import Watch
from orchestrator.embedded.runtime.canary import ensure_canary_plugin
from orchestrator.processes import wait_until
from orchestrator.progress import SilentProgress
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


@pytest.fixture(scope="module")
def bare_plugin(connected: Connected) -> Iterator[str]:
    """The canary's own jar, without the file that declares its connectors: like any jar that somebody brings along."""
    bundle = zipfile.ZipFile(ensure_canary_plugin(SilentProgress()))
    jar = zipfile.ZipFile(io.BytesIO(bundle.read("ephk-canary/ephk-canary.jar")))
    stripped = io.BytesIO()
    with zipfile.ZipFile(stripped, "w") as writer:
        for entry in jar.infolist():
            if not entry.filename.startswith("META-INF/services/"):
                writer.writestr(entry, jar.read(entry))
    bucket = connected.environment.bucket
    assert bucket is not None
    key = f"plugins/bare-{uuid.uuid4().hex}.jar"
    connected.session.client("s3").put_object(Bucket=bucket.name, Key=key, Body=stripped.getvalue())
    arn: str = connected.connect.create_custom_plugin(
        name=f"ephk-{connected.environment.lease_id}-bare",
        contentType="JAR",
        location={"s3Location": {"bucketArn": f"arn:aws:s3:::{bucket.name}", "fileKey": key}},
        tags=connected.environment.tags,
    )["customPluginArn"]
    assert wait_until(
        lambda: connected.connect.describe_custom_plugin(customPluginArn=arn)["customPluginState"] == "ACTIVE",
        deadline_s=20,
    )
    yield arn
    connected.connect.delete_custom_plugin(customPluginArn=arn)


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


def test_a_plugin_that_declares_nothing_is_found_by_scanning_and_runs(connected: Connected, bare_plugin: str) -> None:
    configuration = {**connected.connector("canary-source").config, "canary.stream": "bare", "canary.count": "3"}
    arn = create(
        connected,
        "canary-source",
        plugins=[{"customPlugin": {"customPluginArn": bare_plugin, "revision": 1}}],
        connectorConfiguration=configuration,
    )
    try:
        assert connected.settle(arn, "RUNNING", "FAILED")["connectorState"] == "RUNNING"
        with connected.access() as access:
            found = numbers(access, "ephk-canary-numbers", 3, Watch(60))
        assert {0, 1, 2} <= set(found)
    finally:
        remove(connected, arn)


def test_why_a_connector_does_not_run(connected: Connected) -> None:
    """Three mistakes side by side, since each waits for a worker of its own."""
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
    finally:
        for arn in arns.values():
            remove(connected, arn)
