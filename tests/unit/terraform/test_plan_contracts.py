"""Every contract on a plan: it holds in the careful plan, one mistake fails it, and what is unknown is not covered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contracts.catalogue import load
from contracts.terraform.model import PLAN_CONTRACTS
from tests.unit.terraform.plan_builder import After, careful, document, policy, read, resource, results, spoil, trust

CLUSTER = "aws_msk_cluster.main"
CONNECTOR = "aws_mskconnect_connector.sink"
LISTENER = 'aws_vpc_security_group_ingress_rule.listener["9096"]'
SUBNETS = [f"aws_subnet.private[{number}]" for number in range(3)]
CONFIGURATION = "aws_msk_configuration.main"
PROPERTIES = "server_properties"
SOUND = (
    "allow.everyone.if.no.acl.found=false\nauto.create.topics.enable=false\n"
    "default.replication.factor=3\nmin.insync.replicas=2\nunclean.leader.election.enable=false\n"
)
WORLD = ["0.0.0.0/0"]

#: Contract, where it is spoilt, with what, and a part of the sentence that says so.
MISTAKES: list[tuple[str, str, str, Any, str]] = [
    ("terraform.msk.encryption-in-transit", CLUSTER, "encryption_info.encryption_in_transit",
     [{"client_broker": "TLS_PLAINTEXT", "in_cluster": True}], "client_broker is TLS_PLAINTEXT"),
    ("terraform.msk.encryption-in-transit", CLUSTER, "encryption_info.encryption_in_transit.in_cluster", False,
     "in_cluster is false"),
    ("terraform.msk.authentication", CLUSTER, "client_authentication", ..., "client_authentication is not declared"),
    ("terraform.msk.authentication", CLUSTER, "client_authentication.unauthenticated", True, "unauthenticated is true"),
    ("terraform.msk.iam-beside-others", CLUSTER, "client_authentication.sasl.iam", False, "scram without IAM"),
    ("terraform.msk.no-public-access", CLUSTER, "broker_node_group_info.connectivity_info.public_access.type",
     "SERVICE_PROVIDED_EIPS", "type is SERVICE_PROVIDED_EIPS"),
    ("terraform.msk.encryption-at-rest", CLUSTER, "encryption_info.encryption_at_rest_kms_key_arn", ...,
     "AWS's own aws/kafka"),
    ("terraform.msk.encryption-at-rest", CLUSTER, "encryption_info.encryption_at_rest_kms_key_arn",
     "arn:aws:kms:us-east-1:111122223333:alias/aws/kafka", "AWS's own key"),
    ("terraform.msk.broker-count", CLUSTER, "number_of_broker_nodes", 4, "4 brokers are no multiple of 3 subnets"),
    ("terraform.msk.zones", SUBNETS[1], "availability_zone", "us-east-1a", "are all in us-east-1a"),
    ("terraform.msk.broker-logs", CLUSTER, "logging_info", ..., "no delivery of logs is on"),
    ("terraform.msk.broker-logs", CLUSTER, "logging_info.broker_logs.cloudwatch_logs.enabled", False, "no delivery"),
    ("terraform.msk.monitoring", CLUSTER, "enhanced_monitoring", ..., "enhanced_monitoring is DEFAULT"),
    ("terraform.msk.storage", "aws_appautoscaling_target.storage", "scalable_dimension", "ecs:service:DesiredCount",
     "ends at 100 GiB"),
    ("terraform.msk.acl-default", CONFIGURATION, PROPERTIES, SOUND.replace("found=false", "found=true"), "is true"),
    ("terraform.msk.acl-default", CLUSTER, "configuration_info", ..., "is true, MSK's default"),
    ("terraform.msk.topic-creation", CONFIGURATION, PROPERTIES, "auto.create.topics.enable = true", "is true"),
    ("terraform.msk.durability", CONFIGURATION, PROPERTIES, SOUND.replace("replicas=2", "replicas=3"),
     "no write is taken while one broker is away"),
    ("terraform.msk.durability", CONFIGURATION, PROPERTIES, SOUND.replace("replicas=2", "replicas=1"),
     "one broker alone may acknowledge"),
    ("terraform.msk.durability", CONFIGURATION, PROPERTIES, SOUND.replace("enable=false", "enable=true"),
     "unclean.leader.election.enable is true"),
    ("terraform.scram.secrets", "aws_secretsmanager_secret.user", "name", "orders", "does not begin with AmazonMSK_"),
    ("terraform.scram.secrets", "aws_secretsmanager_secret.user", "kms_key_id", ..., "AWS's own aws/secretsmanager"),
    ("terraform.network.no-world", LISTENER, "cidr_ipv4", "0.0.0.0/0", "tcp 9096 is open to 0.0.0.0/0"),
    ("terraform.network.no-world", LISTENER, "cidr_ipv6", "::/0", "tcp 9096 is open to ::/0"),
    ("terraform.network.no-world", "aws_security_group.brokers", "ingress",
     [{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": WORLD}], "all traffic is open to 0.0.0.0/0"),
    ("terraform.network.ports", LISTENER, "from_port", 0, "tcp 0-9096 is no listener"),
    ("terraform.network.sources", LISTENER, "cidr_ipv4", "10.0.0.0/8", "is open to 10.0.0.0/8"),
    ("terraform.network.private-subnets", SUBNETS[0], "map_public_ip_on_launch", True,
     "map_public_ip_on_launch is true"),
    ("terraform.network.private-subnets", "aws_route_table.private", "route",
     [{"cidr_block": "0.0.0.0/0", "gateway_id": "igw-0abc"}], "routes to an internet gateway"),
    ("terraform.network.s3-endpoint", "aws_vpc_endpoint.s3", "service_name", "com.amazonaws.us-east-1.dynamodb",
     "no endpoint for S3"),
    ("terraform.network.endpoint-policy", "aws_vpc_endpoint.s3", "policy", ..., "lets every bucket through"),
    ("terraform.network.endpoint-policy", "aws_vpc_endpoint.s3", "policy",
     policy({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}), "allows every resource"),
    ("terraform.bucket.public-access", "aws_s3_bucket_public_access_block.archive", "block_public_policy", False,
     "block_public_policy is false"),
    ("terraform.bucket.public-access", "aws_s3_bucket_public_access_block.archive", "bucket", "another",
     "the plan has no aws_s3_bucket_public_access_block for it"),
    ("terraform.bucket.encryption", "aws_s3_bucket_server_side_encryption_configuration.archive",
     "rule.apply_server_side_encryption_by_default", [{"sse_algorithm": "AES256"}], "sse_algorithm is AES256"),
    ("terraform.bucket.versioning", "aws_s3_bucket_versioning.archive", "versioning_configuration.status", "Suspended",
     "status is Suspended"),
    ("terraform.bucket.lifecycle", "aws_s3_bucket_lifecycle_configuration.archive", "rule.status", "Disabled",
     "no rule is on"),
    ("terraform.bucket.tls-only", "aws_s3_bucket_policy.archive", "policy",
     policy({"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "*"}),
     "is not denied over plain HTTP"),
    ("terraform.iam.kafka-scope", "aws_iam_role_policy.connect", "policy",
     policy({"Effect": "Allow", "Action": "kafka-cluster:*", "Resource": "*"}), "reaches everything of every cluster"),
    ("terraform.iam.kafka-scope", "aws_iam_role_policy.connect", "policy",
     policy({"Effect": "Allow", "Action": "kafka:*", "Resource": "*"}), "MSK's whole control plane"),
    ("terraform.iam.privileges", "aws_iam_role_policy.connect", "policy",
     policy({"Effect": "Allow", "Action": "*", "Resource": "*"}), "every action on every resource"),
    ("terraform.iam.pass-role", "aws_iam_role_policy.connect", "policy",
     policy({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}), "iam:PassRole"),
    ("terraform.iam.trust", "aws_iam_role.connect", "assume_role_policy",
     policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}),
     "everybody with an AWS account"),
    ("terraform.iam.no-public-resource", "aws_s3_bucket_policy.archive", "policy",
     policy({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::orders/*"}),
     "everybody may s3:GetObject"),
    ("terraform.connect.role", "aws_iam_role.connect", "assume_role_policy", trust("ec2.amazonaws.com"),
     "does not trust kafkaconnect.amazonaws.com"),
    ("terraform.connect.way-to-brokers", CONNECTOR, "kafka_cluster_client_authentication.authentication_type", "NONE",
     "authentication_type is NONE"),
    ("terraform.connect.way-to-brokers", CONNECTOR, "kafka_cluster_encryption_in_transit.encryption_type", "PLAINTEXT",
     "encryption_type is PLAINTEXT"),
    ("terraform.connect.logs", CONNECTOR, "log_delivery", ..., "no delivery of logs is on"),
    ("terraform.connect.plugin-pinned", "aws_mskconnect_custom_plugin.sink", "location.s3.object_version", ...,
     "object_version is not set"),
    ("terraform.tags.required", "aws_s3_bucket.archive", "tags_all", {}, "tag team is missing"),
]  # fmt: skip

#: Contract, and the attribute that it cannot do without.
UNKNOWN: list[tuple[str, str, str]] = [
    ("terraform.msk.encryption-in-transit", CLUSTER, "encryption_info.encryption_in_transit.client_broker"),
    ("terraform.msk.authentication", CLUSTER, "client_authentication.unauthenticated"),
    ("terraform.msk.authentication", CLUSTER, "client_authentication"),
    ("terraform.msk.iam-beside-others", CLUSTER, "client_authentication.sasl.iam"),
    ("terraform.msk.no-public-access", CLUSTER, "broker_node_group_info.connectivity_info.public_access.type"),
    ("terraform.msk.encryption-at-rest", CLUSTER, "encryption_info.encryption_at_rest_kms_key_arn"),
    ("terraform.msk.broker-count", CLUSTER, "number_of_broker_nodes"),
    ("terraform.msk.broker-count", CLUSTER, "broker_node_group_info.client_subnets"),
    ("terraform.msk.zones", CLUSTER, "broker_node_group_info.client_subnets"),
    ("terraform.msk.zones", SUBNETS[1], "availability_zone"),
    ("terraform.msk.broker-logs", CLUSTER, "logging_info.broker_logs.cloudwatch_logs.enabled"),
    ("terraform.msk.broker-logs", CLUSTER, "logging_info.broker_logs.cloudwatch_logs.log_group"),
    ("terraform.msk.monitoring", CLUSTER, "enhanced_monitoring"),
    ("terraform.msk.storage", "aws_appautoscaling_target.storage", "scalable_dimension"),
    ("terraform.msk.acl-default", CONFIGURATION, PROPERTIES),
    ("terraform.msk.acl-default", CLUSTER, "configuration_info.arn"),
    ("terraform.msk.topic-creation", CONFIGURATION, PROPERTIES),
    ("terraform.msk.durability", CONFIGURATION, PROPERTIES),
    ("terraform.msk.durability", CLUSTER, "number_of_broker_nodes"),
    ("terraform.scram.secrets", "aws_secretsmanager_secret.user", "name"),
    ("terraform.scram.secrets", "aws_secretsmanager_secret.user", "kms_key_id"),
    ("terraform.scram.associated", "aws_msk_single_scram_secret_association.user", "cluster_arn"),
    ("terraform.network.no-world", LISTENER, "cidr_ipv4"),
    ("terraform.network.no-world", LISTENER, "security_group_id"),
    ("terraform.network.ports", LISTENER, "to_port"),
    ("terraform.network.sources", "aws_security_group.brokers", "ingress"),
    ("terraform.network.private-subnets", SUBNETS[2], "map_public_ip_on_launch"),
    ("terraform.network.private-subnets", "aws_route_table_association.private[0]", "subnet_id"),
    ("terraform.network.private-subnets", "aws_route_table_association.private[0]", "route_table_id"),
    ("terraform.network.private-subnets", "aws_route_table.private", "route"),
    ("terraform.network.s3-endpoint", "aws_vpc_endpoint.s3", "service_name"),
    ("terraform.network.s3-endpoint", "aws_vpc_endpoint.s3", "vpc_id"),
    ("terraform.network.endpoint-policy", "aws_vpc_endpoint.s3", "policy"),
    ("terraform.bucket.public-access", "aws_s3_bucket_public_access_block.archive", "restrict_public_buckets"),
    ("terraform.bucket.public-access", "aws_s3_bucket_public_access_block.archive", "bucket"),
    ("terraform.bucket.encryption", "aws_s3_bucket_server_side_encryption_configuration.archive",
     "rule.apply_server_side_encryption_by_default.sse_algorithm"),
    ("terraform.bucket.versioning", "aws_s3_bucket_versioning.archive", "versioning_configuration.status"),
    ("terraform.bucket.lifecycle", "aws_s3_bucket_lifecycle_configuration.archive", "rule.status"),
    ("terraform.bucket.tls-only", "aws_s3_bucket_policy.archive", "policy"),
    ("terraform.bucket.tls-only", "aws_s3_bucket.archive", "bucket"),
    ("terraform.iam.kafka-scope", "aws_iam_role_policy.connect", "policy"),
    ("terraform.iam.privileges", "aws_iam_role_policy.connect", "policy"),
    ("terraform.iam.pass-role", "aws_iam_role_policy.connect", "policy"),
    ("terraform.iam.trust", "aws_iam_role.connect", "assume_role_policy"),
    ("terraform.iam.no-public-resource", "aws_s3_bucket_policy.archive", "policy"),
    ("terraform.connect.role", "aws_iam_role.connect", "assume_role_policy"),
    ("terraform.connect.role", CONNECTOR, "service_execution_role_arn"),
    ("terraform.connect.way-to-brokers", CONNECTOR, "kafka_cluster_client_authentication.authentication_type"),
    ("terraform.connect.logs", CONNECTOR, "log_delivery.worker_log_delivery.cloudwatch_logs.enabled"),
    ("terraform.connect.plugin-pinned", "aws_mskconnect_custom_plugin.sink", "location.s3.object_version"),
    ("terraform.tags.required", "aws_s3_bucket.archive", "tags_all"),
]  # fmt: skip


def test_every_contract_but_those_of_other_tests_has_a_mistake_and_an_unknown() -> None:
    load()
    elsewhere = {"terraform.change.no-data-loss", "terraform.scram.one-owner", "terraform.iam.boundary"}
    assert set(PLAN_CONTRACTS) - elsewhere == {row[0] for row in UNKNOWN}
    assert set(PLAN_CONTRACTS) - elsewhere == {row[0] for row in MISTAKES} | {"terraform.scram.associated"}


def test_everything_holds_in_the_careful_plan(tmp_path: Path) -> None:
    found = results(read(document(careful()), tmp_path))
    assert {name: result.reason for name, result in found.items() if result.status != "verified"} == {}
    assert set(PLAN_CONTRACTS) - set(found) == {"terraform.scram.one-owner"}  # no plural association


@pytest.mark.parametrize(("contract", "address", "path", "value", "said"), MISTAKES)
def test_a_mistake_fails_its_contract_and_names_the_place(
    contract: str, address: str, path: str, value: Any, said: str, tmp_path: Path
) -> None:
    resources = careful()
    spoil(resources, address, path, value)
    result = results(read(document(resources), tmp_path))[contract]
    assert result.status == "failed", result
    assert said in result.reason
    assert result.places
    assert all(place["address"].split("[")[0] in {a.split("[")[0] for a in resources} for place in result.places)


@pytest.mark.parametrize(("contract", "address", "path"), UNKNOWN)
def test_what_is_known_only_after_apply_is_not_covered_and_names_the_place(
    contract: str, address: str, path: str, tmp_path: Path
) -> None:
    resources = careful()
    spoil(resources, address, path, After())
    result = results(read(document(resources), tmp_path))[contract]
    assert result.status == "not_covered", result
    assert any(known in result.reason for known in resources), result.reason


def test_a_role_without_boundary_fails_only_where_others_have_one(tmp_path: Path) -> None:
    resources = careful()
    spoil(resources, "aws_iam_role.connect", "permissions_boundary", ...)
    nobody = results(read(document(resources), tmp_path))["terraform.iam.boundary"]
    assert nobody.status == "not_covered"
    other = resource("aws_iam_role.other", name="other", assume_role_policy=trust("ec2.amazonaws.com"))
    other["values"]["permissions_boundary"] = After("aws_iam_policy.boundary")
    resources[other["address"]] = other
    some = results(read(document(resources), tmp_path))["terraform.iam.boundary"]
    assert some.status == "failed"
    assert "role/connect has no permissions boundary" in some.reason


def test_scram_without_a_user_fails(tmp_path: Path) -> None:
    resources = careful()
    del resources["aws_msk_single_scram_secret_association.user"]
    result = results(read(document(resources), tmp_path))["terraform.scram.associated"]
    assert (result.status, "no secret is associated" in result.reason) == ("failed", True)


def test_two_plural_associations_remove_each_others_users(tmp_path: Path) -> None:
    resources = careful()
    for name in ("one", "two"):
        made = resource(
            f"aws_msk_scram_secret_association.{name}",
            cluster_arn=After(CLUSTER),
            secret_arn_list=After("aws_secretsmanager_secret.user", count=1),
        )
        resources[made["address"]] = made
        expected = "failed"  # beside the single one already
    found = results(read(document(resources), tmp_path))["terraform.scram.one-owner"]
    assert (found.status, "removes the users of" in found.reason) == (expected, True)
    for gone in ("aws_msk_scram_secret_association.two", "aws_msk_single_scram_secret_association.user"):
        del resources[gone]
    assert results(read(document(resources), tmp_path))["terraform.scram.one-owner"].status == "verified"
    spoil(resources, "aws_msk_scram_secret_association.one", "cluster_arn", After())
    assert results(read(document(resources), tmp_path))["terraform.scram.one-owner"].status == "not_covered"


def test_serverless_needs_iam_and_has_groups_of_its_own(tmp_path: Path) -> None:
    resources = careful()
    made = resource(
        "aws_msk_serverless_cluster.main",
        client_authentication=[{"sasl": [{"iam": [{"enabled": True}]}]}],
        vpc_config=[
            {
                "subnet_ids": After(*SUBNETS, count=3),
                "security_group_ids": After("aws_security_group.brokers", count=1),
            }
        ],
    )
    resources[made["address"]] = made
    found = results(read(document(resources), tmp_path))
    assert found["terraform.msk.authentication"].status == found["terraform.network.no-world"].status == "verified"
    spoil(resources, made["address"], "client_authentication.sasl.iam.enabled", False)
    assert results(read(document(resources), tmp_path))["terraform.msk.authentication"].status == "failed"
    spoil(resources, made["address"], "vpc_config.security_group_ids", ["sg-0abc"])
    outside = results(read(document(resources), tmp_path))["terraform.network.no-world"]
    assert (outside.status, "sg-0abc is not in the plan" in outside.reason) == ("not_covered", True)


@pytest.mark.parametrize(
    ("actions", "status", "said"),
    [
        (["no-op"], "verified", ""),
        (["update"], "verified", ""),
        (["forget"], "verified", ""),
        (["read"], "verified", ""),
        (["delete"], "failed", "it is deleted"),
        (["delete", "create"], "failed", "it is replaced"),
        (["create", "delete"], "failed", "it is replaced"),
    ],
)
def test_data_is_lost_by_deletion_and_replacement_alone(
    actions: list[str], status: str, said: str, tmp_path: Path
) -> None:
    resources = careful()
    resources[CLUSTER]["actions"] = actions
    result = results(read(document(resources), tmp_path))["terraform.change.no-data-loss"]
    assert result.status == status, result
    assert said in result.reason


def test_a_deferred_change_is_not_covered(tmp_path: Path) -> None:
    deferred = [{"reason": "provider_config_unknown", "resource_change": {"address": "module.x.aws_msk_cluster.y"}}]
    result = results(read(document(careful(), deferred_changes=deferred), tmp_path))["terraform.change.no-data-loss"]
    assert (result.status, "module.x.aws_msk_cluster.y" in result.reason) == ("not_covered", True)


def test_old_ways_of_writing_are_read_too(tmp_path: Path) -> None:
    """Inline settings of a bucket (provider 3) and `aws_security_group_rule` say the same."""
    resources = careful()
    for name in [name for name in resources if name.startswith(("aws_s3_bucket_", "aws_vpc_security_group_ingress"))]:
        if name != "aws_s3_bucket_public_access_block.archive":
            del resources[name]
    bucket = resources["aws_s3_bucket.archive"]["values"]
    bucket["versioning"] = [{"enabled": True}]
    bucket["lifecycle_rule"] = [{"enabled": True}]
    made = resource(
        "aws_security_group_rule.listener",
        type="ingress",
        security_group_id=After("aws_security_group.brokers"),
        source_security_group_id=After("aws_security_group.clients"),
        protocol="tcp",
        from_port=9098,
        to_port=9098,
    )
    resources[made["address"]] = made
    found = results(read(document(resources), tmp_path))
    for name in ("bucket.versioning", "bucket.lifecycle", "network.ports", "network.sources", "network.no-world"):
        assert found[f"terraform.{name}"].status == "verified", found[f"terraform.{name}"]
    bucket["versioning"] = [{"enabled": False}]
    spoil(resources, made["address"], "cidr_blocks", WORLD)
    found = results(read(document(resources), tmp_path))
    assert found["terraform.bucket.versioning"].status == found["terraform.network.no-world"].status == "failed"
