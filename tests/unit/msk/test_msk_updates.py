"""Updates: states, operations, versions, and what brokers are told."""

from __future__ import annotations

import pytest

from orchestrator.processes import wait_until


@pytest.fixture
def cluster(world):
    return world.active()


def _update(world, operation, cluster, **params):
    return world.call(operation, ClusterArn=cluster, CurrentVersion=world.version(cluster), **params)


def test_an_update_is_an_operation_and_changes_the_version(world, cluster):
    before = world.version(cluster)
    world.made[0].gate.clear()
    answer = _update(world, "UpdateBrokerCount", cluster, TargetNumberOfBrokerNodes=6)
    assert world.state(cluster) == "UPDATING"
    assert world.describe(cluster)["ActiveOperationArn"] == answer["ClusterOperationArn"]
    assert world.refused("DeleteCluster", ClusterArn=cluster).message == "You can't delete cluster in UPDATING state."
    busy = world.refused("UpdateBrokerCount", ClusterArn=cluster, CurrentVersion=before, TargetNumberOfBrokerNodes=9)
    assert busy.message == "You can't update cluster in UPDATING state."
    assert world.describe(cluster)["NumberOfBrokerNodes"] == 3

    world.made[0].gate.set()
    operation = world.finished(answer)
    assert operation["OperationState"] == "UPDATE_COMPLETE"
    assert operation["OperationType"] == "INCREASE_BROKER_COUNT"
    assert operation["SourceClusterInfo"] == {"NumberOfBrokerNodes": 3}
    assert operation["TargetClusterInfo"] == {"NumberOfBrokerNodes": 6}
    assert operation["EndTime"] >= operation["CreationTime"]
    assert world.version(cluster) != before
    assert world.describe(cluster)["NumberOfBrokerNodes"] == 6
    assert "ActiveOperationArn" not in world.describe(cluster)
    assert ("add_brokers", 3) in world.made[0].calls
    assert len(world.interfaces()) == 6
    assert len(world.call("ListNodes", ClusterArn=cluster)["NodeInfoList"]) == 6


def test_operations_are_listed_newest_first_in_both_forms(world, cluster):
    first = _update(world, "UpdateBrokerType", cluster, TargetInstanceType="kafka.m5.large")
    world.finished(first)
    second = world.call("RebootBroker", ClusterArn=cluster, BrokerIds=["2"])
    world.finished(second)
    arns = [second["ClusterOperationArn"], first["ClusterOperationArn"]]
    v1 = world.call("ListClusterOperations", ClusterArn=cluster)["ClusterOperationInfoList"]
    v2 = world.call("ListClusterOperationsV2", ClusterArn=cluster)["ClusterOperationInfoList"]
    assert [entry["OperationArn"] for entry in v1] == [entry["OperationArn"] for entry in v2] == arns
    described = world.call("DescribeClusterOperationV2", ClusterOperationArn=arns[1])["ClusterOperationInfo"]
    assert described["Provisioned"]["TargetClusterInfo"] == {"InstanceType": "kafka.m5.large"}


def test_a_stale_version_is_refused(world, cluster):
    refusal = world.refused("UpdateBrokerCount", ClusterArn=cluster, CurrentVersion="K1", TargetNumberOfBrokerNodes=6)
    assert refusal.message == "The version of the cluster isn't current. Check the current version and try again."


def test_a_failed_update_leaves_the_cluster_as_it_was(world, cluster, broker_failure):
    world.made[0].failures["add_brokers"] = broker_failure
    before = world.version(cluster)
    operation = world.finished(_update(world, "UpdateBrokerCount", cluster, TargetNumberOfBrokerNodes=6))
    assert operation["OperationState"] == "UPDATE_FAILED"
    assert "no space left on device" in operation["ErrorInfo"]["ErrorString"]
    assert (world.state(cluster), world.version(cluster)) == ("ACTIVE", before)
    assert world.describe(cluster)["NumberOfBrokerNodes"] == 3
    assert len(world.interfaces()) == 3


def test_the_scenario_fails_updates(world, cluster):
    world.scenario(update_error={"code": "Rehearsed", "message": "as asked"})
    operation = world.finished(world.call("RebootBroker", ClusterArn=cluster, BrokerIds=["1"]))
    assert operation["OperationState"] == "REBOOT_FAILED"
    assert operation["ErrorInfo"] == {"ErrorCode": "Rehearsed", "ErrorString": "as asked"}


def test_reboot_restarts_one_broker(world, cluster):
    world.made[0].gate.clear()
    answer = world.call("RebootBroker", ClusterArn=cluster, BrokerIds=["2"])
    assert world.state(cluster) == "REBOOTING_BROKER"
    assert world.call("GetBootstrapBrokers", ClusterArn=cluster)
    world.made[0].gate.set()
    assert world.finished(answer)["OperationState"] == "REBOOT_COMPLETE"
    assert world.made[0].calls[-1] == ("restart_broker", 2)
    assert "doesn't exist" in world.refused("RebootBroker", ClusterArn=cluster, BrokerIds=["4"]).message
    assert "one broker at a time" in world.refused("RebootBroker", ClusterArn=cluster, BrokerIds=["1", "2"]).message


def test_configuration_update_rolls_the_brokers(world, cluster):
    arn = world.call("CreateConfiguration", Name="c", ServerProperties=b"num.partitions=7")["Arn"]
    world.finished(_update(world, "UpdateClusterConfiguration", cluster, ConfigurationInfo={"Arn": arn, "Revision": 1}))
    assert world.made[0].properties["num.partitions"] == "7"
    assert world.describe(cluster)["CurrentBrokerSoftwareInfo"]["ConfigurationArn"] == arn
    refusal = world.refused(
        "UpdateClusterConfiguration",
        ClusterArn=cluster,
        CurrentVersion=world.version(cluster),
        ConfigurationInfo={"Arn": arn, "Revision": 9},
    )
    assert "revision 9" in refusal.message


def test_security_update_changes_listeners_and_keeps_what_it_does_not_name(world, cluster, private_ca):
    tls = {"CertificateAuthorityArnList": [private_ca.arn], "Enabled": True}
    world.finished(_update(world, "UpdateSecurity", cluster, ClientAuthentication={"Tls": tls}))
    servers = world.call("GetBootstrapBrokers", ClusterArn=cluster)
    assert sorted(servers) == [
        "BootstrapBrokerStringSaslIam",
        "BootstrapBrokerStringSaslScram",
        "BootstrapBrokerStringTls",
    ]
    authentication = world.describe(cluster)["ClientAuthentication"]
    assert authentication["Tls"] == tls
    assert authentication["Sasl"]["Scram"] == {"Enabled": True}
    off = {"Sasl": {"Scram": {"Enabled": False}}}
    world.finished(_update(world, "UpdateSecurity", cluster, ClientAuthentication=off))
    assert "BootstrapBrokerStringSaslScram" not in world.call("GetBootstrapBrokers", ClusterArn=cluster)
    assert world.describe(cluster)["ClientAuthentication"]["Sasl"]["Iam"] == {"Enabled": True}


def test_security_update_refusals(world, cluster):
    def refused(**params):
        return world.refused(
            "UpdateSecurity", ClusterArn=cluster, CurrentVersion=world.version(cluster), **params
        ).message

    assert "does not include any updates" in refused(ClientAuthentication={"Sasl": {"Scram": {"Enabled": True}}})
    assert "Unauthenticated" in refused(ClientAuthentication={"Unauthenticated": {"Enabled": True}})
    assert "Unauthenticated" in refused(
        ClientAuthentication={"Sasl": {"Scram": {"Enabled": False}, "Iam": {"Enabled": False}}}
    )
    assert "plaintext" in refused(EncryptionInfo={"EncryptionInTransit": {"ClientBroker": "PLAINTEXT"}})
    assert "inter-broker" in refused(EncryptionInfo={"EncryptionInTransit": {"InCluster": True}})
    assert "at-rest" in refused(EncryptionInfo={"EncryptionAtRest": {"DataVolumeKMSKeyId": "x"}})


def test_storage_grows_only(world, cluster):
    def grow(size, node="All"):
        return [{"KafkaBrokerNodeId": node, "VolumeSizeGB": size}]

    world.finished(_update(world, "UpdateBrokerStorage", cluster, TargetBrokerEBSVolumeInfo=grow(20)))
    storage = world.describe(cluster)["BrokerNodeGroupInfo"]["StorageInfo"]
    assert storage == {"EbsStorageInfo": {"VolumeSize": 20}}
    for volumes in (grow(20), grow(5), grow(30, "1"), grow(99999)):
        refusal = world.refused(
            "UpdateBrokerStorage",
            ClusterArn=cluster,
            CurrentVersion=world.version(cluster),
            TargetBrokerEBSVolumeInfo=volumes,
        )
        assert refusal.code == "BadRequestException"


def test_type_update_restarts_every_broker_in_turn(world, cluster):
    world.finished(_update(world, "UpdateBrokerType", cluster, TargetInstanceType="kafka.m7g.xlarge"))
    assert world.made[0].calls[-3:] == [("restart_broker", i) for i in (1, 2, 3)]
    assert world.describe(cluster)["BrokerNodeGroupInfo"]["InstanceType"] == "kafka.m7g.xlarge"


def test_version_update_goes_upwards_within_kraft(world, cluster):
    world.finished(_update(world, "UpdateClusterKafkaVersion", cluster, TargetKafkaVersion="4.0.x.kraft"))
    assert world.describe(cluster)["CurrentBrokerSoftwareInfo"]["KafkaVersion"] == "4.0.x.kraft"
    for target in ("3.9.x.kraft", "3.9.x", "9.9"):
        refusal = world.refused(
            "UpdateClusterKafkaVersion",
            ClusterArn=cluster,
            CurrentVersion=world.version(cluster),
            TargetKafkaVersion=target,
        )
        assert f"[{target}]" in refusal.message


def test_monitoring_update(world, cluster):
    world.moto.backend("logs").create_log_group("/msk/orders", {})
    logging = {"BrokerLogs": {"CloudWatchLogs": {"Enabled": True, "LogGroup": "/msk/orders"}}}
    exporters = {"Prometheus": {"JmxExporter": {"EnabledInBroker": True}}}
    world.finished(
        _update(
            world,
            "UpdateMonitoring",
            cluster,
            EnhancedMonitoring="PER_BROKER",
            LoggingInfo=logging,
            OpenMonitoring=exporters,
        )
    )
    info = world.describe(cluster)
    assert (info["EnhancedMonitoring"], info["LoggingInfo"]) == ("PER_BROKER", logging)
    assert info["OpenMonitoring"]["Prometheus"]["JmxExporter"] == {"EnabledInBroker": True}
    assert world.refused("UpdateMonitoring", ClusterArn=cluster, CurrentVersion=world.version(cluster)).status == 400


@pytest.mark.parametrize(("count", "words"), [(4, "multiple"), (3, "greater than"), (33, "at most 30")])
def test_broker_count_refusals(world, cluster, count, words):
    refusal = world.refused(
        "UpdateBrokerCount",
        ClusterArn=cluster,
        CurrentVersion=world.version(cluster),
        TargetNumberOfBrokerNodes=count,
    )
    assert words in refusal.message
    assert refusal.members["InvalidParameter"] == "targetNumberOfBrokerNodes"


def test_tags_set_during_an_update_survive_it(world, cluster):
    world.made[0].gate.clear()
    answer = world.call("RebootBroker", ClusterArn=cluster, BrokerIds=["1"])
    world.call("TagResource", ResourceArn=cluster, Tags={"late": "yes"})
    world.made[0].gate.set()
    world.finished(answer)
    assert world.call("ListTagsForResource", ResourceArn=cluster)["Tags"] == {"late": "yes"}


def test_a_broker_that_dies_is_healed(world, cluster):
    brokers = world.made[0]
    brokers.gate.clear()
    brokers.brokers[1].running = False
    world.wait(cluster, "HEALING")
    assert world.refused("DeleteCluster", ClusterArn=cluster).message == "You can't delete cluster in HEALING state."
    assert world.call("GetBootstrapBrokers", ClusterArn=cluster)
    brokers.gate.set()
    world.wait(cluster, "ACTIVE")
    assert ("restart_broker", 2) in brokers.calls


def test_healing_that_fails_says_why_and_is_tried_again(world, cluster, broker_failure):
    brokers = world.made[0]
    brokers.failures["restart_broker"] = broker_failure
    brokers.brokers[0].running = False
    assert wait_until(lambda: "StateInfo" in world.describe(cluster), deadline_s=30)
    assert world.state(cluster) == "HEALING"
    del brokers.failures["restart_broker"]
    world.wait(cluster, "ACTIVE")
    assert "StateInfo" not in world.describe(cluster)


def test_a_configuration_that_brokers_refuse_is_taken_back(world, cluster, broker_failure, monkeypatch):
    brokers, applied = world.made[0], []

    def refuse_the_new_one(server_properties):
        applied.append(server_properties["num.partitions"])
        if server_properties["num.partitions"] == "7":
            raise broker_failure

    monkeypatch.setattr(brokers, "apply_configuration", refuse_the_new_one)
    arn = world.call("CreateConfiguration", Name="c", ServerProperties=b"num.partitions=7")["Arn"]
    operation = world.finished(
        _update(world, "UpdateClusterConfiguration", cluster, ConfigurationInfo={"Arn": arn, "Revision": 1})
    )
    assert operation["OperationState"] == "UPDATE_FAILED"
    assert applied == ["7", "1"]
    assert world.describe(cluster)["CurrentBrokerSoftwareInfo"] == {"KafkaVersion": "3.9.x.kraft"}
