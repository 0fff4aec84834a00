"""Each contract against real brokers: verified when all is well, and failed or an error when something is not."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from contracts.catalogue import contracts_for
from contracts.credentials import self_signed
from contracts.model import Result, Watch
from contracts.runner import run
from contracts.wire import requests
from orchestrator.environment import Environment, Grant
from orchestrator.processes import wait_until
from tests.embedded.contracts.harness import Harness
from tests.embedded.contracts.harness_resources import scram_principal
from tests.embedded.contracts.listening import serving

#: What only the gateway enforces; moto lets a stranger list a bucket and knows no `aws:SecureTransport`.
NEEDS_THE_GATEWAY = {
    "bucket.public-access", "bucket.tls-only", "bucket.encryption.enforced", "network.endpoint.deny"
}  # fmt: skip
#: Topics that brokers make for themselves.
INTERNAL = {"__consumer_offsets", "__transaction_state"}
#: Concerns that are enforcement throughout (tests/embedded/orders/test_iam_boundaries.py).
ENFORCEMENT = ("iam.", "auth.iam.")


def probe(harness: Harness, *select: str, of: Environment | None = None) -> dict[str, Result]:
    environment = of or harness.environment
    with harness.access(environment) as access:
        return {result.id: result for result in run(environment, access, select=select, deadline_s=20)}


def cluster(harness: Harness, **changes: Any) -> Environment:
    environment = harness.environment
    return environment.model_copy(update={"cluster": environment.cluster.model_copy(update=changes)})


@pytest.mark.verifies(
    "listener.*", "auth.scram.*", "auth.mtls.*", "auth.mechanisms.least", "client.*", "network.[!ef]*",
    "network.endpoint.[al]*",
)  # fmt: skip
def test_a_sound_environment_is_verified_throughout(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    # Other tests run the Java clients and the Streams application: here they would take the processors from everybody.
    monkeypatch.setattr("orchestrator.target.java_clients", lambda **_: {})
    monkeypatch.setattr("orchestrator.target.streams_application", lambda: None)
    wanted = [c.id for c in contracts_for(harness.environment) if not c.id.startswith(ENFORCEMENT)]
    found = probe(harness, *wanted)
    assert len(found) > 50
    other = {r.id: (r.status, r.reason) for r in found.values() if r.status != "verified"}
    unseen = {name for name, (status, _) in other.items() if status == "not_covered"}
    # No settings; no log group; nobody asked; no Java clients, no Streams; no trail; the bucket demands no endpoint.
    lacking = {"broker", "logs", "production", "clients", "streams", "audit", "network"}
    assert {name.split(".")[0] for name in unseen} == lacking, other
    assert [name for name in unseen if name.startswith("network.")] == ["network.endpoint.source"]
    assert all(name.startswith("clients.matrix.java-") for name in unseen if name.startswith("clients.")), other
    assert other.keys() - unseen <= NEEDS_THE_GATEWAY, other
    layers = {r.id: r.layer for r in found.values() if r.layer != "local"}
    assert all(name.startswith("production.") and layer == "production" for name, layer in layers.items()), layers
    assert len(found["listener.tls.chain"].evidence) == 9
    answers = found["acl.reader.deny.produce.orders"].evidence["answers"]
    assert answers == {
        "produce orders": dict.fromkeys(("broker 1", "broker 2", "broker 3"), "TOPIC_AUTHORIZATION_FAILED")
    }


def spans(harness: Harness, topic: str) -> list[tuple[int, int]]:
    """Return the first and the next offset of each partition, without a consumer group's side effects."""
    with harness.access() as access:
        watch = Watch(60)
        found = []
        for partition in range(3):
            leader = access.leader_connection(access.operator, topic, partition, watch)
            ends = [requests.list_offset(leader, topic, partition, w) for w in (requests.EARLIEST, requests.LATEST)]
            assert [code for code, _ in ends] == [0, 0]
            found.append((ends[0][1], ends[1][1]))
        return found


def test_probing_leaves_no_record_no_topic_and_no_group(harness: Harness) -> None:
    stored = probe(harness, "acl.*", "client.group.*")["acl.writer.allow.produce.orders"]
    assert stored.evidence["removed"] == "yes"
    with harness.access() as access:
        topics = requests.metadata(access.any_connection(access.operator, Watch(60)), None).topics
    assert topics.keys() - INTERNAL == {"orders", "audit", "latest"}
    groups = harness.admin.list_consumer_groups().result()
    assert [group.group_id for group in groups.valid if group.group_id.startswith("ephk-probe")] == []
    after = spans(harness, "orders")
    assert all(low == high for low, high in after)
    assert max(high for _, high in after) > 0


def test_an_applications_records_are_left_alone(harness: Harness) -> None:
    with harness.access() as access:
        producer = Producer(access.librdkafka(harness.environment.principal("machine"), Watch(60)))
        for partition in range(3):
            producer.produce("audit", b"mine", partition=partition)
        assert producer.flush(10) == 0
    before = spans(harness, "audit")
    result = probe(harness, "acl.machine.allow.produce.audit")["acl.machine.allow.produce.audit"]
    assert (result.status, result.evidence["stored"]) == ("verified", "no record: every partition has data")
    assert spans(harness, "audit") == before
    assert all(high - low == 1 for low, high in before)


def test_a_missing_grant_fails_the_allow_contract(harness: Harness) -> None:
    environment = harness.environment
    writer = environment.principal("writer")
    more = writer.model_copy(update={"grants": (*writer.grants, Grant(topic="audit", allow=("produce",)))})
    of = environment.model_copy(update={"principals": (more,)})
    result = probe(harness, "acl.writer.allow.produce.audit", of=of)["acl.writer.allow.produce.audit"]
    assert result.status == "failed"
    assert "refuses produce on audit: TOPIC_AUTHORIZATION_FAILED" in result.reason


@contextlib.contextmanager
def extra_acl(harness: Harness, resource: ResourceType, name: str, operation: AclOperation) -> Iterator[None]:
    fields = (resource, name, ResourcePatternType.LITERAL, "User:reader", "*", operation, AclPermissionType.ALLOW)
    binding, pattern = AclBinding(*fields), AclBindingFilter(*fields)
    admin = harness.admin
    admin.create_acls([binding])[binding].result()
    try:
        assert wait_until(lambda: admin.describe_acls(pattern).result() == [binding], deadline_s=60)
        yield
    finally:
        admin.delete_acls([pattern])[pattern].result()
        assert wait_until(lambda: not admin.describe_acls(pattern).result(), deadline_s=60)


def test_a_grant_too_many_fails_the_deny_contract(harness: Harness) -> None:
    with extra_acl(harness, ResourceType.TOPIC, "orders", AclOperation.WRITE):
        result = probe(harness, "acl.reader.deny.produce.orders")["acl.reader.deny.produce.orders"]
    assert result.status == "failed"
    assert "lets the principal produce on orders" in result.reason


def test_a_wildcard_fails_what_concerns_other_topics_and_groups(harness: Harness) -> None:
    with extra_acl(harness, ResourceType.TOPIC, "*", AclOperation.DESCRIBE):
        other = probe(harness, "acl.reader.deny.other-topic")["acl.reader.deny.other-topic"]
    assert (other.status, "lists topic ephk-probe-t3st" in other.reason) == ("failed", True)
    with extra_acl(harness, ResourceType.GROUP, "*", AclOperation.READ):
        group = probe(harness, "acl.reader.deny.group")["acl.reader.deny.group"]
    assert (group.status, "lets the principal group" in group.reason) == ("failed", True)


def test_a_wrong_ca_fails_the_chain_and_is_named_elsewhere(harness: Harness) -> None:
    of = cluster(harness, ca_pem=self_signed("stranger").certificate_pem)
    found = probe(harness, "listener.tls.*", "auth.scram.accepts", of=of)
    assert found["listener.tls.chain"].status == "failed"
    assert "does not verify" in found["listener.tls.chain"].reason
    assert found["listener.tls.expiry"].status == "verified"
    assert found["auth.scram.accepts"].status == "error"
    assert found["auth.scram.accepts"].evidence["diagnosis"] == "tls.certificate.untrusted"


def test_a_name_that_the_certificate_lacks_fails(harness: Harness) -> None:
    ports = [entry.rpartition(":")[2] for entry in harness.environment.cluster.bootstrap["scram"].split(",")]
    of = cluster(harness, bootstrap={"scram": ",".join(f"127.0.0.2:{port}" for port in ports)})
    with forwarders([int(port) for port in ports]):
        result = probe(harness, "listener.tls.hostname", of=of)["listener.tls.hostname"]
    assert (result.status, "not for 127.0.0.2" in result.reason) == ("failed", True)


def test_a_password_that_the_brokers_do_not_know_fails(harness: Harness) -> None:
    stranger = scram_principal(harness.session, harness.brokers, "late")
    harness.session.client("secretsmanager").put_secret_value(
        SecretId=stranger.secret_arn, SecretString=json.dumps({"username": "late", "password": "not-the-password"})
    )
    of = harness.environment.model_copy(update={"principals": (stranger,)})
    found = probe(harness, "auth.scram.*", "acl.late.deny.group", of=of)
    assert found["auth.scram.accepts"].status == "failed"
    assert "refused late: SASL_AUTHENTICATION_FAILED" in found["auth.scram.accepts"].reason
    assert found["acl.late.deny.group"].status == "error"
    assert found["acl.late.deny.group"].evidence["diagnosis"] == "sasl.credentials"
    assert "not-the-password" not in json.dumps([r.as_dict() for r in found.values()])


def test_an_mtls_listener_that_asks_for_no_certificate_fails(harness: Harness) -> None:
    of = cluster(harness, bootstrap={"mtls": harness.environment.cluster.bootstrap["scram"]})
    found = probe(harness, "auth.mtls.*refused", of=of)
    assert {r.status for r in found.values()} == {"failed"}
    assert "accepted a client without a certificate" in found["auth.mtls.no-certificate.refused"].reason


def test_a_port_that_nobody_listens_on_is_named(harness: Harness) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        of = cluster(harness, bootstrap={"scram": f"localhost:{taken.getsockname()[1]}"}, brokers=1)
        found = probe(harness, "listener.*", "acl.writer.deny.group", of=of)
    assert {r.status for r in found.values()} == {"error"}
    assert {r.evidence["diagnosis"] for r in found.values()} == {"tcp.refused"}


@contextlib.contextmanager
def forwarders(ports: list[int]) -> Iterator[None]:
    """Make brokers reachable under an address that their certificates do not name."""

    def forward(port: int) -> Any:
        def handle(client: socket.socket) -> None:
            with socket.create_connection(("127.0.0.1", port)) as broker:
                back = threading.Thread(target=pump, args=(broker, client), daemon=True)
                back.start()
                pump(client, broker)
                back.join(5)

        return handle

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(serving(forward(port), "127.0.0.2", port))
        yield


def test_a_plaintext_listener_fails(harness: Harness) -> None:
    def answer(connection: socket.socket) -> None:
        request = connection.recv(1024)
        if request[4:6] == b"\x00\x12":  # ApiVersions
            connection.sendall(
                bytes.fromhex("00000010") + request[8:12] + bytes(2) + bytes.fromhex("00000001001200000003")
            )

    with serving(answer) as port:
        of = cluster(harness, bootstrap={"scram": f"127.0.0.1:{port}"}, brokers=1)
        result = probe(harness, "listener.plaintext.refused", of=of)["listener.plaintext.refused"]
    assert (result.status, "answered a client without TLS" in result.reason) == ("failed", True)


def test_a_listener_that_says_nothing_is_no_refusal(harness: Harness) -> None:
    silent = threading.Event()
    with serving(lambda _connection: silent.wait(20)) as port:
        of = cluster(harness, bootstrap={"scram": f"127.0.0.1:{port}"}, brokers=1)
        result = probe(harness, "listener.plaintext.refused", of=of)["listener.plaintext.refused"]
        silent.set()
    assert result.status == "error"
    assert "kept the connection open" in result.reason


def test_a_listener_that_speaks_old_tls_fails(harness: Harness, tmp_path: Path) -> None:
    pair = self_signed("localhost")
    (tmp_path / "c.pem").write_text(pair.certificate_pem + pair.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    with serving(answer) as port:
        of = cluster(harness, bootstrap={"scram": f"127.0.0.1:{port}"}, brokers=1)
        result = probe(harness, "listener.tls.version", of=of)["listener.tls.version"]
    assert (result.status, "agreed to TLSv1" in result.reason) == ("failed", True), result


def test_an_open_security_group_fails(harness: Harness) -> None:
    ec2 = harness.session.client("ec2")
    network = harness.environment.network
    assert network is not None
    world = {"IpProtocol": "tcp", "FromPort": 9092, "ToPort": 9092, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=network.broker_security_group_id, IpPermissions=[world])
    try:
        found = probe(harness, "network.*", "tags.complete")
    finally:
        ec2.revoke_security_group_ingress(GroupId=network.broker_security_group_id, IpPermissions=[world])
    assert found["network.security-group.least"].status == "failed"
    assert "0.0.0.0/0" in found["network.security-group.least"].reason
    assert found["network.private-subnets"].status == "verified"
    assert "ec2 security group rule" in found["tags.complete"].reason


def test_a_security_group_that_lets_addresses_in_instead_of_a_group_fails(harness: Harness) -> None:
    ec2 = harness.session.client("ec2")
    network = harness.environment.network
    assert network is not None
    whole_vpc = {"IpProtocol": "tcp", "FromPort": 9096, "ToPort": 9096, "IpRanges": [{"CidrIp": "10.42.0.0/16"}]}
    ec2.authorize_security_group_ingress(GroupId=network.broker_security_group_id, IpPermissions=[whole_vpc])
    try:
        result = probe(harness, "network.security-group.least")["network.security-group.least"]
    finally:
        ec2.revoke_security_group_ingress(GroupId=network.broker_security_group_id, IpPermissions=[whole_vpc])
    assert (result.status, "10.42.0.0/16 on tcp 9096-9096, which is no group" in result.reason) == ("failed", True)


def test_a_route_to_the_internet_fails(harness: Harness) -> None:
    ec2 = harness.session.client("ec2")
    network = harness.environment.network
    assert network is not None
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc_id)
    where = {"RouteTableId": network.route_table_ids[1], "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.create_route(**where, GatewayId=gateway)
    try:
        result = probe(harness, "network.private-subnets")["network.private-subnets"]
    finally:
        ec2.delete_route(**where)
    assert (result.status, f"{network.subnet_ids[1]} routes 0.0.0.0/0" in result.reason) == ("failed", True)


def test_a_subnet_without_the_endpoint_fails(harness: Harness) -> None:
    ec2 = harness.session.client("ec2")
    network = harness.environment.network
    assert network is not None
    change = {"VpcEndpointId": network.s3_endpoint_id}
    ec2.modify_vpc_endpoint(**change, RemoveRouteTableIds=[network.route_table_ids[2]])
    try:
        result = probe(harness, "network.route.s3-endpoint")["network.route.s3-endpoint"]
    finally:
        ec2.modify_vpc_endpoint(**change, AddRouteTableIds=[network.route_table_ids[2]])
    assert (result.status, network.subnet_ids[2] in result.reason) == ("failed", True)


def test_a_missing_tag_is_named(harness: Harness) -> None:
    iam = harness.session.client("iam")
    iam.untag_role(RoleName="t3st-client", TagKeys=["ephk:owner"])
    try:
        result = probe(harness, "tags.complete")["tags.complete"]
    finally:
        iam.tag_role(RoleName="t3st-client", Tags=[{"Key": "ephk:owner", "Value": "tests"}])
    assert result.status == "failed"
    assert result.evidence["incomplete"] == {"iam role t3st-client": ["ephk:owner missing"]}


def test_a_bucket_without_its_key_fails(harness: Harness) -> None:
    s3, bucket = harness.session.client("s3"), harness.environment.bucket
    assert bucket is not None
    before = s3.get_bucket_encryption(Bucket=bucket.name)["ServerSideEncryptionConfiguration"]
    s3.delete_bucket_encryption(Bucket=bucket.name)
    try:
        result = probe(harness, "bucket.encryption")["bucket.encryption"]
    finally:
        s3.put_bucket_encryption(Bucket=bucket.name, ServerSideEncryptionConfiguration=before)
    assert (result.status, "does not encrypt with KMS" in result.reason) == ("failed", True)


def test_probe_objects_do_not_stay(harness: Harness) -> None:
    probe(harness, "bucket.*")
    bucket = harness.environment.bucket
    assert bucket is not None
    answer = harness.session.client("s3").list_object_versions(Bucket=bucket.name)
    assert answer.get("Versions", []) == []
    assert answer.get("DeleteMarkers", []) == []
