"""Settings contracts against real brokers and a real control plane: each fails for the misconfiguration it names."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from contracts.model import Result, Watch
from contracts.runner import run
from contracts.wire.quotas import alter_quota, describe_quotas
from orchestrator.environment import Environment
from orchestrator.processes import wait_until
from tests.embedded.contracts.harness import Harness
from tests.embedded.contracts.harness_resources import NOW
from tests.embedded.contracts.listening import serving


def probe(harness: Harness, contract: str, of: Environment | None = None) -> Result:
    environment = of or harness.environment
    with harness.access(environment) as access:
        (result,) = run(environment, access, select=[contract], deadline_s=20)
    return result


def failed(result: Result, reason: str) -> None:
    assert (result.status, reason in result.reason) == ("failed", True), result


# -- what the brokers hold --------------------------------------------------------------------------


def test_an_acl_that_nobody_declared_is_drift(harness: Harness) -> None:
    fields = (ResourceType.TOPIC, "o", ResourcePatternType.PREFIXED, "User:reader", "*")
    binding = AclBinding(*fields, AclOperation.WRITE, AclPermissionType.ALLOW)
    pattern = AclBindingFilter(*fields, AclOperation.WRITE, AclPermissionType.ALLOW)
    admin = harness.admin
    admin.create_acls([binding])[binding].result()
    try:
        assert wait_until(lambda: admin.describe_acls(pattern).result() == [binding], deadline_s=60)
        result = probe(harness, "acl.drift")
    finally:
        admin.delete_acls([pattern])[pattern].result()
        assert wait_until(lambda: not admin.describe_acls(pattern).result(), deadline_s=60)
    failed(result, "has an ACL that nobody declared: ALLOW User:reader WRITE on TOPIC o*")
    assert probe(harness, "acl.drift").status == "verified"


@contextlib.contextmanager
def quota(harness: Harness, kind: str, name: str | None) -> Iterator[None]:
    """Have a quota of a megabyte a second for an entity."""
    with harness.access() as access:
        connection = access.any_connection(access.operator, Watch(10))

        def held() -> bool:
            return any((kind, name or "") in found.entity for found in describe_quotas(connection)[2])

        assert alter_quota(connection, {kind: name}, {"producer_byte_rate": 1e6}) == (0, "")
        try:
            assert wait_until(held, deadline_s=30)
            yield
        finally:
            alter_quota(connection, {kind: name}, {"producer_byte_rate": None})
            assert wait_until(lambda: not held(), deadline_s=30)


def test_a_quota_that_nobody_declared_is_drift(harness: Harness) -> None:
    assert probe(harness, "client.quota.drift").status == "verified"
    with quota(harness, "client-id", "left-over"):
        result = probe(harness, "client.quota.drift")
    failed(result, "has a quota that nobody declared: client-id left-over: producer_byte_rate=1e+06")


def test_a_users_quota_that_takes_precedence_makes_a_clients_do_nothing(harness: Harness) -> None:
    assert probe(harness, "client.quota.throttles").status == "verified"
    with quota(harness, "user", None):  # the default of every user comes before any client id's (KIP-55)
        result = probe(harness, "client.quota.throttles")
    failed(result, "took 240000 bytes at once from a client whose quota is 20000 bytes/s")


def test_an_acl_that_is_gone_is_drift(harness: Harness) -> None:
    fields = (ResourceType.GROUP, "readers", ResourcePatternType.LITERAL, "User:reader", "*")
    binding = AclBinding(*fields, AclOperation.READ, AclPermissionType.ALLOW)
    pattern = AclBindingFilter(*fields, AclOperation.READ, AclPermissionType.ALLOW)
    admin = harness.admin
    admin.delete_acls([pattern])[pattern].result()
    try:
        assert wait_until(lambda: not admin.describe_acls(pattern).result(), deadline_s=60)
        result = probe(harness, "acl.drift")
    finally:
        admin.create_acls([binding])[binding].result()
        assert wait_until(lambda: admin.describe_acls(pattern).result() == [binding], deadline_s=60)
    failed(result, "lacks a declared ACL: ALLOW User:reader READ on GROUP readers")


def test_a_topic_whose_configuration_was_changed_is_not_as_declared(harness: Harness) -> None:
    admin = harness.admin

    def set_policy(value: str) -> None:
        entry = ConfigEntry("cleanup.policy", value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, "latest", incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result()

    set_policy("delete")
    try:
        assert wait_until(lambda: probe(harness, "topic.latest.as-declared").status == "failed", deadline_s=60)
        failed(probe(harness, "topic.latest.as-declared"), "cleanup.policy=delete, declared is compact")
    finally:
        set_policy("compact")
    assert wait_until(lambda: probe(harness, "topic.latest.as-declared").status == "verified", deadline_s=60)


def test_a_topic_that_does_not_exist_is_not_as_declared(harness: Harness) -> None:
    gone = harness.environment.topics[0].model_copy(update={"name": "gone"})
    of = harness.environment.model_copy(update={"topics": (gone,)})
    failed(probe(harness, "topic.gone.as-declared", of), "topic gone does not exist")


def test_brokers_that_compress_again_fail_the_codecs(harness: Harness) -> None:
    admin = harness.admin

    def set_codec(operation: AlterConfigOpType) -> None:
        for broker in admin.list_topics(timeout=60).brokers:
            entry = ConfigEntry("compression.type", "gzip", incremental_operation=operation)
            resource = ConfigResource(ConfigResource.Type.BROKER, str(broker), incremental_configs=[entry])
            admin.incremental_alter_configs([resource])[resource].result()

    set_codec(AlterConfigOpType.SET)
    try:
        assert wait_until(lambda: probe(harness, "client.compression").status == "failed", deadline_s=60)
        failed(probe(harness, "client.compression"), "is stored as gzip")
    finally:
        set_codec(AlterConfigOpType.DELETE)
    assert wait_until(lambda: probe(harness, "client.compression").status == "verified", deadline_s=60)


# -- listeners --------------------------------------------------------------------------------------


def one_listener(harness: Harness, bootstrap: dict[str, str]) -> Environment:
    of = harness.environment.cluster.model_copy(update={"bootstrap": bootstrap, "brokers": 1})
    return harness.environment.model_copy(update={"cluster": of})


def test_a_mechanism_of_another_listener_is_named(harness: Harness) -> None:
    of = one_listener(harness, {"scram": harness.environment.cluster.bootstrap["iam"].split(",")[0]})
    failed(probe(harness, "auth.mechanisms.least", of), "offers AWS_MSK_IAM on the scram listener")


def weak_server(tmp_path: Path) -> Callable[[socket.socket], None]:
    """Return a TLS server with a small key that agrees to suites without forward secrecy."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - what the contract must find
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(harness_end())
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "weak.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(file)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    return answer


def harness_end() -> Any:
    return NOW.replace(year=NOW.year + 1)


def test_weak_suites_and_small_keys_fail(harness: Harness, tmp_path: Path) -> None:
    with serving(weak_server(tmp_path)) as port:
        of = one_listener(harness, {"scram": f"127.0.0.1:{port}"})
        failed(probe(harness, "listener.tls.cipher", of), "agreed to a weak cipher suite")
        failed(probe(harness, "listener.tls.key-size", of), "too weak: RSA 1024")


def test_a_port_that_refuses_is_told_from_one_that_is_open(harness: Harness) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        of = one_listener(harness, {"scram": f"127.0.0.1:{taken.getsockname()[1]}"})
        failed(probe(harness, "network.listener.reachable", of), "refused (the host answers and nobody listens there)")
    assert probe(harness, "network.listener.reachable").status == "verified"


# -- control plane ----------------------------------------------------------------------------------


@contextlib.contextmanager
def changed(change: Callable[[], object], back: Callable[[], object]) -> Iterator[None]:
    change()
    try:
        yield
    finally:
        back()


def test_a_network_acl_that_drops_answers_fails(harness: Harness) -> None:
    ec2, network = harness.session.client("ec2"), harness.environment.network
    assert network is not None
    acl = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [network.vpc_id]}])["NetworkAcls"][0]
    entry = {"NetworkAclId": acl["NetworkAclId"], "RuleNumber": 50, "Egress": True}
    deny = {
        "Protocol": "6",
        "RuleAction": "deny",
        "CidrBlock": "10.42.0.0/16",
        "PortRange": {"From": 1024, "To": 65535},
    }
    with changed(lambda: ec2.create_network_acl_entry(**entry, **deny), lambda: ec2.delete_network_acl_entry(**entry)):
        failed(probe(harness, "network.nacl.listeners"), "network ACLs are stateless: rule 50 denies 10.42.0.0/16")
    assert probe(harness, "network.nacl.listeners").status == "verified"


def test_an_endpoint_that_leads_to_other_buckets_fails(harness: Harness) -> None:
    ec2, network = harness.session.client("ec2"), harness.environment.network
    assert network is not None
    endpoint = {"VpcEndpointId": network.s3_endpoint_id}
    before = ec2.describe_vpc_endpoints(VpcEndpointIds=[network.s3_endpoint_id])["VpcEndpoints"][0]["PolicyDocument"]
    wide = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
    }
    with changed(
        lambda: ec2.modify_vpc_endpoint(**endpoint, PolicyDocument=json.dumps(wide)),
        lambda: ec2.modify_vpc_endpoint(**endpoint, PolicyDocument=before),
    ):
        failed(probe(harness, "network.endpoint.least"), "lets * through")
    assert probe(harness, "network.endpoint.least").status == "verified"


@pytest.mark.parametrize(
    ("contract", "change", "reason"),
    [
        (
            "bucket.versioning",
            lambda s3, name: s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"}),
            "versioning is suspended",
        ),
        ("bucket.lifecycle", lambda s3, name: s3.delete_bucket_lifecycle(Bucket=name), "removes objects"),
        (
            "bucket.ownership",
            lambda s3, name: s3.put_bucket_ownership_controls(
                Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
            ),
            "object ownership is ObjectWriter",
        ),
        (
            "bucket.ownership",
            lambda s3, name: s3.delete_bucket_ownership_controls(Bucket=name),
            "object ownership is not set",
        ),
    ],
)
def test_a_bucket_setting_that_was_changed_fails(
    harness: Harness, contract: str, change: Callable[[Any, str], object], reason: str
) -> None:
    s3, bucket = harness.session.client("s3"), harness.environment.bucket
    assert bucket is not None
    assert probe(harness, contract).status == "verified"
    with changed(lambda: change(s3, bucket.name), harness.restore_bucket_settings):
        failed(probe(harness, contract), reason)


# -- logs -------------------------------------------------------------------------------------------


@pytest.fixture
def logged(harness: Harness) -> Iterator[tuple[Environment, Callable[[int, str], None]]]:
    """Yield an environment with a log group of its own, and a way to write as one of its brokers."""
    logs, name = harness.session.client("logs"), "/t3st/brokers"
    logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=7)

    def write(broker: int, text: str) -> None:
        stream = f"Broker-{broker}"
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
        now = int(time.time() * 1000)
        logs.put_log_events(logGroupName=name, logStreamName=stream, logEvents=[{"timestamp": now, "message": text}])

    try:
        yield harness.environment.model_copy(update={"log_group": name}), write
    finally:
        logs.delete_log_group(logGroupName=name)


def test_a_broker_whose_log_does_not_arrive_is_named(harness: Harness, logged: Any) -> None:
    of, write = logged
    write(1, "started")
    write(2, "started")
    failed(probe(harness, "logs.brokers.arrive", of), "no log event of broker 3 has arrived")
    write(3, "started")
    assert probe(harness, "logs.brokers.arrive", of).status == "verified"


def test_a_password_in_a_log_is_found_and_not_repeated(harness: Harness, logged: Any) -> None:
    of, write = logged
    write(1, "started")
    assert probe(harness, "logs.no-secrets", of).status == "verified"
    secret = harness.session.client("secretsmanager").get_secret_value(
        SecretId=harness.environment.principal("writer").secret_arn
    )["SecretString"]
    write(2, f"request of {secret}")
    result = probe(harness, "logs.no-secrets", of)
    failed(result, "holds a secret of the environment")
    assert json.loads(secret)["password"] not in str(result)


def test_a_log_group_that_keeps_everything_fails(harness: Harness, logged: Any) -> None:
    of, _ = logged
    assert probe(harness, "logs.retention", of).status == "verified"
    harness.session.client("logs").delete_retention_policy(logGroupName=of.log_group)
    failed(probe(harness, "logs.retention", of), "keeps events for ever")
