"""Real workers: what is lost when one is killed, and why a connector does not run."""

from __future__ import annotations

import json
import os
import signal
import uuid
from typing import Any

import psutil

from contracts.canary_records import await_arrival, send
from contracts.connect_access import rest
from contracts.model import Watch
from orchestrator.processes import wait_until
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
    assert wait_until(lambda: arn not in left(), deadline_s=30)


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
