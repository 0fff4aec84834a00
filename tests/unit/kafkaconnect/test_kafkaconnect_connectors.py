"""Connectors: states, refusals, and why one failed."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.embedded.kafkaconnect import lifecycle
from orchestrator.processes import wait_until
from tests.unit.kafkaconnect.conftest import CLASS, archive

CAPACITY = {"provisionedCapacity": {"mcuCount": 2, "workerCount": 3}}
FAILED = {
    "connector": {"state": "RUNNING"},
    "tasks": [
        {
            "id": 0,
            "state": "FAILED",
            "trace": "org.apache.kafka.connect.errors.ConnectException: Exiting\n\tat a.b.C\n"
            "Caused by: org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized: [orders]\n\tat d",
        }
    ],
}


def test_a_connector_runs_with_its_plugin_a_worker_each_and_a_secret_of_its_own(connect: Any) -> None:
    arn = connect.create(connect.plugin(), tags={"ephk:lease": "abc"})
    seen = connect.describe(arn)
    assert seen["connectorConfiguration"]["topics"] == "orders"
    (workers,) = connect.made
    assert workers.configuration["name"] == "orders"
    assert workers.service_load
    assert [path.suffix for path in (workers.plugin_path / "plugin").iterdir()] == [".jar"]
    assert len(connect.moto.backend("ec2").enis) == 1
    (secret,) = connect.moto.backend("secretsmanager").secrets.values()
    assert {"Key": "ephk:lease", "Value": "abc"} in secret.tags
    assert connect.backend.tagged_resources() == [{"arn": arn, "tags": {"ephk:lease": "abc"}}]


def test_deleting_a_connector_leaves_nothing_of_it(connect: Any) -> None:
    arn = connect.create(connect.plugin())
    connect.call("DeleteConnector", connectorArn=arn)
    assert wait_until(lambda: not connect.call("ListConnectors")["connectors"], deadline_s=30)
    assert connect.made[0].stopped
    assert not connect.moto.backend("ec2").enis
    assert not list(connect.moto.backend("secretsmanager").secrets.values())
    assert not connect.made[0].connector.directory.exists()
    assert connect.refused("DescribeConnector", connectorArn=arn).status == 404


def test_a_connector_that_finds_nothing_to_do_runs_without_a_task(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_IDLE_S", 0.2)
    connect.broken = {"connector": {"state": "RUNNING"}, "tasks": []}
    connect.create(connect.plugin())
    assert not connect.made[0].stopped


def test_tasks_that_are_to_come_are_waited_for() -> None:
    running, task = {"state": "RUNNING"}, {"id": 0, "state": "RUNNING"}
    assert 0 < lifecycle.settled_after({"connector": running, "tasks": [task]}) < 2
    assert lifecycle.settled_after({"connector": running, "tasks": []}) > 10
    for state in ("UNASSIGNED", "RESTARTING"):
        assert lifecycle.settled_after({"connector": running, "tasks": [task, {"id": 1, "state": state}]}) == 0
        assert lifecycle.settled_after({"connector": {"state": state}, "tasks": [task]}) == 0


def test_a_task_that_fails_makes_the_connector_fail_with_the_first_cause(connect: Any) -> None:
    connect.broken = FAILED
    arn = connect.create(connect.plugin(), state="FAILED")
    why = connect.describe(arn)["stateDescription"]
    assert why["code"] == "ConnectorFailed"
    assert why["message"].startswith("task 0 failed: org.apache.kafka.common.errors.TopicAuthorizationException")
    assert connect.made[0].stopped
    connect.call("DeleteConnector", connectorArn=arn)


def test_a_task_that_fails_later_is_noticed(connect: Any) -> None:
    arn = connect.create(connect.plugin())
    connect.made[0].status = FAILED
    connect.wait(arn, "FAILED")
    assert "TopicAuthorizationException" in connect.describe(arn)["stateDescription"]["message"]


def test_a_role_that_does_not_trust_the_service_fails_before_any_worker_starts(connect: Any) -> None:
    connect.sts.trusted = False
    arn = connect.create(connect.plugin(), state="FAILED")
    assert "sts:AssumeRole" in connect.describe(arn)["stateDescription"]["message"]
    assert connect.made == []


def test_a_configuration_that_the_plugin_refuses_fails_with_its_words_only(connect: Any) -> None:
    configuration = {"connector.class": CLASS, "bad": "1"}
    arn = connect.create(connect.plugin(), state="FAILED", connectorConfiguration=configuration)
    assert connect.describe(arn)["stateDescription"]["message"] == "Unknown field bad"


def test_a_connector_without_tasks_is_not_running(connect: Any) -> None:
    connect.broken = {"connector": {"state": "RUNNING"}, "tasks": []}
    arn = connect.create(connect.plugin(), state="FAILED")
    assert "were not running after" in connect.describe(arn)["stateDescription"]["message"]


@pytest.mark.parametrize(
    ("declared", "scans"),
    [((CLASS,), False), ((), True), (("org.example.Other",), True)],
)
def test_only_a_plugin_that_does_not_declare_its_class_is_scanned(
    connect: Any, declared: tuple[str, ...], scans: bool
) -> None:
    connect.create(connect.plugin(archive(CLASS, declared=declared)))
    assert connect.made[0].service_load is not scans


def test_a_class_that_is_in_no_jar_is_not_searched_for(connect: Any) -> None:
    connect.create(connect.plugin(), connectorConfiguration={"connector.class": "org.example.Nowhere"})
    assert connect.made[0].service_load


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kafkaConnectVersion": "4.0"}, "2.7.1, 3.7.x"),
        ({"kafkaClusterEncryptionInTransit": {"encryptionType": "PLAINTEXT"}}, "TLS"),
        ({"capacity": {}}, "either provisioned or autoscaled"),
        ({"capacity": {"provisionedCapacity": {"mcuCount": 3, "workerCount": 1}}}, "mcuCount"),
        ({"capacity": {"provisionedCapacity": {"mcuCount": 1, "workerCount": 11}}}, "1 to 10"),
        ({"connectorConfiguration": {"topics": "a"}}, "connector.class"),
        ({"plugins": []}, "exactly one plugin"),
        ({"logDelivery": {"workerLogDelivery": {"cloudWatchLogs": {"enabled": True, "logGroup": "/no"}}}}, "'/no'"),
        ({"logDelivery": {"workerLogDelivery": {"s3": {"enabled": True}}}}, "isn't available"),
    ],
)
def test_what_msk_connect_refuses(connect: Any, changes: dict[str, Any], words: str) -> None:
    error = connect.refused("CreateConnector", **connect.request(connect.plugin(), **changes))
    assert words in error.message
    assert connect.call("ListConnectors")["connectors"] == []


def test_a_subnet_that_does_not_exist_is_refused(connect: Any) -> None:
    request = connect.request(connect.plugin())
    request["kafkaCluster"]["apacheKafkaCluster"]["vpc"]["subnets"] = ["subnet-none"]
    assert "subnet-none" in connect.refused("CreateConnector", **request).message


def test_a_name_is_given_once_and_a_connector_is_not_deleted_while_it_is_made(connect: Any) -> None:
    plugin = connect.plugin()
    arn = connect.call("CreateConnector", **connect.request(plugin))["connectorArn"]
    assert connect.refused("CreateConnector", **connect.request(plugin)).code == "ConflictException"
    assert "CREATING" in connect.refused("DeleteConnector", connectorArn=arn).message
    connect.wait(arn, "RUNNING")


def test_worker_logs_reach_their_stream(connect: Any) -> None:
    arn = connect.create(connect.plugin())
    stream = f"orders-{arn.rsplit('/', 1)[1]}-1"
    group = connect.moto.backend("logs").groups["/connect"]
    assert wait_until(lambda: stream in group.streams, deadline_s=30)
    assert [event.message for event in group.streams[stream].events] == ["INFO joined"]


def test_a_worker_that_died_is_started_again(connect: Any) -> None:
    arn = connect.create(connect.plugin())
    connect.made[0].lost.append(1)
    assert wait_until(lambda: connect.made[0].restarted == [1], deadline_s=30)
    assert connect.describe(arn)["connectorState"] == "RUNNING"


def test_the_rest_interface_is_told_without_its_password(connect: Any) -> None:
    arn = connect.create(connect.plugin())
    document = connect.backend.rest_document(arn.rsplit("/", 1)[1])
    assert document["urls"] == ["https://127.0.0.1:1"]
    assert connect.made[0].connector.rest_password not in str(document)
    assert connect.backend.rest_document("nobody") is None


def test_an_operation_that_is_not_there_is_not_implemented(connect: Any) -> None:
    with pytest.raises(NotImplementedError):
        connect.backend.invoke("DescribeEverything", {}, None)
    assert connect.backend.operations == frozenset(connect.model.operation_names)
