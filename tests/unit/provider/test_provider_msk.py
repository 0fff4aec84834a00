"""MSK's types against a control plane of the test's own, with MSK's states and refusals."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrator.embedded.provider import catalogue
from orchestrator.embedded.provider.call import ResourceError
from orchestrator.embedded.provider.model import ResourceType, Values, diff, observed_inputs
from tests.unit.provider.provider_fakes import FakeClients, call

ARN = "arn:aws:kafka:us-east-1:123456789012:cluster/ephk-l/0000-1"
CONFIGURATION = "arn:aws:kafka:us-east-1:123456789012:configuration/ephk-l/0000-1"

INPUTS: Values = {
    "clusterName": "ephk-l",
    "kafkaVersion": "4.1.x.kraft",
    "numberOfBrokerNodes": 3,
    "brokerNodeGroupInfo": {
        "clientSubnets": ["subnet-b", "subnet-a"],
        "securityGroups": ["sg-1"],
        "instanceType": "kafka.m7g.large",
        "storageInfo": {"ebsStorageInfo": {"volumeSize": 10}},
    },
    "clientAuthentication": {"sasl": {"iam": True, "scram": True}, "tls": {"certificateAuthorityArns": ["arn:ca"]}},
    "encryptionInfo": {
        "encryptionAtRestKmsKeyArn": "arn:key",
        "encryptionInTransit": {"clientBroker": "TLS", "inCluster": True},
    },
    "configurationInfo": {"arn": CONFIGURATION, "revision": 1},
    "loggingInfo": {"brokerLogs": {"cloudwatchLogs": {"enabled": True, "logGroup": "/ephk/l"}}},
    "tags": {"ephk:lease": "l"},
}


class NotFoundException(ClientError):
    pass


class BadRequestException(ClientError):
    pass


class FakeKafka:
    """One cluster; each look at it moves it one state on."""

    exceptions = type(
        "Exceptions", (), {"NotFoundException": NotFoundException, "BadRequestException": BadRequestException}
    )

    def __init__(self) -> None:
        self.cluster: Values | None = None
        self.coming: list[str] = []
        self.end_of_creation = "ACTIVE"
        self.end_of_operation = "UPDATE_COMPLETE"
        self.asked: list[tuple[str, Values]] = []
        self.versions = itertools.count(2)
        self.secrets: list[str] = []
        self.unprocessed: list[dict[str, str]] = []
        self.configuration: Values | None = None

    def create_cluster(self, **members: Any) -> Values:
        software = {"KafkaVersion": members["KafkaVersion"]}
        configuration = members.pop("ConfigurationInfo")
        software |= {"ConfigurationArn": configuration["Arn"], "ConfigurationRevision": configuration["Revision"]}
        self.cluster = {
            **members,
            "CurrentBrokerSoftwareInfo": software,
            "ClusterArn": ARN,
            "CurrentVersion": "K1",
            "State": "CREATING",
            "StateInfo": {"Code": "NoCapacity", "Message": "try later"},
        }
        self.coming = ["CREATING", self.end_of_creation]
        return {"ClusterArn": ARN}

    def describe_cluster(self, ClusterArn: str) -> Values:
        if self.cluster is not None and self.coming:
            self.cluster["State"] = self.coming.pop(0)
            if self.cluster["State"] == "GONE":
                self.cluster = None
        if self.cluster is None:
            raise NotFoundException({"Error": {"Code": "NotFoundException", "Message": "gone"}}, "DescribeCluster")
        return {"ClusterInfo": self.cluster}

    def get_bootstrap_brokers(self, ClusterArn: str) -> Values:
        return {"BootstrapBrokerStringSaslScram": "localhost:1", "BootstrapBrokerStringTls": "localhost:2"}

    def delete_cluster(self, ClusterArn: str) -> None:
        assert self.cluster is not None
        if self.cluster["State"] not in {"ACTIVE", "FAILED"}:
            raise BadRequestException({"Error": {"Code": "BadRequestException", "Message": "busy"}}, "DeleteCluster")
        self.coming = ["DELETING", "DELETING", "GONE"]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("update_"):
            raise AttributeError(name)

        def update(**members: Any) -> Values:
            assert self.cluster is not None
            assert members["CurrentVersion"] == self.cluster["CurrentVersion"], "MSK refuses an old version"
            self.cluster["CurrentVersion"] = f"K{next(self.versions)}"
            self.coming = ["UPDATING", "ACTIVE"]
            told = {key: value for key, value in members.items() if key not in {"ClusterArn", "CurrentVersion"}}
            self.asked.append((name, told))
            return {"ClusterOperationArn": "arn:operation"}

        return update

    def describe_cluster_operation(self, ClusterOperationArn: str) -> Values:
        why = {"ErrorCode": "NoCapacity", "ErrorString": "try later"}
        operation = {"OperationType": "UPDATE", "OperationState": self.end_of_operation, "ErrorInfo": why}
        return {"ClusterOperationInfo": operation}

    def tag_resource(self, **members: Any) -> None:
        self.asked.append(("tag_resource", members["Tags"]))

    def untag_resource(self, **members: Any) -> None:
        self.asked.append(("untag_resource", members["TagKeys"]))

    def batch_associate_scram_secret(self, ClusterArn: str, SecretArnList: list[str]) -> Values:
        if not self.unprocessed:
            self.secrets += SecretArnList
        return {"UnprocessedScramSecrets": self.unprocessed}

    def batch_disassociate_scram_secret(self, ClusterArn: str, SecretArnList: list[str]) -> Values:
        self.secrets = [secret for secret in self.secrets if secret not in SecretArnList]
        return {"UnprocessedScramSecrets": []}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_scram_secrets"
        secrets = self.secrets
        return type("Paginator", (), {"paginate": lambda self, ClusterArn: [{"SecretArnList": list(secrets)}]})()

    def create_configuration(self, **members: Any) -> Values:
        self.configuration = {**members, "Revision": 1}
        return {"Arn": CONFIGURATION}

    def update_configuration(self, **members: Any) -> None:
        assert self.configuration is not None
        self.configuration |= {**members, "Revision": self.configuration["Revision"] + 1}

    def describe_configuration(self, Arn: str) -> Values:
        if self.configuration is None:
            message = "Configuration ARN does not exist"
            raise BadRequestException({"Error": {"Code": "BadRequestException", "Message": message}}, "DescribeC")
        revision = {"Revision": self.configuration["Revision"]}
        return {"Name": self.configuration["Name"], "State": "ACTIVE", "LatestRevision": revision}

    def describe_configuration_revision(self, Arn: str, Revision: int) -> Values:
        assert self.configuration is not None
        return {"ServerProperties": self.configuration["ServerProperties"]}

    def delete_configuration(self, Arn: str) -> None:
        self.describe_configuration(Arn)
        self.configuration = None


@pytest.fixture
def kafka() -> FakeKafka:
    return FakeKafka()


@pytest.fixture
def clients(kafka: FakeKafka) -> FakeClients:
    return FakeClients(kafka=kafka)


def resource(token: str) -> ResourceType:
    found = catalogue.find(token)
    assert found is not None
    return found


CLUSTER = resource("aws:msk/cluster:Cluster")
ASSOCIATION = resource("aws:msk/singleScramSecretAssociation:SingleScramSecretAssociation")


def test_a_cluster_is_made_and_waited_for(clients: FakeClients, kafka: FakeKafka) -> None:
    assert CLUSTER.create(call(clients), INPUTS) == ARN
    assert kafka.cluster is not None
    assert kafka.cluster["State"] == "ACTIVE"
    assert kafka.cluster["ClientAuthentication"] == {
        "Sasl": {"Scram": {"Enabled": True}, "Iam": {"Enabled": True}},
        "Tls": {"Enabled": True, "CertificateAuthorityArnList": ["arn:ca"]},
        "Unauthenticated": {"Enabled": False},
    }
    seen = CLUSTER.read(call(clients), ARN, INPUTS)
    assert seen is not None
    assert observed_inputs(CLUSTER, INPUTS, seen) == INPUTS
    assert seen["bootstrapBrokersSaslScram"] == "localhost:1"
    assert seen["bootstrapBrokersSaslIam"] == ""
    assert seen["clusterUuid"] == "0000-1"


def test_a_cluster_that_fails_is_reported_and_its_id_is_kept(clients: FakeClients, kafka: FakeKafka) -> None:
    kafka.end_of_creation = "FAILED"
    context = call(clients)
    with pytest.raises(ResourceError, match="is FAILED: NoCapacity: try later"):
        CLUSTER.create(context, INPUTS)
    assert context.resource_id == ARN


def news(**changes: Any) -> Values:
    return {**INPUTS, **changes}


GROUP = INPUTS["brokerNodeGroupInfo"]


@pytest.mark.parametrize(
    ("changed", "operation", "told"),
    [
        (news(numberOfBrokerNodes=6), "update_broker_count", {"TargetNumberOfBrokerNodes": 6}),
        (
            news(brokerNodeGroupInfo={**GROUP, "instanceType": "kafka.m7g.xlarge"}),
            "update_broker_type",
            {"TargetInstanceType": "kafka.m7g.xlarge"},
        ),
        (
            news(brokerNodeGroupInfo={**GROUP, "storageInfo": {"ebsStorageInfo": {"volumeSize": 20}}}),
            "update_broker_storage",
            {"TargetBrokerEBSVolumeInfo": [{"KafkaBrokerNodeId": "All", "VolumeSizeGB": 20}]},
        ),
        (
            news(configurationInfo={"arn": CONFIGURATION, "revision": 2}),
            "update_cluster_configuration",
            {"ConfigurationInfo": {"Arn": CONFIGURATION, "Revision": 2}},
        ),
        (
            news(clientAuthentication={"sasl": {"iam": True, "scram": False}}),
            "update_security",
            {
                "ClientAuthentication": {
                    "Sasl": {"Scram": {"Enabled": False}, "Iam": {"Enabled": True}},
                    "Tls": {"Enabled": False, "CertificateAuthorityArnList": []},
                    "Unauthenticated": {"Enabled": False},
                },
                "EncryptionInfo": {"EncryptionInTransit": {"ClientBroker": "TLS"}},
            },
        ),
        (
            news(kafkaVersion="4.2.x.kraft", configurationInfo={"arn": CONFIGURATION, "revision": 2}),
            "update_cluster_kafka_version",
            {
                "TargetKafkaVersion": "4.2.x.kraft",
                "ConfigurationInfo": {"Arn": CONFIGURATION, "Revision": 2},
            },
        ),
        (news(tags={"ephk:lease": "m"}), "tag_resource", {"ephk:lease": "m"}),
        (news(tags={}), "untag_resource", ["ephk:lease"]),
    ],
)
def test_each_change_uses_its_own_operation_and_no_other(
    clients: FakeClients, kafka: FakeKafka, changed: Values, operation: str, told: Any
) -> None:
    CLUSTER.create(call(clients), INPUTS)
    changes = diff(CLUSTER, INPUTS, changed)
    assert not any(change.replace for change in changes)
    assert CLUSTER.update is not None
    CLUSTER.update(call(clients), ARN, INPUTS, changed, frozenset(change.path for change in changes))
    assert kafka.asked == [(operation, told)]


def test_several_changes_follow_each_other_with_the_current_version(clients: FakeClients, kafka: FakeKafka) -> None:
    CLUSTER.create(call(clients), INPUTS)
    changed = news(numberOfBrokerNodes=6, configurationInfo={"arn": CONFIGURATION, "revision": 2})
    assert CLUSTER.update is not None
    paths = frozenset({"numberOfBrokerNodes", "configurationInfo.revision"})
    CLUSTER.update(call(clients), ARN, INPUTS, changed, paths)
    assert [name for name, _ in kafka.asked] == ["update_broker_count", "update_cluster_configuration"]


def test_an_operation_that_fails_is_reported(clients: FakeClients, kafka: FakeKafka) -> None:
    CLUSTER.create(call(clients), INPUTS)
    kafka.end_of_operation = "UPDATE_FAILED"
    assert CLUSTER.update is not None
    with pytest.raises(ResourceError, match="UPDATE_FAILED: NoCapacity: try later"):
        CLUSTER.update(call(clients), ARN, INPUTS, news(numberOfBrokerNodes=6), frozenset({"numberOfBrokerNodes"}))


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        (news(clusterName="other"), "clusterName"),
        (news(brokerNodeGroupInfo={**GROUP, "clientSubnets": ["subnet-c"]}), "brokerNodeGroupInfo.clientSubnets"),
        (
            news(encryptionInfo={**INPUTS["encryptionInfo"], "encryptionAtRestKmsKeyArn": "arn:other"}),
            "encryptionInfo.encryptionAtRestKmsKeyArn",
        ),
    ],
)
def test_what_msk_cannot_change_needs_a_new_cluster(changed: Values, path: str) -> None:
    assert [(change.path, change.replace) for change in diff(CLUSTER, INPUTS, changed)] == [(path, True)]


def test_a_busy_cluster_is_deleted_once_it_may_be(clients: FakeClients, kafka: FakeKafka) -> None:
    CLUSTER.create(call(clients), INPUTS)
    kafka.coming = ["HEALING", "MAINTENANCE", "ACTIVE"]
    CLUSTER.delete(call(clients), ARN, INPUTS)
    assert kafka.cluster is None
    assert CLUSTER.read(call(clients), ARN, INPUTS) is None
    CLUSTER.delete(call(clients), ARN, INPUTS)


def test_a_secret_is_associated_alone_and_taken_back_alone(clients: FakeClients, kafka: FakeKafka) -> None:
    kafka.secrets = ["arn:somebody-elses"]
    inputs = {"clusterArn": ARN, "secretArn": "arn:secret"}
    made = ASSOCIATION.create(call(clients), inputs)
    assert ASSOCIATION.read(call(clients), made, {}) == inputs
    ASSOCIATION.delete(call(clients), made, inputs)
    assert kafka.secrets == ["arn:somebody-elses"]
    assert ASSOCIATION.read(call(clients), made, {}) is None
    ASSOCIATION.delete(call(clients), made, inputs)


def test_a_secret_that_msk_did_not_take_is_an_error(clients: FakeClients, kafka: FakeKafka) -> None:
    kafka.unprocessed = [{"SecretArn": "arn:secret", "ErrorCode": "InvalidSecretArn", "ErrorMessage": "no such key"}]
    with pytest.raises(ResourceError, match="InvalidSecretArn: no such key"):
        ASSOCIATION.create(call(clients), {"clusterArn": ARN, "secretArn": "arn:secret"})


def test_a_configuration_gets_a_new_revision_by_a_change(clients: FakeClients) -> None:
    kind = resource("aws:msk/configuration:Configuration")
    inputs = {"name": "ephk-l", "kafkaVersions": ["4.1.x.kraft"], "serverProperties": "a=1\n"}
    made = kind.create(call(clients), inputs)
    changed = {**inputs, "serverProperties": "a=2\n"}
    assert kind.update is not None
    kind.update(call(clients), made, inputs, changed, frozenset({"serverProperties"}))
    seen = kind.read(call(clients), made, changed)
    assert seen is not None
    assert (seen["latestRevision"], seen["serverProperties"]) == (2, "a=2\n")
    kind.delete(call(clients), made, changed)
    assert kind.read(call(clients), made, changed) is None
    kind.delete(call(clients), made, changed)
