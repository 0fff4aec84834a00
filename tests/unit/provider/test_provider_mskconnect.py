"""MSK Connect's types: a failure is told with its reason, and an update is believed only when its operation says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrator.embedded.provider import catalogue
from orchestrator.embedded.provider.call import ResourceError
from orchestrator.embedded.provider.codec import Asset
from tests.unit.provider.provider_fakes import FakeClients, call

ARN = "arn:aws:kafkaconnect:us-east-1:123456789012:connector/c/u-1"


class FakeKafkaConnect:
    """One connector with scripted answers."""

    def __init__(self) -> None:
        self.states = ["CREATING", "RUNNING"]
        self.description: dict[str, str] = {}
        self.operation = "UPDATE_COMPLETE"
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.gone = False

    def describe_connector(self, **_: Any) -> dict[str, Any]:
        if self.gone:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": "gone"}}, "DescribeConnector")
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        answer = {"connectorState": state, "connectorName": "c", "currentVersion": "K1"}
        return {**answer, "stateDescription": self.description} if self.description else answer

    def create_connector(self, **given: Any) -> dict[str, Any]:
        self.told.append(("create", given))
        return {"connectorArn": ARN}

    def update_connector(self, **given: Any) -> dict[str, Any]:
        self.told.append(("update", given))
        return {"connectorOperationArn": "arn:op"}

    def describe_connector_operation(self, **_: Any) -> dict[str, Any]:
        return {
            "connectorOperationState": self.operation,
            "connectorOperationType": "UPDATE_CONNECTOR_CONFIGURATION",
            "errorInfo": {"code": "ConnectorFailed", "message": "Unknown field bad"},
        }

    def delete_connector(self, **_: Any) -> None:
        self.told.append(("delete", {}))
        self.gone = True


NEWS: dict[str, Any] = {
    "name": "c",
    "capacity": {"provisionedCapacity": {"workerCount": 2}},
    "connectorConfiguration": {"connector.class": "a.B"},
    "kafkaCluster": {
        "apacheKafkaCluster": {"bootstrapServers": "b:1", "vpc": {"securityGroups": ["sg"], "subnets": ["s"]}}
    },
    "kafkaClusterClientAuthentication": {"authenticationType": "IAM"},
    "kafkaClusterEncryptionInTransit": {"encryptionType": "TLS"},
    "kafkaconnectVersion": "3.7.x",
    "plugins": [{"customPlugin": {"arn": "arn:p", "revision": 1}}],
    "serviceExecutionRoleArn": "arn:r",
    "logDelivery": {"workerLogDelivery": {"cloudwatchLogs": {"enabled": True, "logGroup": "/g"}}},
}


def connector() -> Any:
    return catalogue.find("aws:mskconnect/connector:Connector")


def test_a_connector_is_told_as_the_api_names_things() -> None:
    service = FakeKafkaConnect()
    assert connector().create(call(FakeClients(kafkaconnect=service)), NEWS) == ARN
    (verb, given) = service.told[0]
    assert verb == "create"
    assert given["capacity"] == {"provisionedCapacity": {"mcuCount": 1, "workerCount": 2}}
    assert given["plugins"] == [{"customPlugin": {"customPluginArn": "arn:p", "revision": 1}}]
    assert given["kafkaCluster"]["apacheKafkaCluster"]["vpc"] == {"securityGroups": ["sg"], "subnets": ["s"]}
    assert given["logDelivery"]["workerLogDelivery"]["cloudWatchLogs"] == {"enabled": True, "logGroup": "/g"}


def test_a_connector_that_fails_is_recorded_and_told_with_its_reason() -> None:
    service = FakeKafkaConnect()
    service.states, service.description = ["FAILED"], {"code": "ConnectorFailed", "message": "no class a.B"}
    running = call(FakeClients(kafkaconnect=service))
    with pytest.raises(ResourceError, match="is FAILED: ConnectorFailed: no class"):
        connector().create(running, NEWS)
    assert running.resource_id == ARN  # so that destroy finds it


def test_one_change_a_call() -> None:
    service = FakeKafkaConnect()
    changed = frozenset({"connectorConfiguration", "capacity.provisionedCapacity.workerCount"})
    connector().update(call(FakeClients(kafkaconnect=service)), ARN, {}, NEWS, changed)
    given = [sorted(arguments) for _, arguments in service.told]
    assert given == [
        ["connectorArn", "connectorConfiguration", "currentVersion"],
        ["capacity", "connectorArn", "currentVersion"],
    ]


def test_an_update_that_was_rolled_back_is_a_failure_though_the_connector_runs() -> None:
    service = FakeKafkaConnect()
    service.states, service.operation = ["RUNNING"], "UPDATE_FAILED"
    with pytest.raises(ResourceError, match="UPDATE_FAILED: ConnectorFailed: Unknown field bad"):
        connector().update(
            call(FakeClients(kafkaconnect=service)), ARN, {}, NEWS, frozenset({"connectorConfiguration"})
        )


def test_a_connector_is_deleted_when_it_can_be_and_one_that_is_gone_is_fine() -> None:
    service = FakeKafkaConnect()
    connector().delete(call(FakeClients(kafkaconnect=service)), ARN, {})
    assert [verb for verb, _ in service.told] == ["delete"]
    connector().delete(call(FakeClients(kafkaconnect=service)), ARN, {})
    assert [verb for verb, _ in service.told] == ["delete"]


class FakeS3:
    def __init__(self) -> None:
        self.put: dict[str, Any] = {}

    def put_object(self, **given: Any) -> None:
        self.put = given

    def put_object_tagging(self, **given: Any) -> None:
        self.put["Tagging"] = given["Tagging"]


def test_an_object_has_the_files_content(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"zip")
    service, kind = FakeS3(), catalogue.find("aws:s3/bucketObjectv2:BucketObjectv2")
    assert kind is not None
    news = {"bucket": "b", "key": "p/a.zip", "source": Asset("d", str(tmp_path / "a.zip")), "tags": {"x": "y"}}
    assert kind.create(call(FakeClients(s3=service)), news) == "b/p/a.zip"
    assert service.put["Body"] == b"zip"
    assert service.put["Tagging"] == {"TagSet": [{"Key": "x", "Value": "y"}]}
    with pytest.raises(ResourceError, match="cannot read"):
        kind.create(call(FakeClients(s3=service)), {**news, "source": Asset("d", str(tmp_path / "none"))})
