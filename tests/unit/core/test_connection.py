import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.connection import Connection, Secrets, choose_principal
from orchestrator.environment import Bucket, CloudEndpoint, Cluster, Environment, Grant, Principal, Topic
from orchestrator.errors import UsageError
from orchestrator.kafka_admin import acl_bindings

SCRAM = Principal(
    name="orders-producer",
    auth="scram",
    kafka_principal="User:orders-producer",
    grants=(Grant(topic="orders", allow=("produce",)),),
)
MTLS = Principal(
    name="orders-reader",
    auth="mtls",
    kafka_principal="User:orders-reader",
    grants=(Grant(topic="orders", allow=("consume",), group="readers"),),
)
IAM = Principal(
    name="batch",
    auth="iam",
    kafka_principal="User:arn:aws:iam::1:role/c",
    role_arn="arn:aws:iam::1:role/c",
    grants=(Grant(topic="orders", allow=("produce",)),),
)


def environment() -> Environment:
    return Environment(
        lease_id="bcdfghjk",
        name="orders",
        flavour="msk",
        target="embedded",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        expires_at=datetime(2026, 1, 1, 1, tzinfo=UTC),
        cloud=CloudEndpoint(region="us-east-1", account_id="123456789012", endpoint_url="https://localhost:1"),
        cluster=Cluster(
            arn="arn:cluster",
            name="c",
            kafka_version="4.1.x.kraft",
            brokers=1,
            bootstrap={"scram": "localhost:9001", "iam": "localhost:9002", "mtls": "localhost:9003"},
            ca_pem="PEM",
        ),
        bucket=Bucket(name="b", kms_key_arn="k"),
        principals=(SCRAM, MTLS, IAM),
        topics=(Topic(name="orders", partitions=1, replication_factor=1),),
    )


def connection(principal: Principal, secrets: Secrets) -> Connection:
    return Connection(environment(), principal, secrets, Path("/state/ca.pem"))


PASSWORD = """p"a\\s's $x"""


def test_java_properties_quote_the_password() -> None:
    text = connection(SCRAM, Secrets(username="orders-producer", password=PASSWORD)).render("java")
    assert "bootstrap.servers=localhost:9001\n" in text
    assert "security.protocol=SASL_SSL\n" in text
    assert "ssl.truststore.location=/state/ca.pem\n" in text
    assert 'password="p\\"a\\\\s\'s $x";' in text


def test_librdkafka_properties_of_each_mechanism() -> None:
    scram = connection(SCRAM, Secrets(username="u", password="p")).librdkafka()
    assert scram["sasl.mechanisms"] == "SCRAM-SHA-512"
    assert scram["ssl.ca.location"] == "/state/ca.pem"
    mtls = connection(MTLS, Secrets(certificate=Path("/c"), key=Path("/k"), keystore=Path("/ks"))).librdkafka()
    assert (mtls["security.protocol"], mtls["ssl.certificate.location"], mtls["ssl.key.location"]) == (
        "SSL",
        "/c",
        "/k",
    )
    assert "sasl.mechanisms" not in mtls
    assert connection(IAM, Secrets()).librdkafka()["sasl.mechanisms"] == "OAUTHBEARER"


def test_an_iam_principals_java_file_pins_its_session_name() -> None:
    java = connection(IAM, Secrets()).java()
    assert java["sasl.mechanism"] == "AWS_MSK_IAM"
    assert java["sasl.jaas.config"] == (
        'software.amazon.msk.auth.iam.IAMLoginModule required awsRoleArn="arn:aws:iam::1:role/c" '
        'awsRoleSessionName="ephk-batch" awsStsRegion="us-east-1";'
    )
    assert java["sasl.client.callback.handler.class"] == "software.amazon.msk.auth.iam.IAMClientCallbackHandler"


def test_an_iam_principals_variables_are_what_an_sdk_needs_to_assume_its_role() -> None:
    embedded = connection(IAM, Secrets(aws_keys=("AKIA", "shh"))).variables()
    assert embedded["EPHK_ROLE_SESSION_NAME"] == "ephk-batch"
    assert (embedded["AWS_ACCESS_KEY_ID"], embedded["AWS_SECRET_ACCESS_KEY"]) == ("AKIA", "shh")
    on_aws = connection(IAM, Secrets()).variables()
    assert not {"AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_STS"} & on_aws.keys()
    assert "AWS_ACCESS_KEY_ID" not in connection(SCRAM, Secrets(aws_keys=("AKIA", "shh"))).variables()


def test_a_shell_reads_dotenv_back_unchanged(tmp_path: Path) -> None:
    import subprocess

    file = tmp_path / "env"
    file.write_text(connection(SCRAM, Secrets(username="u", password=PASSWORD)).render("dotenv"))
    done = subprocess.run(
        ["sh", "-c", f'set -a; . "{file}"; printf %s "$KAFKA_SASL_PASSWORD"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == PASSWORD


def test_json_has_both_configurations() -> None:
    document = json.loads(
        connection(MTLS, Secrets(certificate=Path("/c"), key=Path("/k"), keystore=Path("/ks"))).render("json")
    )
    assert document["java"]["ssl.keystore.location"] == "/ks"
    assert document["environment"]["name"] == "orders"
    assert document["variables"]["KAFKA_BOOTSTRAP_SERVERS"] == "localhost:9003"


def test_a_secret_has_no_repr() -> None:
    assert "hunter2" not in repr(connection(SCRAM, Secrets(username="u", password="hunter2")))


def test_choosing_a_principal() -> None:
    assert choose_principal(environment(), None) is not None
    assert choose_principal(environment(), "batch").auth == "iam"
    assert choose_principal(environment(), None, "iam").name == "batch"
    with pytest.raises(UsageError, match="has no principal 'batch' that uses mtls"):
        choose_principal(environment(), "batch", "mtls")
    with_operator = environment().model_copy(update={"roles": {"operator": "arn:aws:iam::1:role/o"}})
    assert choose_principal(with_operator, "operator").role_arn == "arn:aws:iam::1:role/o"
    with pytest.raises(UsageError):
        choose_principal(environment(), "operator")
    with pytest.raises(UsageError, match="has no principal 'x'"):
        choose_principal(environment(), "x")


def test_acls_are_the_least_that_the_grants_say() -> None:
    shown = {(b.principal, b.operation.name, b.restype.name, b.name) for b in acl_bindings([SCRAM, MTLS, IAM])}
    assert shown == {
        ("User:orders-producer", "WRITE", "TOPIC", "orders"),
        ("User:orders-reader", "READ", "TOPIC", "orders"),
        ("User:orders-reader", "READ", "GROUP", "readers"),
    }
