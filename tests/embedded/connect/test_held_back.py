"""Plugins that the product has never seen load and run, and get their secrets without showing them."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from pathlib import Path

import pytest

from contracts.canary_records import send
from contracts.connect_access import rest
from contracts.model import Watch
from orchestrator.processes import wait_until
from tests.embedded.connect.conftest import LEDGER_ACCOUNT, THEIRS, Connected
from tests.embedded.connect.held_back import SINK
from tests.embedded.connect.test_connect_workers import create, remove


def made_secret(connected: Connected) -> str:
    """Return the name of the secret that the environment made."""
    assert connected.environment.connect is not None
    (name,) = set(connected.environment.connect.secrets) - {THEIRS[0]}
    return name


def secret_of(connected: Connected) -> dict[str, str]:
    assert connected.environment.connect is not None
    name = made_secret(connected)
    text = connected.session.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    value: dict[str, str] = json.loads(text)
    return value


def lines_with(file: Path, text: str) -> list[str]:
    return [line for line in file.read_text().splitlines() if text in line] if file.exists() else []


def test_a_held_back_jar_gets_records_and_its_password(connected: Connected) -> None:
    file = connected.world.home / "ledger.txt"
    with connected.access() as access:
        batch = send(access, "orders", 5, Watch(60))
    run = batch.values[0].rpartition("-")[0]
    assert wait_until(lambda: len(lines_with(file, run)) >= 5, deadline_s=60)
    proof = hashlib.sha256(secret_of(connected)["password"].encode()).hexdigest()
    assert {line.split()[0] for line in lines_with(file, run)} == {proof}


def test_a_secret_is_nowhere_in_clear(connected: Connected) -> None:
    assert secret_of(connected)["account"] == LEDGER_ACCOUNT
    ledger = connected.connector("ledger")
    shown = connected.live(ledger.arn)["connectorConfiguration"]
    assert shown["ledger.password"].startswith("${secretsmanager:ephk-")
    values = [value.encode() for value in secret_of(connected).values()]
    for file in connected.world.state.rglob("*"):  # lease, Pulumi's state, logs, Kafka's own topics
        if file.is_file() and not file.is_symlink():
            content = file.read_bytes()
            assert not [value for value in values if value in content], file
    result = connected.one("connect.secrets.not-exposed")
    assert result.status == "verified", result.reason
    made = shown["ledger.password"].split(":")[1]
    assert result.evidence["secrets"] == {made: ["account", "password"], THEIRS[0]: ["heading"]}


def test_a_secret_that_somebody_else_made_is_read_and_left_alone(connected: Connected) -> None:
    name, fields = THEIRS
    ledger = connected.connector("ledger")
    live = connected.live(ledger.arn)
    assert live["connectorState"] == "RUNNING"
    assert live["connectorConfiguration"]["ledger.heading"] == f"${{secretsmanager:{name}:heading}}"
    wrong = connected.update("ledger", **{"ledger.heading": f"${{secretsmanager:{name}:title}}"})
    assert f"the secret {name} has no field title; its fields: heading" in wrong["errorInfo"]["message"]
    secrets = connected.session.client("secretsmanager")
    assert json.loads(secrets.get_secret_value(SecretId=name)["SecretString"]) == fields
    assert not [tag for tag in secrets.describe_secret(SecretId=name).get("Tags", []) if tag["Key"].startswith("ephk:")]
    with connected.changed("ledger", **{"ledger.title": f"of {fields['heading']}"}):
        result = connected.one("connect.secrets.not-exposed")
    assert result.reason == "control plane: ledger shows a secret in ledger.title"


def plugin(connected: Connected, name: str) -> dict[str, object]:
    prefix = f"ephk-{connected.environment.lease_id}-{name}-"
    (found,) = [
        plugin
        for plugin in connected.connect.list_custom_plugins(namePrefix=prefix)["customPlugins"]
        if len(plugin["name"]) == len(prefix) + 12
    ]
    return {"customPlugin": {"customPluginArn": found["customPluginArn"], "revision": 1}}


def test_a_zip_file_whose_jar_declares_nothing_and_a_maven_plugin_run(connected: Connected) -> None:
    """Side by side, since each waits for a worker of its own."""
    home = connected.world.home
    base = {"topics": "orders", "tasks.max": "1", "consumer.override.auto.offset.reset": "earliest"}
    role = connected.connector("ledger").role_arn
    wanted = {
        "ledger-bare": {**base, "connector.class": SINK, "ledger.file": str(home / "bare.txt")},
        "files": {
            **base,
            "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "file": str(home / "files.txt"),
        },
    }
    with connected.access() as access:
        batch = send(access, "orders", 3, Watch(60))
    arns = {
        name: create(
            connected,
            "canary-source",
            plugins=[plugin(connected, name)],
            connectorConfiguration=configuration,
            serviceExecutionRoleArn=role,
            connectorName=f"{connected.connector('ledger').full_name}-{name}",
        )
        for name, configuration in wanted.items()
    }
    try:
        for arn in arns.values():
            seen = connected.settle(arn, "RUNNING", "FAILED")
            assert seen["connectorState"] == "RUNNING", seen
        for file in ("bare.txt", "files.txt"):
            assert wait_until(lambda file=file: lines_with(home / file, batch.values[-1]), deadline_s=60), file
    finally:
        for arn in arns.values():
            remove(connected, arn)


def test_a_reference_that_cannot_be_resolved_says_why(connected: Connected) -> None:
    ledger = connected.connector("ledger")
    name = made_secret(connected)
    wrong = connected.update("ledger", **{"ledger.password": f"${{secretsmanager:{name}:pasword}}"})
    assert wrong["connectorOperationState"] == "UPDATE_FAILED"
    assert f"the secret {name} has no field pasword; its fields: account, password" in wrong["errorInfo"]["message"]
    with connected.fewer_rights(ledger.role_arn, "Secrets"):
        # The worker runs on with what it has; a restart needs the secret again.
        refused = connected.update("ledger", **{"ledger.note": "another"})
    assert "AccessDenied" in refused["errorInfo"]["message"]
    assert "secretsmanager:GetSecretValue" in refused["errorInfo"]["message"]
    connected.connect.restart_connector(connectorArn=ledger.arn)
    assert connected.settle(ledger.arn, "RUNNING", "FAILED")["connectorState"] == "RUNNING"
    with connected.access() as access:
        shown = rest(access, ledger, Watch(30)).call("GET", f"/connectors/{ledger.full_name}/config")
    assert shown["ledger.note"] == ledger.config["ledger.note"]


@pytest.mark.parametrize("key", ["database.password", "ledger.title"])
def test_a_secret_in_a_configuration_fails(connected: Connected, key: str) -> None:
    """By its key, or by its value under an innocent one."""
    password = secret_of(connected)["password"]
    with connected.changed(
        "ledger", **{key: "in-the-clear" if key.endswith(".password") else f"opens with {password}"}
    ):
        result = connected.one("connect.secrets.not-exposed")
    assert result.reason == f"control plane: ledger shows a secret in {key}"


def test_a_secret_in_a_log_fails(connected: Connected) -> None:
    """A plugin that prints what it was given."""
    assert connected.environment.connect is not None
    group, password = connected.environment.connect.log_group, secret_of(connected)["password"]
    stream = f"{connected.connector('ledger').full_name}-{uuid.uuid4().hex}-1"
    logs = connected.session.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    try:
        line = {"timestamp": int(time.time() * 1000), "message": f"connecting with {password}"}
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[line])
        result = connected.one("connect.secrets.not-exposed")
        assert result.reason == f"log stream {stream}: ledger wrote a secret"
        assert password not in str(result.as_dict())
    finally:
        logs.delete_log_stream(logGroupName=group, logStreamName=stream)
