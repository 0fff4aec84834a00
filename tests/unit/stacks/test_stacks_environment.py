"""What the program declares, and that it is declared safely."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.embedded.provider import catalogue
from orchestrator.embedded.provider.model import check
from orchestrator.tags import REQUIRED
from stacks.inputs import BrokerInputs, PrincipalInputs
from tests.unit.stacks.stack_mocks import PASSWORD, Program, inputs, run


@pytest.fixture(scope="module")
def program() -> Program:
    return run(inputs())


def aws(program: Program) -> list[Any]:
    return [item for item in program.resources if item.type.startswith("aws:")]


def test_every_input_is_one_that_the_embedded_provider_implements(program: Program) -> None:
    for item in aws(program):
        resource = catalogue.find(item.type)
        assert resource is not None, item.type
        assert check(resource, item.inputs) == [], item


def test_everything_that_can_carry_tags_carries_all_of_them(program: Program) -> None:
    tagged = 0
    for item in aws(program):
        resource = catalogue.find(item.type)
        assert resource is not None
        if any(field.name == "tags" for field in resource.fields):
            assert set(REQUIRED) <= item.inputs["tags"].keys(), item
            assert item.inputs["tags"]["ephk:lease"] == "bcdfghjk"
            tagged += 1
    assert tagged > 20


def test_every_name_carries_the_lease(program: Program) -> None:
    names = [
        item.inputs[key]
        for item in aws(program)
        for key in ("name", "bucket", "clusterName")
        # Settings name their bucket by its id, and an inline policy lives inside its role.
        if key in item.inputs and "Policy" not in item.type and not item.type.startswith("aws:s3/bucket" + "P")
    ]
    own = [name for name in names if not name.startswith("Bucket-")]
    assert len(own) > 10
    assert [name for name in own if "bcdfghjk" not in name] == []


def test_all_components_are_there_and_own_their_resources(program: Program) -> None:
    components = {item.type for item in program.resources if item.type.startswith("ephk:")}
    parts = ("Network", "Keys", "Bucket", "Identity", "Credentials", "Authority", "Kafka")
    assert components == {f"ephk:stacks:{part}" for part in parts}


def test_the_password_is_in_its_secret_and_nowhere_else(program: Program) -> None:
    holders = [item for item in program.resources if PASSWORD in json.dumps(item.inputs)]
    assert [item.type for item in holders] == ["aws:secretsmanager/secretVersion:SecretVersion"]
    assert holders[0].secrets == {"secretString"}
    assert json.loads(holders[0].inputs["secretString"]) == {"username": "producer", "password": PASSWORD}
    assert PASSWORD not in json.dumps(program.exports)
    assert PASSWORD not in repr(inputs())


# --- Network -----------------------------------------------------------------------------------------------------


def test_each_zone_has_a_private_subnet_with_its_own_route_table(program: Program) -> None:
    subnets = program.of("aws:ec2/subnet:Subnet")
    assert {item.inputs["availabilityZone"] for item in subnets.values()} == {f"eu-west-1{z}" for z in "abc"}
    assert sorted(item.inputs["cidrBlock"] for item in subnets.values()) == [
        "10.42.0.0/20",
        "10.42.16.0/20",
        "10.42.32.0/20",
    ]
    assert all(item.inputs["mapPublicIpOnLaunch"] is False for item in subnets.values())
    associations = program.of("aws:ec2/routeTableAssociation:RouteTableAssociation").values()
    pairs = {(item.inputs["subnetId"], item.inputs["routeTableId"]) for item in associations}
    assert pairs == {(f"Subnet-{name}", f"RouteTable-{name}") for name in subnets}


def test_there_is_no_way_to_the_internet(program: Program) -> None:
    kinds = {item.type for item in program.resources}
    assert not [kind for kind in kinds if "Gateway" in kind.rsplit(":", 1)[-1] or "Eip" in kind]
    assert "0.0.0.0/0" not in json.dumps([item.inputs for item in program.resources])


def test_the_s3_endpoint_is_in_all_route_tables_and_for_one_bucket(program: Program) -> None:
    endpoint = program.one("aws:ec2/vpcEndpoint:VpcEndpoint")
    assert len(endpoint.inputs["routeTableIds"]) == 3
    assert endpoint.inputs["serviceName"] == "com.amazonaws.eu-west-1.s3"
    (statement,) = endpoint.policy()["Statement"]
    bucket = "arn:aws:s3:::ephk-bcdfghjk-123456789012"
    assert statement["Resource"] == [bucket, f"{bucket}/*"]


def rules(program: Program, direction: str) -> dict[str, tuple[Any, ...]]:
    kind = f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule"
    keys = ("securityGroupId", "fromPort", "toPort", "referencedSecurityGroupId", "prefixListId")
    return {name: tuple(item.inputs.get(key) for key in keys) for name, item in program.of(kind).items()}


def test_one_rule_for_each_listener_from_clients_alone(program: Program) -> None:
    brokers, clients = "SecurityGroup-brokers", "SecurityGroup-clients"
    assert rules(program, "Ingress") == {
        "brokers-mtls": (brokers, 9094, 9094, clients, None),
        "brokers-scram": (brokers, 9096, 9096, clients, None),
        "brokers-iam": (brokers, 9098, 9098, clients, None),
    }
    assert rules(program, "Egress") == {
        "clients-mtls": (clients, 9094, 9094, brokers, None),
        "clients-scram": (clients, 9096, 9096, brokers, None),
        "clients-iam": (clients, 9098, 9098, brokers, None),
        "clients-s3": (clients, 443, 443, None, "pl-s3"),
    }


# --- Key, bucket, secrets ----------------------------------------------------------------------------------------


def test_one_key_encrypts_everything(program: Program) -> None:
    key = "arn:Key-environment"
    assert program.one("aws:kms/key:Key").inputs["deletionWindowInDays"] == 7
    cluster = program.one("aws:msk/cluster:Cluster").inputs
    assert cluster["encryptionInfo"]["encryptionAtRestKmsKeyArn"] == key
    assert program.one("aws:secretsmanager/secret:Secret").inputs["kmsKeyId"] == key
    (rule,) = program.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ).inputs["rules"]
    default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key}
    assert rule["applyServerSideEncryptionByDefault"] == default


def test_the_bucket_is_closed_tls_only_and_empties_itself(program: Program) -> None:
    block = program.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert all(block[name] for name in block if name != "bucket")
    statement, *encryption = program.one("aws:s3/bucketPolicy:BucketPolicy").policy()["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert [one["Sid"] for one in encryption] == ["OnlyKms", "OnlyThisKey", "NoDefaultKey"]
    assert {(one["Effect"], one["Principal"], one["Action"]) for one in encryption} == {("Deny", "*", "s3:PutObject")}
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    (rule,) = program.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs["rules"]
    assert rule["expiration"] == {"days": 7}
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 1}
    versioning = program.one("aws:s3/bucketVersioning:BucketVersioning").inputs
    assert versioning["versioningConfiguration"] == {"status": "Enabled"}
    assert program.one("aws:s3/bucket:Bucket").inputs["forceDestroy"] is True


def test_scram_secrets_have_the_name_that_msk_demands_and_free_it_at_once(program: Program) -> None:
    secret = program.one("aws:secretsmanager/secret:Secret").inputs
    assert secret["name"] == "AmazonMSK_bcdfghjk_producer"
    assert secret["recoveryWindowInDays"] == 0


# --- Identity ----------------------------------------------------------------------------------------------------


def test_every_role_is_under_the_boundary(program: Program) -> None:
    roles = program.of("aws:iam/role:Role")
    assert sorted(roles) == ["client-auditor", "connector", "operator"]
    assert {item.inputs["permissionsBoundary"] for item in roles.values()} == {"arn:Policy-boundary"}


def test_an_accounts_boundary_takes_the_place_of_the_environments_own() -> None:
    account = run(inputs(boundary_arn="arn:aws:iam::123456789012:policy/account/ephk-boundary"))
    assert account.of("aws:iam/policy:Policy") == {}
    roles = account.of("aws:iam/role:Role").values()
    assert {item.inputs["permissionsBoundary"] for item in roles} == {account.exports["boundary_arn"]}


def test_only_the_account_and_a_service_for_the_account_may_assume_roles(program: Program) -> None:
    for name, role in program.of("aws:iam/role:Role").items():
        account, *rest = role.policy("assumeRolePolicy")["Statement"]
        assert account["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
        if name == "connector":
            (service,) = rest
            assert service["Principal"] == {"Service": "kafkaconnect.amazonaws.com"}
            assert service["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
        else:
            assert rest == []


def allowed(program: Program, role: str) -> dict[str, list[str]]:
    """Return what a role's policy allows: resources by action."""
    statements = program.one("aws:iam/rolePolicy:RolePolicy", role).policy()["Statement"]
    assert all(statement["Effect"] == "Allow" for statement in statements)
    return {action: statement["Resource"] for statement in statements for action in statement["Action"]}


KAFKA = "arn:aws:kafka:eu-west-1:123456789012"


def test_the_operator_rules_this_cluster_and_no_other(program: Program) -> None:
    assert allowed(program, "operator")["kafka-cluster:*"] == [
        f"{KAFKA}:cluster/ephk-bcdfghjk/*",
        f"{KAFKA}:topic/ephk-bcdfghjk/*/*",
        f"{KAFKA}:group/ephk-bcdfghjk/*/*",
        f"{KAFKA}:transactional-id/ephk-bcdfghjk/*/*",
    ]


def test_an_iam_principal_gets_its_grants_and_no_more(program: Program) -> None:
    actions = allowed(program, "client-auditor")
    kafka = {action: arns for action, arns in actions.items() if action.startswith("kafka-cluster:")}
    topic, group = [f"{KAFKA}:topic/ephk-bcdfghjk/*/audit.*"], [f"{KAFKA}:group/ephk-bcdfghjk/*/auditors"]
    assert kafka == {
        "kafka-cluster:Connect": [f"{KAFKA}:cluster/ephk-bcdfghjk/*"],
        "kafka-cluster:DescribeTopic": topic,
        "kafka-cluster:ReadData": topic,
        "kafka-cluster:AlterGroup": group,
        "kafka-cluster:DescribeGroup": group,
    }


def test_the_connector_reaches_the_bucket_and_nothing_of_kafka(program: Program) -> None:
    actions = allowed(program, "connector")
    assert not [action for action in actions if action.startswith("kafka")]
    assert actions["s3:PutObject"] == ["arn:aws:s3:::ephk-bcdfghjk-123456789012/*"]


def test_no_role_reads_a_secret_not_even_within_the_boundary(program: Program) -> None:
    policies = [program.one("aws:iam/policy:Policy").policy()]
    policies += [item.policy() for item in program.of("aws:iam/rolePolicy:RolePolicy").values()]
    statements = [statement for policy in policies for statement in policy["Statement"]]
    assert not [s for s in statements for action in s["Action"] if action.startswith("secretsmanager:")]
    vias = {s["Condition"]["StringEquals"]["kms:ViaService"] for s in statements if s["Sid"] == "Key"}
    assert vias == {"s3.eu-west-1.amazonaws.com"}


def test_no_role_may_touch_identities(program: Program) -> None:
    policies = [item.policy() for item in aws(program) if item.type in {"aws:iam/policy:Policy"}]
    policies += [item.policy() for item in program.of("aws:iam/rolePolicy:RolePolicy").values()]
    actions = [action for policy in policies for statement in policy["Statement"] for action in statement["Action"]]
    assert not [action for action in actions if action == "*" or action.startswith(("iam:", "sts:"))]


# --- Kafka -------------------------------------------------------------------------------------------------------


def test_the_cluster_has_tls_scram_iam_and_mtls_and_nothing_else(program: Program) -> None:
    cluster = program.one("aws:msk/cluster:Cluster").inputs
    assert cluster["clientAuthentication"] == {
        "sasl": {"iam": True, "scram": True},
        "tls": {"certificateAuthorityArns": ["arn:CertificateAuthority-clients"]},
    }
    assert cluster["encryptionInfo"]["encryptionInTransit"] == {"clientBroker": "TLS", "inCluster": True}
    assert cluster["numberOfBrokerNodes"] == 3
    logs = cluster["loggingInfo"]["brokerLogs"]["cloudwatchLogs"]
    assert logs == {"enabled": True, "logGroup": "/ephk/bcdfghjk/brokers"}


def test_nothing_is_open_and_nothing_appears_by_itself(program: Program) -> None:
    text = program.one("aws:msk/configuration:Configuration").inputs["serverProperties"]
    properties = dict(line.split("=", 1) for line in text.splitlines())
    assert properties["allow.everyone.if.no.acl.found"] == "false"
    assert properties["auto.create.topics.enable"] == "false"
    assert (properties["default.replication.factor"], properties["min.insync.replicas"]) == ("3", "2")


def test_one_broker_has_one_copy_of_everything_and_the_spec_has_the_last_word() -> None:
    brokers = BrokerInputs(1, "kafka.m7g.large", 10, "4.1.x.kraft", {"log.retention.hours": "2"})
    program = run(inputs(brokers=brokers, zones=("eu-west-1a",)))
    text = program.one("aws:msk/configuration:Configuration").inputs["serverProperties"]
    properties = dict(line.split("=", 1) for line in text.splitlines())
    assert properties["offsets.topic.replication.factor"] == "1"
    assert properties["transaction.state.log.min.isr"] == "1"
    assert properties["log.retention.hours"] == "2"


def test_each_scram_secret_is_associated_by_itself(program: Program) -> None:
    association = program.one("aws:msk/singleScramSecretAssociation:SingleScramSecretAssociation").inputs
    assert association == {"clusterArn": "arn:Cluster-cluster", "secretArn": "arn:Secret-producer"}


def test_without_mtls_and_scram_their_parts_are_left_out() -> None:
    program = run(inputs(mtls=False, scram=False, principals=()))
    assert not [item for item in program.resources if item.type.startswith(("aws:acmpca", "aws:secretsmanager"))]
    assert list(rules(program, "Ingress")) == ["brokers-iam"]
    assert program.one("aws:msk/cluster:Cluster").inputs["clientAuthentication"] == {
        "sasl": {"iam": True, "scram": False}
    }
    assert program.exports["certificate_authority_arn"] is None


def test_exports_are_what_the_environment_object_needs(program: Program) -> None:
    assert program.exports["role_arns"].keys() == {"operator", "connector"}
    assert program.exports["principal_role_arns"] == {"auditor": "arn:Role-client-auditor"}
    assert program.exports["secret_arns"] == {"producer": "arn:Secret-producer"}
    assert len(program.exports["subnet_ids"]) == len(program.exports["route_table_ids"]) == 3
    plain = {name: program.exports[name] for name in ("bucket_name", "kms_key_arn", "cluster_arn", "log_group")}
    assert plain == {
        "bucket_name": "Bucket-data",
        "kms_key_arn": "arn:Key-environment",
        "cluster_arn": "arn:Cluster-cluster",
        "log_group": "/ephk/bcdfghjk/brokers",
    }


# --- Inputs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iam": False}, "first ACL"),
        ({"zones": ("a", "b")}, "evenly"),
        ({"zones": ()}, "evenly"),
        ({"scram": False}, "SCRAM listener"),
    ],
)
def test_inputs_that_make_no_environment_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inputs(**changes)


def test_a_scram_principal_has_a_password_and_no_other() -> None:
    with pytest.raises(ValueError, match="password"):
        PrincipalInputs("p", "scram")
    with pytest.raises(ValueError, match="password"):
        PrincipalInputs("p", "iam", "x")
