"""The contracts on Kafka Connect against real workers: verified when all is well, failed when something is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.connect_access import SOURCE_CLASS
from orchestrator.connect_rest import ConnectRest
from tests.embedded.connect.conftest import Connected

CONTRACTS = 15
#: They take a linked environment (test_mirror.py).
MIRROR = {"connect.mirror.offsets", "connect.mirror.cutover"}


def test_a_sound_environment_is_verified_throughout(connected: Connected) -> None:
    found = connected.probe("connect.*")
    assert {name for name in MIRROR if found.pop(name).status == "not_covered"} == MIRROR
    assert {r.id: (r.status, r.reason) for r in found.values() if r.status != "verified"} == {}
    assert len(found) == CONTRACTS
    assert found["connect.workers.expected"].evidence["canary-sink"]["healthy"] == 2
    assert found["connect.canary.delivers"].evidence["arrived"] == 20
    assert "TopicAuthorizationException" in found["connect.acl.deny"].evidence["connector"]
    shown = [r.as_dict()["evidence"] for r in found.values() if r.id != "connect.rest.auth.required"]
    assert "password" not in str(shown)


def test_an_environment_without_connect_is_not_covered(connected: Connected) -> None:
    bare = connected.environment.model_copy(update={"connect": None})
    assert {r.status for r in connected.probe("connect.*", of=bare).values()} == {"not_covered"}


def rest_elsewhere(connected: Connected, **changes: object) -> object:
    rest = connected.connector("canary-source").rest
    assert rest is not None
    return connected.with_connector("canary-source", rest=rest.model_copy(update=changes))


def test_a_rest_interface_that_is_gone_fails_with_the_hop(connected: Connected) -> None:
    result = connected.one("connect.rest.reachable", of=rest_elsewhere(connected, urls=("https://127.0.0.1:9",)))
    assert result.status == "failed"
    assert "Connection refused" in result.reason


def test_a_rest_interface_that_asks_nobody_who_he_is_fails(connected: Connected) -> None:
    # The gateway's health door answers everybody, over the same CA that the probe is told to trust.
    cloud = connected.environment.cloud
    assert cloud.ca_bundle is not None
    assert cloud.endpoint_url is not None
    with open(cloud.ca_bundle) as file:  # noqa: PTH123
        place = rest_elsewhere(connected, urls=(f"{cloud.endpoint_url}/_ephk/health?",), ca_pem=file.read())
    result = connected.one("connect.rest.auth.required", of=place)
    assert (result.status, "nobody at" in result.reason) == ("failed", True), result.reason


def test_a_certificate_of_somebody_else_fails(connected: Connected) -> None:
    other = connected.connector("canary-sink").rest
    assert other is not None
    result = connected.one("connect.rest.tls", of=rest_elsewhere(connected, ca_pem=other.ca_pem))
    assert result.status == "failed"
    assert "CERTIFICATE_VERIFY_FAILED" in result.reason


def test_a_class_that_is_not_installed_fails(connected: Connected) -> None:
    other = connected.with_connector("canary-source", connector_class="io.ephk.connect.NoConnector")
    result = connected.one("connect.plugins.present", of=other)
    assert "no plugin with the class io.ephk.connect.NoConnector" in result.reason


def test_a_configuration_that_its_plugin_refuses_fails(connected: Connected) -> None:
    other = connected.with_connector("canary-sink", connector_class=SOURCE_CLASS)
    result = connected.one("connect.config.valid", of=other)
    assert result.status == "failed"
    assert "does not match" in result.reason


def test_fewer_workers_than_declared_fail(connected: Connected) -> None:
    result = connected.one("connect.workers.expected", of=connected.with_connector("canary-source", workers=2))
    assert (result.status, result.reason) == ("failed", "canary-source has a capacity of 1 workers")


def test_logs_that_do_not_arrive_fail(connected: Connected) -> None:
    connect = connected.environment.connect
    assert connect is not None
    elsewhere = connect.model_copy(update={"log_group": connected.environment.log_group})
    other = connected.environment.model_copy(update={"connect": elsewhere})
    result = connected.one("connect.logs.arrive", of=other, deadline_s=3)
    assert result.status == "failed"
    assert "has no line of canary-sink" in result.reason


def test_a_role_that_writes_everywhere_fails(connected: Connected) -> None:
    bucket = connected.environment.bucket
    assert bucket is not None
    role = connected.connector("canary-sink").role_arn
    with connected.more_rights(role, ["s3:PutObject", "kms:GenerateDataKey"], ["*"]):
        result = connected.one("connect.bucket.denied-elsewhere")
    assert result.reason == f"{bucket.name}/ to canary-sink took the object"
    assert connected.one("connect.bucket.denied-elsewhere").status == "verified"


def test_a_role_that_reads_every_topic_fails(connected: Connected) -> None:
    topics = connected.environment.cluster.arn.replace(":cluster/", ":topic/") + "/*"
    with connected.more_rights(connected.connector("canary-sink").role_arn, ["kafka-cluster:ReadData"], [topics]):
        result = connected.one("connect.acl.deny")
    assert result.status == "failed"
    assert "to canary-sink lets the principal consume on" in result.reason


def test_a_secret_in_a_configuration_fails_and_an_update_is_an_operation(connected: Connected) -> None:
    source = connected.connector("canary-source")
    live = connected.live(source.arn)
    shown = {**live["connectorConfiguration"], "database.password": "in-the-clear"}
    update = {"connectorArn": source.arn, "currentVersion": live["currentVersion"]}
    operation = connected.connect.update_connector(**update, connectorConfiguration=shown)["connectorOperationArn"]
    connected.settle(source.arn, "RUNNING")
    ended = connected.connect.describe_connector_operation(connectorOperationArn=operation)
    assert ended["connectorOperationState"] == "UPDATE_COMPLETE"
    result = connected.one("connect.secrets.not-exposed")
    assert result.reason == "control plane: canary-source shows a secret in database.password"
    update["currentVersion"] = connected.live(source.arn)["currentVersion"]
    connected.connect.update_connector(**update, connectorConfiguration=live["connectorConfiguration"])
    connected.settle(source.arn, "RUNNING")


@pytest.mark.parametrize(
    ("name", "contracts"),
    [
        ("canary-sink", ["connect.connector.running", "connect.canary.delivers", "connect.restart.resumes"]),
        ("canary-source", ["connect.canary.source", "connect.offsets.survive"]),
    ],
)
def test_a_connector_that_is_paused_fails(connected: Connected, name: str, contracts: list[str]) -> None:
    arn = connected.connector(name).arn
    connected.connect.pause_connector(connectorArn=arn)
    connected.settle(arn, "PAUSED")
    try:
        found = connected.probe(*contracts)
        assert {(r.status, r.reason) for r in found.values()} == {("failed", f"{name} is PAUSED: no reason is given")}
    finally:
        connected.connect.resume_connector(connectorArn=arn)
        connected.settle(arn, "RUNNING")


def test_the_rest_interface_is_used_as_it_is_printed(connected: Connected) -> None:
    values = connected.world.must("env", "connected", "--format", "json").json()["variables"]
    ca_pem = Path(values["EPHK_CONNECT_CA_LOCATION"]).read_text()
    client = ConnectRest(
        values["EPHK_CONNECT_URL"], ca_pem, values["EPHK_CONNECT_USERNAME"], values["EPHK_CONNECT_PASSWORD"]
    )
    assert client.call("GET", "/connectors") == [connected.connector("canary-sink").full_name]
    client.close()
