"""Updates, pause, resume, restart: one change a call, and an operation that tells how it ended."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.embedded.kafkaconnect import lifecycle
from orchestrator.processes import wait_until
from tests.unit.kafkaconnect.conftest import CLASS

CAPACITY = {"provisionedCapacity": {"mcuCount": 2, "workerCount": 3}}
NEW = {"connector.class": CLASS, "topics": "orders,payments"}


@pytest.fixture
def arn(connect: Any) -> str:
    made: str = connect.create(connect.plugin())
    return made


def version(connect: Any, arn: str) -> str:
    return str(connect.describe(arn)["currentVersion"])


def test_a_configuration_is_changed_and_the_version_with_it(connect: Any, arn: str) -> None:
    before = version(connect, arn)
    answer = connect.call("UpdateConnector", connectorArn=arn, currentVersion=before, connectorConfiguration=NEW)
    ended = connect.ended(answer["connectorOperationArn"])
    assert ended["connectorOperationState"] == "UPDATE_COMPLETE"
    assert ended["originConnectorConfiguration"]["topics"] == "orders"
    assert connect.describe(arn)["connectorConfiguration"] == NEW
    assert version(connect, arn) != before
    assert connect.made[0].configuration["topics"] == "orders,payments"


def test_a_configuration_that_is_refused_is_rolled_back_and_only_the_operation_tells(connect: Any, arn: str) -> None:
    bad = {"connector.class": CLASS, "bad": "1"}
    current = version(connect, arn)
    answer = connect.call("UpdateConnector", connectorArn=arn, currentVersion=current, connectorConfiguration=bad)
    ended = connect.ended(answer["connectorOperationArn"])
    assert ended["connectorOperationState"] == "UPDATE_FAILED"
    assert ended["errorInfo"]["message"] == "Unknown field bad"
    seen = connect.describe(arn)
    assert (seen["connectorState"], seen["connectorConfiguration"]["topics"]) == ("RUNNING", "orders")
    assert connect.made[0].configuration["topics"] == "orders"
    (listed,) = connect.call("ListConnectorOperations", connectorArn=arn)["connectorOperations"]
    assert listed["connectorOperationState"] == "UPDATE_FAILED"


def test_a_capacity_is_changed_with_its_network_interfaces(connect: Any, arn: str) -> None:
    current = version(connect, arn)
    answer = connect.call("UpdateConnector", connectorArn=arn, currentVersion=current, capacity=CAPACITY)
    assert connect.ended(answer["connectorOperationArn"])["connectorOperationState"] == "UPDATE_COMPLETE"
    assert connect.made[0].count == 3
    assert len(connect.moto.backend("ec2").enis) == 3
    assert connect.describe(arn)["capacity"] == CAPACITY


@pytest.mark.parametrize("change", [{}, {"capacity": CAPACITY, "connectorConfiguration": NEW}])
def test_one_change_a_call(connect: Any, arn: str, change: dict[str, Any]) -> None:
    error = connect.refused("UpdateConnector", connectorArn=arn, currentVersion=version(connect, arn), **change)
    assert "one of them in a call" in error.message


def test_a_change_for_another_version_is_refused(connect: Any, arn: str) -> None:
    assert "KOLD" in connect.refused(
        "UpdateConnector", connectorArn=arn, currentVersion="KOLD", connectorConfiguration=NEW
    ).message  # fmt: skip


def test_pause_resume_and_restart(connect: Any, arn: str) -> None:
    for verb, state, request in (
        ("PauseConnector", "PAUSED", ("PUT", "/connectors/orders/pause")),
        ("ResumeConnector", "RUNNING", ("PUT", "/connectors/orders/resume")),
        ("RestartConnector", "RUNNING", ("POST", "/connectors/orders/restart?includeTasks=true")),
    ):
        operation = connect.call(verb, connectorArn=arn)["connectorOperationArn"]
        ended = connect.ended(operation)
        assert ended["connectorOperationState"].endswith("_COMPLETE")
        assert connect.describe(arn)["connectorState"] == state
        assert request in connect.made[0].requests
    assert "RUNNING" in connect.refused("ResumeConnector", connectorArn=arn).message


FAILED = {"connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "FAILED", "trace": "a.B: no"}]}


def test_a_failure_from_before_a_restart_is_not_taken_for_a_new_one(
    connect: Any, arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers tell their tasks' statuses through a topic, so the old one is still told for a moment."""
    workers = connect.made[0]
    running, workers.status = workers.status, FAILED
    connect.wait(arn, "FAILED")
    operation = connect.call("RestartConnector", connectorArn=arn)["connectorOperationArn"]
    assert wait_until(
        lambda: ("POST", "/connectors/orders/restart?includeTasks=true") in workers.requests, deadline_s=30
    )
    assert connect.describe(arn)["connectorState"] == "RESTARTING"
    workers.status = running
    assert connect.ended(operation)["connectorOperationState"] == "RESTART_COMPLETE"

    monkeypatch.setattr(lifecycle, "_STALE_S", 0.2)
    workers.status = FAILED
    connect.wait(arn, "FAILED")
    operation = connect.call("RestartConnector", connectorArn=arn)["connectorOperationArn"]
    ended = connect.ended(operation)
    assert (ended["connectorOperationState"], ended["errorInfo"]["message"]) == (
        "RESTART_FAILED",
        "task 0 failed: a.B: no",
    )
