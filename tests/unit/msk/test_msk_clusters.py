"""Creation, description and deletion of clusters."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestrator.embedded.gateway.service import AwsError
from orchestrator.processes import wait_until


def test_create_is_asynchronous_and_describes_what_was_asked_for(world):
    world.hold = True
    answer = world.call("CreateCluster", **world.request(Tags={"team": "orders"}))
    arn = answer["ClusterArn"]
    assert answer["State"] == "CREATING"
    assert arn.startswith(f"arn:aws:kafka:us-east-1:{world.account}:cluster/orders/")
    assert world.state(arn) == "CREATING"
    assert "CREATING" in world.refused("GetBootstrapBrokers", ClusterArn=arn).message
    assert world.refused("DeleteCluster", ClusterArn=arn).message == "You can't delete cluster in CREATING state."
    assert world.call("ListNodes", ClusterArn=arn)["NodeInfoList"] == []

    assert wait_until(lambda: world.made, deadline_s=30)
    world.made[0].gate.set()
    world.wait(arn)
    info = world.describe(arn)
    assert info["NumberOfBrokerNodes"] == 3
    assert info["ClientAuthentication"] == world.request()["ClientAuthentication"]
    assert info["EncryptionInfo"] == {
        "EncryptionAtRest": {"DataVolumeKMSKeyId": world.key.arn},
        "EncryptionInTransit": {"ClientBroker": "TLS", "InCluster": True},
    }
    assert info["BrokerNodeGroupInfo"]["StorageInfo"] == {"EbsStorageInfo": {"VolumeSize": 10}}
    assert info["BrokerNodeGroupInfo"]["ConnectivityInfo"] == {"PublicAccess": {"Type": "DISABLED"}}
    assert info["Tags"] == {"team": "orders"}
    assert info["CurrentBrokerSoftwareInfo"] == {"KafkaVersion": "3.9.x.kraft"}
    assert "ZookeeperConnectString" not in info
    assert "LoggingInfo" not in info
    assert info["CurrentVersion"].startswith("K")


def test_v2_answers_the_same_cluster(world):
    request = world.request()
    name = request.pop("ClusterName")
    answer = world.call("CreateClusterV2", ClusterName=name, Provisioned=request, Tags={"a": "b"})
    assert answer["ClusterType"] == "PROVISIONED"
    world.wait(answer["ClusterArn"])
    v1 = world.describe(answer["ClusterArn"])
    v2 = world.call("DescribeClusterV2", ClusterArn=answer["ClusterArn"])["ClusterInfo"]
    assert {key: v1[key] for key in v2["Provisioned"]} == v2["Provisioned"]
    assert v2["Tags"] == {"a": "b"}


def test_bootstrap_brokers_name_only_the_listeners_that_exist(world):
    arn = world.active(ClientAuthentication={"Sasl": {"Scram": {"Enabled": True}, "Iam": {"Enabled": False}}})
    assert world.call("GetBootstrapBrokers", ClusterArn=arn) == {
        "BootstrapBrokerStringSaslScram": "localhost:9601,localhost:9602,localhost:9603"
    }


def test_nodes_show_their_interfaces_which_keep_the_subnets(world):
    arn = world.active()
    nodes = world.call("ListNodes", ClusterArn=arn)["NodeInfoList"]
    assert [node["BrokerNodeInfo"]["BrokerId"] for node in nodes] == [1.0, 2.0, 3.0]
    assert [node["BrokerNodeInfo"]["ClientSubnet"] for node in nodes] == world.subnets
    assert {node["BrokerNodeInfo"]["AttachedENIId"] for node in nodes} == {eni.id for eni in world.interfaces()}
    assert all(eni.description.endswith(f"for cluster {arn}") for eni in world.interfaces())
    assert all(eni.requester_managed for eni in world.interfaces())


def test_delete_ends_brokers_and_removes_everything(world):
    arn = world.active()
    brokers, directory = world.made[0], world.made[0].directory
    assert directory.is_dir()
    assert world.call("DeleteCluster", ClusterArn=arn)["State"] == "DELETING"
    world.wait_gone(arn)
    assert brokers.stopped
    assert not directory.exists()
    assert world.interfaces() == []
    assert world.refused("DeleteCluster", ClusterArn=arn).status == 404
    assert world.call("ListClustersV2")["ClusterInfoList"] == []


def test_delete_with_another_version_is_refused(world):
    arn = world.active()
    refusal = world.refused("DeleteCluster", ClusterArn=arn, CurrentVersion="K1")
    assert (refusal.code, refusal.members["InvalidParameter"]) == ("BadRequestException", "currentVersion")
    assert world.state(arn) == "ACTIVE"


def test_failed_cluster_tells_the_brokers_last_words_and_can_be_deleted(world, broker_failure):
    world.failures["start"] = broker_failure
    arn = world.call("CreateCluster", **world.request())["ClusterArn"]
    world.wait(arn, "FAILED")
    info = world.describe(arn)["StateInfo"]
    assert "broker 2 ended" in info["Message"]
    assert "no space left on device" in info["Message"]
    assert world.made[0].stopped
    assert world.refused("GetBootstrapBrokers", ClusterArn=arn).message == (
        "You can't get bootstrap broker nodes for a cluster in FAILED state."
    )
    world.call("DeleteCluster", ClusterArn=arn)
    world.wait_gone(arn)


def test_duplicate_name_conflicts(world):
    world.active()
    refusal = world.refused("CreateCluster", **world.request())
    assert (refusal.code, refusal.status) == ("ConflictException", 409)


def test_scenario_create_error_and_lingering_interfaces(world):
    world.scenario(create_error={"code": "InsufficientCapacity", "message": "no capacity"})
    arn = world.call("CreateCluster", **world.request())["ClusterArn"]
    world.wait(arn, "FAILED")
    assert world.describe(arn)["StateInfo"] == {"Code": "InsufficientCapacity", "Message": "no capacity"}
    assert world.made == []
    world.scenario(eni_lingers_s=30)
    world.call("DeleteCluster", ClusterArn=arn)
    world.wait_gone(arn)
    assert len(world.interfaces()) == 3


def test_lingering_interfaces_go_in_the_end(world):
    arn = world.active()
    world.scenario(eni_lingers_s=0.05)
    world.call("DeleteCluster", ClusterArn=arn)
    assert wait_until(lambda: not world.interfaces(), deadline_s=30)


def test_broker_data_of_a_lease_lives_with_the_lease(world, tmp_path):
    lease = tmp_path / "state" / "ephk" / "leases" / "abc"
    lease.mkdir(parents=True)
    world.active(Tags={"ephk:lease": "abc"})
    assert world.made[0].directory.parent == lease / "clusters"


def test_mtls_listener_accepts_the_private_ca(world, private_ca):
    authentication = {"Tls": {"CertificateAuthorityArnList": [private_ca.arn], "Enabled": True}}
    arn = world.active(ClientAuthentication=authentication)
    assert list(world.call("GetBootstrapBrokers", ClusterArn=arn)) == ["BootstrapBrokerStringTls"]
    assert world.made[0].client_ca.startswith("-----BEGIN CERTIFICATE-----")
    assert world.describe(arn)["ClientAuthentication"] == authentication


def _node_group(world, **changes):
    return {"BrokerNodeGroupInfo": world.request()["BrokerNodeGroupInfo"] | changes}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: {"ClusterName": "with_underscore"}, "not valid"),
        (lambda w: {"KafkaVersion": "2.1.0"}, "Unsupported KafkaVersion [2.1.0]"),
        (lambda w: {"NumberOfBrokerNodes": 4}, "multiple of Availability Zones"),
        (lambda w: {"NumberOfBrokerNodes": 0}, "multiple of Availability Zones"),
        (lambda w: {"StorageMode": "TIERED"}, "TIERED"),
        (lambda w: {"ClientAuthentication": {}}, "Unauthenticated access"),
        (lambda w: {"ClientAuthentication": {"Unauthenticated": {"Enabled": True}}}, "Unauthenticated access"),
        (
            lambda w: {"ClientAuthentication": {"Tls": {"Enabled": True}}},
            "at least one certificate authority",
        ),
        (
            lambda w: {"ClientAuthentication": {"Tls": {"CertificateAuthorityArnList": ["arn:aws:acm-pca:x"]}}},
            "doesn't exist or isn't active",
        ),
        (
            lambda w: {"EncryptionInfo": {"EncryptionInTransit": {"ClientBroker": "TLS_PLAINTEXT"}}},
            "plaintext listener",
        ),
        (lambda w: {"EncryptionInfo": {"EncryptionInTransit": {"ClientBroker": "PLAINTEXT"}}}, "plaintext listener"),
        (lambda w: {"EncryptionInfo": {"EncryptionInTransit": {"InCluster": False}}}, "InCluster"),
        (lambda w: {"EncryptionInfo": {"EncryptionAtRest": {"DataVolumeKMSKeyId": "nope"}}}, "KMS key nope"),
        (
            lambda w: {"ConfigurationInfo": {"Arn": "arn:aws:kafka:x", "Revision": 1}},
            "Configuration ARN does not exist",
        ),
        (lambda w: _node_group(w, InstanceType="kafka.z1.nano"), "Unsupported InstanceType"),
        (lambda w: _node_group(w, InstanceType="express.m7g.large"), "Express brokers"),
        (lambda w: _node_group(w, ClientSubnets=["subnet-1", *w.subnets[:2]]), "subnet-1 doesn't exist"),
        (lambda w: _node_group(w, ClientSubnets=[]), "two or three"),
        (lambda w: _node_group(w, ClientSubnets=[w.subnets[0], w.subnets[0]]), "two or three"),
        (lambda w: _node_group(w, SecurityGroups=["sg-1"]), "sg-1 doesn't exist"),
        (lambda w: _node_group(w, StorageInfo={"EbsStorageInfo": {"VolumeSize": 20000}}), "between 1 and 16384"),
        (
            lambda w: _node_group(w, ConnectivityInfo={"PublicAccess": {"Type": "SERVICE_PROVIDED_EIPS"}}),
            "public access",
        ),
        (
            lambda w: {
                "LoggingInfo": {"BrokerLogs": {"CloudWatchLogs": {"Enabled": True, "LogGroup": "/none"}}},
            },
            "/none doesn't exist",
        ),
        (
            lambda w: {"LoggingInfo": {"BrokerLogs": {"S3": {"Enabled": True, "Bucket": "logs"}}}},
            "S3 aren't available",
        ),
    ],
)
def test_refusals_create_nothing(world, change, words):
    refusal = world.refused("CreateCluster", **(world.request() | change(world)))
    assert refusal.code == "BadRequestException"
    assert words in refusal.message
    assert world.call("ListClusters")["ClusterInfoList"] == []
    assert world.interfaces() == []


def test_serverless_is_refused_with_the_reason(world):
    refusal = world.refused(
        "CreateClusterV2", ClusterName="s", Serverless={"VpcConfigs": [{"SubnetIds": world.subnets}]}
    )
    assert "Serverless isn't available" in refusal.message


def test_zones_must_differ(world):
    ec2 = world.moto.backend("ec2")
    twin = ec2.create_subnet(world.vpc.id, "10.0.9.0/24", availability_zone="us-east-1a").id
    refusal = world.refused(
        "CreateCluster", **(world.request() | _node_group(world, ClientSubnets=[world.subnets[0], twin]))
    )
    assert "Availability Zones" in refusal.message


def test_lists_page_and_filter(world):
    for name in ("a-1", "a-2", "b-1"):
        world.active(name)
    first = world.call("ListClustersV2", MaxResults=2)
    second = world.call("ListClustersV2", MaxResults=2, NextToken=first["NextToken"])
    names = [c["ClusterName"] for c in first["ClusterInfoList"] + second["ClusterInfoList"]]
    assert names == ["a-1", "a-2", "b-1"]
    assert "NextToken" not in second
    filtered = world.call("ListClusters", ClusterNameFilter="a-")["ClusterInfoList"]
    assert [c["ClusterName"] for c in filtered] == ["a-1", "a-2"]
    assert world.call("ListClustersV2", ClusterTypeFilter="SERVERLESS")["ClusterInfoList"] == []
    assert world.refused("ListClusters", NextToken="???").members["InvalidParameter"] == "nextToken"
    assert world.refused("ListClusters", MaxResults=101).members["InvalidParameter"] == "maxResults"


def test_unknown_and_malformed_arns(world):
    unknown = f"arn:aws:kafka:us-east-1:{world.account}:cluster/x/0f9f8f40-0000-0000-0000-000000000000-2"
    assert world.refused("DescribeClusterV2", ClusterArn=unknown).status == 404
    assert world.refused("DescribeCluster", ClusterArn="nonsense").code == "BadRequestException"
    assert world.refused("DescribeClusterOperation", ClusterOperationArn="nonsense").code == "NotFoundException"


def test_tags_policy_and_the_tagging_api(world):
    arn = world.active(Tags={"a": "1"})
    world.call("TagResource", ResourceArn=arn, Tags={"b": "2"})
    world.call("UntagResource", ResourceArn=arn, TagKeys=["a"])
    assert world.call("ListTagsForResource", ResourceArn=arn) == {"Tags": {"b": "2"}}
    assert world.backend.tagged_resources() == [{"arn": arn, "tags": {"b": "2"}}]
    assert world.refused("TagResource", ResourceArn=arn, Tags={"aws:x": "y"}).code == "BadRequestException"

    assert world.refused("GetClusterPolicy", ClusterArn=arn).code == "NotFoundException"
    policy = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}'
    version = world.call("PutClusterPolicy", ClusterArn=arn, Policy=policy)["CurrentVersion"]
    assert world.call("GetClusterPolicy", ClusterArn=arn) == {"CurrentVersion": version, "Policy": policy}
    assert world.refused("PutClusterPolicy", ClusterArn=arn, Policy=policy, CurrentVersion="K0").status == 400
    assert world.refused("PutClusterPolicy", ClusterArn=arn, Policy="{}").status == 400
    assert world.backend.cluster_policy(arn) == policy
    world.call("DeleteClusterPolicy", ClusterArn=arn)
    assert world.refused("GetClusterPolicy", ClusterArn=arn).status == 404


def test_what_other_rooms_ask(world):
    arn = world.active()
    uuid = arn.rsplit("/", 1)[1]
    assert world.backend.ca_pem(uuid) == world.made[0].ca_pem()
    with pytest.raises(AwsError, match="does not exist"):
        world.backend.ca_pem("nope")
    assert world.backend.cluster_name(uuid) == "orders"


def test_closing_ends_brokers_that_still_start(world):
    world.hold = True
    world.call("CreateCluster", **world.request())
    assert wait_until(lambda: world.made and ("start",) in world.made[0].calls, deadline_s=30)
    assert world.made[0].directory.is_dir()
    world.backend.close()
    assert world.made[0].stopped
    assert not world.made[0].directory.exists()


def test_unimplemented_operations_are_not_answered(world):
    assert "CreateReplicator" not in world.backend.operations
    with pytest.raises(NotImplementedError):
        world.backend.invoke("CreateReplicator", {}, None)


def test_versions(world):
    names = [v["Version"] for v in world.call("ListKafkaVersions")["KafkaVersions"]]
    assert "3.9.x.kraft" in names
    targets = world.call("GetCompatibleKafkaVersions")["CompatibleKafkaVersions"]
    by_source = {entry["SourceVersion"]: entry["TargetVersions"] for entry in targets}
    assert "4.0.x.kraft" in by_source["3.9.x.kraft"]
    assert all(not target.endswith(".kraft") for target in by_source["3.6.0"])


def test_the_scenario_sets_how_long_creation_takes(world):
    world.scenario(create_s=0.5, delete_s=0.3)
    arn = world.call("CreateCluster", **world.request())["ClusterArn"]
    assert wait_until(lambda: world.made and ("start",) in world.made[0].calls, deadline_s=30)
    assert world.state(arn) == "CREATING"
    world.wait(arn)
    world.call("DeleteCluster", ClusterArn=arn)
    assert wait_until(lambda: world.made[0].stopped, deadline_s=30)
    assert world.state(arn) == "DELETING"
    world.wait_gone(arn)


def test_concurrent_requests_for_one_name_make_one_cluster(world):
    def create(_):
        try:
            return world.call("CreateCluster", **world.request())["State"]
        except AwsError as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(create, range(8)))
    assert sorted(answers) == sorted(["CREATING", *["ConflictException"] * 7])
    assert len(world.call("ListClusters")["ClusterInfoList"]) == 1
    assert len(world.interfaces()) == 3
