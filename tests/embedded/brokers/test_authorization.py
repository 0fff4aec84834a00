"""What an identity may do: IAM identities by the authority, the others by ACLs."""

from __future__ import annotations

import time
import uuid

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from orchestrator.embedded.brokers import BrokerCluster
from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.processes import wait_until

from . import clients
from .authority import OPERATOR, Authority, iam_token


@pytest.fixture
def operator(cluster: BrokerCluster) -> AdminClient:
    return clients.admin(clients.iam(cluster, lambda: iam_token("AKIAOPERATOR")))


@pytest.fixture
def topic(operator: AdminClient) -> str:
    name = f"orders-{uuid.uuid4().hex[:8]}"
    operator.create_topics([NewTopic(name, 1, 1)])[name].result(20)
    return name


def allow(operator: AdminClient, principal: str, kind: ResourceType, name: str, operation: AclOperation) -> None:
    binding = AclBinding(kind, name, ResourcePatternType.LITERAL, principal, "*", operation, AclPermissionType.ALLOW)
    operator.create_acls([binding])[binding].result(20)
    wanted = AclBindingFilter(
        kind, name, ResourcePatternType.LITERAL, principal, "*", operation, AclPermissionType.ALLOW
    )
    assert wait_until(lambda: operator.describe_acls(wanted).result(10), deadline_s=60)


def test_scram_user_with_grants_produces_and_consumes(
    cluster: BrokerCluster, operator: AdminClient, topic: str
) -> None:
    cluster.put_scram_user("worker", "password")
    config = clients.scram(cluster, "worker", "password")
    allow(operator, "User:worker", ResourceType.TOPIC, topic, AclOperation.WRITE)
    allow(operator, "User:worker", ResourceType.TOPIC, topic, AclOperation.READ)
    allow(operator, "User:worker", ResourceType.GROUP, "workers", AclOperation.READ)
    assert clients.produce({**config, "enable.idempotence": True}, topic, b"hello") is None
    assert clients.consume(config, topic, "workers") == b"hello"


def test_scram_user_without_a_grant_is_denied_by_name(cluster: BrokerCluster, topic: str) -> None:
    cluster.put_scram_user("nobody", "password")
    error = clients.produce(clients.scram(cluster, "nobody", "password"), topic)
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    answer = clients.consume(clients.scram(cluster, "nobody", "password"), topic, "a-group")
    assert isinstance(answer, KafkaError)
    assert answer.code() in {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}


def test_mtls_principal_is_the_common_name(
    cluster: BrokerCluster, operator: AdminClient, client_ca: CertificateAuthority, topic: str
) -> None:
    config = clients.mtls(cluster, client_ca.issue("carol"))
    error = clients.produce(config, topic)
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    allow(operator, "User:carol", ResourceType.TOPIC, topic, AclOperation.WRITE)
    assert clients.produce(config, topic) is None


def _refused(client: AdminClient) -> int:
    with pytest.raises(KafkaException) as caught:
        client.create_topics([NewTopic("never", 1, 1)])["never"].result(20)
    return caught.value.args[0].code()


@pytest.mark.parametrize("name", [OPERATOR, "ephk-internal"])
def test_certificate_cannot_borrow_a_name_of_another_listener(
    cluster: BrokerCluster, client_ca: CertificateAuthority, name: str
) -> None:
    client = clients.admin(clients.mtls(cluster, client_ca.issue(name)))
    assert _refused(client) in {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}


def test_iam_operator_may_administer_and_use_topics(cluster: BrokerCluster, operator: AdminClient, topic: str) -> None:
    config = clients.iam(cluster, lambda: iam_token("AKIAOPERATOR"))
    assert clients.produce({**config, "enable.idempotence": True}, topic, b"by IAM") is None
    assert clients.consume(config, topic, "iam-group") == b"by IAM"
    assert (
        operator.describe_acls(
            AclBindingFilter(
                ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
            )
        ).result(10)
        is not None
    )


def test_other_iam_identity_is_denied_even_with_an_acl(
    cluster: BrokerCluster, operator: AdminClient, topic: str
) -> None:
    from .authority import STRANGER

    for principal in (f"User:{STRANGER}", "User:*"):
        allow(operator, principal, ResourceType.TOPIC, topic, AclOperation.WRITE)
    config = clients.iam(cluster, lambda: iam_token("AKIASTRANGER"))
    error = clients.produce(config, topic)
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert _refused(clients.admin(config)) in {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }


def test_authority_is_asked_in_kafkas_words(cluster: BrokerCluster, authority: Authority, topic: str) -> None:
    clients.produce(clients.iam(cluster, lambda: iam_token("AKIAOPERATOR")), topic)
    literal = {"pattern_type": "LITERAL", "principal": OPERATOR}
    for wanted in (
        {"operation": "CREATE", "resource_type": "CLUSTER", "resource_name": "kafka-cluster"},
        {"operation": "WRITE", "resource_type": "TOPIC", "resource_name": topic},
        {"operation": "DESCRIBE", "resource_type": "TOPIC", "resource_name": topic},
    ):
        assert {**wanted, **literal} in authority.authorizations, wanted


def test_answers_are_remembered_for_a_second_only(cluster: BrokerCluster, authority: Authority, topic: str) -> None:
    """A hot producer must not ask the authority for each of its requests."""
    producer = clients.Producer(clients.iam(cluster, lambda: iam_token("AKIAOPERATOR")) | {"linger.ms": 0})
    begun = time.monotonic()
    for _ in range(200):
        producer.produce(topic, b"value")
        producer.flush(10)
    elapsed = time.monotonic() - begun
    asked = [r for r in authority.authorizations if r["resource_name"] == topic and r["operation"] == "WRITE"]
    assert 1 <= len(asked) <= 2 + elapsed * 2
