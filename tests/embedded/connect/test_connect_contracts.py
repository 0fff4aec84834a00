"""The contracts on Kafka Connect against real workers: verified when all is well, failed when something is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.connect_rest import ConnectRest
from tests.embedded.connect.conftest import THEIRS, Connected

CONTRACTS = 16


def test_a_sound_environment_is_verified_throughout(connected: Connected) -> None:
    found = connected.probe("connect.*")
    # Those of mirrors take a linked environment (test_mirror.py), and apply to no other.
    assert [name for name in found if name.startswith("connect.mirror.")] == []
    assert {r.id: (r.status, r.reason) for r in found.values() if r.status != "verified"} == {}
    assert len(found) == CONTRACTS
    assert found["connect.workers.expected"].evidence["canary-sink"]["healthy"] == 2
    assert found["connect.canary.delivers"].evidence["arrived"] == 20
    assert "TopicAuthorizationException" in found["connect.acl.deny"].evidence["connector"]
    about_passwords = ("connect.rest.auth.required", "connect.secrets.not-exposed")
    shown = [r.as_dict()["evidence"] for r in found.values() if r.id not in about_passwords]
    assert "password" not in str(shown)


def test_verify_needs_no_more_than_its_policy_and_no_less(connected: Connected, tmp_path: Path) -> None:
    pipeline, name = connected.pipeline, connected.environment.name
    assert pipeline is not None
    pipeline.may("verify")
    done = pipeline.ephk("verify", name, "--contract", "connect.*", "--report", tmp_path, "--json")
    results = done.json()["results"]
    lacking = {r["id"]: r["reason"] for r in results if r["status"] != "verified"}
    # Somebody else's secret has a name that no policy of ours can know.
    assert list(lacking) == ["connect.secrets.not-exposed"], lacking
    assert "secretsmanager:GetSecretValue" in lacking["connect.secrets.not-exposed"]
    assert THEIRS[0] in lacking["connect.secrets.not-exposed"]
    assert len(results) == CONTRACTS
    for but, contract in (
        ("kafkaconnect:DescribeConnector", "connect.connector.running"),
        ("ec2:DescribeSecurityGroups", "connect.egress"),
    ):
        pipeline.may("verify", but=but)
        (result,) = pipeline.ephk("verify", name, "--contract", contract, "--json").json()["results"]
        assert (result["status"], but in result["reason"]) == ("error", True), result


def test_to_an_environment_that_declares_no_connect_nothing_of_it_applies(connected: Connected) -> None:
    bare = connected.environment.model_copy(update={"connect": None})
    assert connected.probe("connect.*", of=bare) == {}
    theirs = bare.model_copy(update={"adopted": True})
    assert {r.status for r in connected.probe("connect.*", of=theirs).values()} == {"not_covered"}


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


def test_a_reference_that_cannot_be_resolved_any_more_fails(connected: Connected) -> None:
    with connected.fewer_rights(connected.connector("ledger").role_arn, "Secrets"):
        result = connected.one("connect.config.valid")
    assert result.status == "failed"
    assert "ledger: " in result.reason
    assert "GetSecretValue: 400 AccessDenied" in result.reason


def test_a_capacity_that_was_changed_behind_the_spec_fails(connected: Connected) -> None:
    sink = connected.connector("canary-sink")

    def scale(workers: int) -> None:
        version = connected.live(sink.arn)["currentVersion"]
        capacity = {"provisionedCapacity": {"mcuCount": 1, "workerCount": workers}}
        connected.connect.update_connector(connectorArn=sink.arn, currentVersion=version, capacity=capacity)
        connected.settle(sink.arn, "RUNNING")

    scale(1)
    result = connected.one("connect.workers.expected")
    assert (result.status, result.reason) == ("failed", "canary-sink has a capacity of 1 workers")
    scale(2)
    connected.refresh()


def test_roles_that_lost_a_grant_fail_with_the_action(connected: Connected) -> None:
    """A bucket's permission and a topic's, side by side."""
    sink, source = connected.connector("canary-sink"), connected.connector("canary-source")
    with connected.fewer_rights(sink.role_arn, "Objects"), connected.fewer_rights(source.role_arn, "Write"):
        delivered = connected.one("connect.canary.delivers")
        connected.settle(source.arn, "FAILED")
        counted = connected.one("connect.canary.source")
        running = connected.one("connect.connector.running")
    for connector in (sink, source):
        connected.connect.restart_connector(connectorArn=connector.arn)
        connected.settle(connector.arn, "RUNNING")
    assert delivered.status == counted.status == running.status == "failed"
    assert "20 of 20 records did not arrive in the bucket: canary-sink is FAILED" in delivered.reason
    assert "s3:PutObject" in delivered.reason
    assert "Status Code: 403" in delivered.reason
    assert "(bucket permission) task 0 failed" in running.reason
    assert counted.reason.startswith("canary-source is FAILED: (ACL) task 0 failed: ")
    assert "TopicAuthorizationException" in counted.reason
    assert connected.one("connect.canary.delivers").status == "verified"


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
