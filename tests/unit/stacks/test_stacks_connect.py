"""Kafka Connect in the stack: plugins by content, roles with the least, security groups both ways."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.tags import missing
from orchestrator.teardown.inventory import QUESTIONS
from stacks.inputs import ConnectInputs, ConnectorInputs, ConnectSecretInputs, EgressInputs, PluginInputs
from tests.unit.stacks.stack_mocks import PASSWORD, Program, inputs, run

CONNECTOR = "aws:mskconnect/connector:Connector"
SINK = ConnectorInputs(
    "sink",
    "mine",
    {"connector.class": "a.B", "bucket": "${ephk:bucket}", "key": "${ephk:kms_key_arn}", "literal": "${file:a:b}"},
    tasks=2,
    workers=3,
    consumes=("orders",),
    bucket_prefix="archive/",
)
SOURCE = ConnectorInputs("source", "theirs", {"connector.class": "a.C"}, produces=("numbers",))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    archive = tmp_path_factory.mktemp("plugin") / "mine.zip"
    archive.write_bytes(b"zip")
    plugins = (
        PluginInputs("mine", "ZIP", archive=Path(archive), sha256="abcdef0123456789"),
        PluginInputs("theirs", "JAR", bucket="their-bucket", key="b.jar"),
    )
    return run(inputs(connect=ConnectInputs(plugins, (SINK, SOURCE), {"offset.flush.interval.ms": "100"})))


def statements(program: Program, name: str) -> dict[str, Any]:
    policy = program.one("aws:iam/rolePolicy:RolePolicy", name).policy()
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def test_without_connect_there_is_nothing_of_it() -> None:
    assert not run(inputs()).of(CONNECTOR)


def test_a_plugin_is_named_by_its_content_and_pinned_by_its_version(program: Program) -> None:
    stored = program.one("aws:s3/bucketObjectv2:BucketObjectv2")
    assert stored.inputs["key"] == "plugins/mine-abcdef012345.zip"
    plugin = program.one("aws:mskconnect/customPlugin:CustomPlugin", "mine").inputs
    assert plugin["name"].endswith("-mine-abcdef012345")
    assert plugin["location"]["s3"]["fileKey"] == "plugins/mine-abcdef012345.zip"


def test_a_plugin_that_is_in_a_bucket_already_is_not_uploaded(program: Program) -> None:
    place = program.one("aws:mskconnect/customPlugin:CustomPlugin", "theirs").inputs["location"]["s3"]
    assert place == {"bucketArn": "arn:aws:s3:::their-bucket", "fileKey": "b.jar"}


def test_a_connector_is_as_declared_with_placeholders_filled_in(program: Program) -> None:
    sink = program.one(CONNECTOR, "sink").inputs
    assert sink["name"] == "ephk-bcdfghjk-sink"
    configuration = sink["connectorConfiguration"]
    assert configuration["bucket"] == "ephk-bcdfghjk-123456789012"
    assert configuration["key"].startswith("arn:Key-")
    assert configuration["literal"] == "${file:a:b}"
    assert configuration["tasks.max"] == "2"
    assert sink["capacity"]["provisionedCapacity"] == {"mcuCount": 1, "workerCount": 3}
    assert sink["kafkaClusterClientAuthentication"] == {"authenticationType": "IAM"}
    assert sink["kafkaClusterEncryptionInTransit"] == {"encryptionType": "TLS"}


def test_a_role_may_do_what_its_connector_does_and_no_more(program: Program) -> None:
    sink, source = statements(program, "connect-sink"), statements(program, "connect-source")
    assert sink.keys() == {"Cluster", "Internal", "Groups", "Read", "Objects", "List", "Key"}
    assert source.keys() == {"Cluster", "Internal", "Groups", "Write"}
    (topic,) = sink["Read"]["Resource"]
    assert topic.endswith("/orders")
    assert "kafka-cluster:WriteData" not in sink["Read"]["Action"]
    assert sink["Objects"]["Resource"] == ["arn:aws:s3:::ephk-bcdfghjk-123456789012/archive/*"]
    assert all("kafka-cluster:*" not in item["Action"] for item in (*sink.values(), *source.values()))
    # Topics other than the workers' own are the operator's to make.
    assert [sid for sid, item in sink.items() if "kafka-cluster:CreateTopic" in item["Action"]] == ["Internal"]


def test_only_the_service_for_this_account_and_the_account_itself_assume_a_role(program: Program) -> None:
    role = program.one("aws:iam/role:Role", "connect-sink")
    trust = {item["Sid"]: item for item in role.policy("assumeRolePolicy")["Statement"]}
    assert trust["Service"]["Principal"] == {"Service": "kafkaconnect.amazonaws.com"}
    assert trust["Service"]["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert role.inputs["permissionsBoundary"]


def test_workers_reach_the_iam_listener_and_s3_and_nobody_reaches_them(program: Program) -> None:
    group = "SecurityGroup-connect"
    incoming = program.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").values()
    outgoing = program.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").values()
    assert not [rule for rule in incoming if rule.inputs["securityGroupId"] == group]
    accepted = [rule.inputs for rule in incoming if rule.inputs.get("referencedSecurityGroupId") == group]
    assert [rule["fromPort"] for rule in accepted] == [9098]
    assert sorted(r.inputs["fromPort"] for r in outgoing if r.inputs["securityGroupId"] == group) == [443, 9098]


def test_workers_make_no_topics_by_themselves(program: Program) -> None:
    text = program.one("aws:mskconnect/workerConfiguration:WorkerConfiguration").inputs["propertiesFileContent"]
    assert "topic.creation.enable=false\n" in text
    assert "offset.flush.interval.ms=100\n" in text


def test_everything_is_tagged_and_asked_for_by_the_inventory(program: Program) -> None:
    kinds = ("connector:Connector", "customPlugin:CustomPlugin", "workerConfiguration:WorkerConfiguration")
    for kind in kinds:
        for item in program.of(f"aws:mskconnect/{kind}").values():
            assert not missing(item.inputs["tags"]), item.name
    assert {"connectors", "connect plugins", "connect worker configurations"} <= QUESTIONS.keys()


def test_the_environment_object_gets_what_it_needs(program: Program) -> None:
    exported = program.exports["connect"]
    assert exported["connector_arns"].keys() == exported["role_arns"].keys() == {"sink", "source"}
    assert exported["log_group"] == "/ephk/bcdfghjk/connect"


def test_no_policy_of_the_environment_breaks_a_rule_of_a_review(program: Program) -> None:
    from orchestrator.iam_review import rules

    policies = {name: role.policy() for name, role in program.of("aws:iam/rolePolicy:RolePolicy").items()}
    assert {"operator", "connector", "connect-sink", "connect-source"} <= policies.keys()
    key = "arn:aws:kms:us-east-1:123456789012:key/k"  # the mocks' ARNs have no parts
    whole = json.loads(json.dumps(policies).replace('"arn:Key-data"', f'"{key}"'))
    broken = {name: [one.message for one in rules.identity_policy(policy)] for name, policy in whole.items()}
    assert {name: found for name, found in broken.items() if found} == {}


SECRET = ConnectSecretInputs("db", "ephk-bcdfghjk-connect-db", {"password": PASSWORD})
THEIRS = ConnectSecretInputs("theirs", "prod/theirs", kms_key_arn="arn:aws:kms:eu-west-1:123456789012:key/theirs")


@pytest.fixture(scope="module")
def resolving() -> Program:
    """Two connectors of one plugin in a bucket; one refers to secrets, and hosts are declared."""
    plugins = (PluginInputs("theirs", "JAR", bucket="their-bucket", key="b.jar"),)
    referring = replace(SOURCE, name="referring", secrets=("db", "theirs"), resolves=True)
    return run(
        inputs(
            connect=ConnectInputs(
                plugins,
                (SOURCE, referring),
                secrets=(SECRET, THEIRS),
                provider_properties={"config.providers": "secretsmanager"},
                egress=(
                    EgressInputs("db-5432", 5432, cidr="10.42.9.0/24"),
                    EgressInputs("sts-443", 443, service="com.amazonaws.eu-west-1.sts"),
                ),
            )
        )
    )


def test_a_secret_that_is_made_is_secret_in_the_state_and_an_existing_one_is_left_alone(resolving: Program) -> None:
    made = resolving.one("aws:secretsmanager/secret:Secret", "connect-db").inputs
    assert made["name"] == "ephk-bcdfghjk-connect-db"
    assert made["recoveryWindowInDays"] == 0
    assert not missing(made["tags"])
    version = resolving.one("aws:secretsmanager/secretVersion:SecretVersion", "connect-db")
    assert "secretString" in version.secrets
    assert "connect-theirs" not in resolving.of("aws:secretsmanager/secret:Secret")


def test_only_the_role_that_refers_to_a_secret_reads_it(resolving: Program) -> None:
    reads = statements(resolving, "connect-referring")
    assert reads["Secrets"]["Action"] == ["secretsmanager:GetSecretValue"]
    prefix = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
    assert reads["Secrets"]["Resource"] == [f"{prefix}ephk-bcdfghjk-connect-db-??????", f"{prefix}prod/theirs-??????"]
    assert reads["SecretKeys"]["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}
    }
    assert "Secrets" not in statements(resolving, "connect-source")
    boundary = resolving.one("aws:iam/policy:Policy", "boundary").policy()
    assert {"Secrets", "SecretKeys"} <= {statement["Sid"] for statement in boundary["Statement"]}


def test_only_workers_with_the_provider_are_told_to_use_it(resolving: Program) -> None:
    kind = "aws:mskconnect/workerConfiguration:WorkerConfiguration"
    texts = {name: item.inputs["propertiesFileContent"] for name, item in resolving.of(kind).items()}
    assert "config.providers=secretsmanager" in texts["workers-secrets"]
    assert "config.providers" not in texts["workers"]
    of = {name: item.inputs["workerConfiguration"]["arn"] for name, item in resolving.of(CONNECTOR).items()}
    assert of["referring"] != of["source"]


def test_declared_hosts_and_secrets_can_be_reached_and_nothing_else(resolving: Program) -> None:
    endpoints = resolving.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    manager = endpoints["connect-secretsmanager"]
    assert manager.inputs["vpcEndpointType"] == "Interface"
    assert manager.inputs["privateDnsEnabled"] is True
    (statement,) = manager.policy()["Statement"]
    assert statement["Action"] == ["secretsmanager:GetSecretValue"]
    (statement,) = endpoints["connect-sts"].policy()["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}
    outgoing = resolving.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").values()
    mine = [rule.inputs for rule in outgoing if rule.inputs["securityGroupId"] == "SecurityGroup-connect"]
    assert sorted((rule["fromPort"], rule.get("cidrIpv4")) for rule in mine if "cidrIpv4" in rule) == [
        (5432, "10.42.9.0/24")
    ]
    assert sorted(rule["fromPort"] for rule in mine) == [443, 443, 5432, 9098]
