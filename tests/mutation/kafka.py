"""Misconfigurations of what the brokers hold: ACLs, topics, settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourcePatternType,
    ResourceType,
)

from contracts.model import Watch
from contracts.wire import reassign, requests
from orchestrator.kafka_admin import KafkaAdmin
from orchestrator.processes import wait_until
from tests.mutation.model import ELSEWHERE, Mutation
from tests.mutation.scene import SETTLE_S, Scene

Broken = Callable[[Scene], AbstractContextManager[object]]
_ANSWER_S = 20.0


def acl(
    principal: str,
    operation: str,
    kind: str,
    name: str,
    *,
    pattern: str = "LITERAL",
    permission: str = "ALLOW",
    host: str = "*",
) -> tuple[Any, ...]:
    """Return an ACL's fields in the order that bindings and filters take them."""
    # librdkafka has the cluster's type under its older name.
    return (
        ResourceType["BROKER" if kind == "CLUSTER" else kind],
        name,
        ResourcePatternType[pattern],
        f"User:{principal}",
        host,
        AclOperation[operation],
        AclPermissionType[permission],
    )


def _put(scene: Scene, fields: tuple[Any, ...]) -> None:
    binding = AclBinding(*fields)
    scene.admin.create_acls([binding], request_timeout=_ANSWER_S)[binding].result(_ANSWER_S)
    assert wait_until(lambda: _held(scene, fields), deadline_s=SETTLE_S, poll_s=0.05)


def _drop(scene: Scene, fields: tuple[Any, ...]) -> None:
    one = AclBindingFilter(*fields)
    assert len(scene.admin.delete_acls([one], request_timeout=_ANSWER_S)[one].result(_ANSWER_S)) == 1
    assert wait_until(lambda: not _held(scene, fields), deadline_s=SETTLE_S, poll_s=0.05)


def _held(scene: Scene, fields: tuple[Any, ...]) -> bool:
    return bool(scene.admin.describe_acls(AclBindingFilter(*fields), request_timeout=_ANSWER_S).result(_ANSWER_S))


def added(*fields: Any, **more: Any) -> Broken:
    """Add an ACL."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        _put(scene, acl(*fields, **more))
        try:
            yield
        finally:
            _drop(scene, acl(*fields, **more))

    return broken


def dropped(*fields: Any, **more: Any) -> Broken:
    """Drop an ACL that is there."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        _drop(scene, acl(*fields, **more))
        try:
            yield
        finally:
            _put(scene, acl(*fields, **more))

    return broken


def setting(kind: str, name: str, key: str, value: str, back: str | None = None) -> Broken:
    """Change a dynamic setting of a topic or a broker; `back` is its declared value, None means none."""

    def alter(scene: Scene, operation: AlterConfigOpType, to: str) -> None:
        entry = ConfigEntry(key, to, incremental_operation=operation)
        resource = ConfigResource(ConfigResource.Type[kind], name, incremental_configs=[entry])
        answer = scene.admin.incremental_alter_configs([resource], request_timeout=_ANSWER_S)
        answer[resource].result(_ANSWER_S)

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        alter(scene, AlterConfigOpType.SET, value)
        try:
            yield
        finally:
            alter(scene, AlterConfigOpType.SET if back else AlterConfigOpType.DELETE, back or "")

    return broken


def _make_again(scene: Scene, topic: str) -> None:
    scene.admin.delete_topics([topic], request_timeout=_ANSWER_S)[topic].result(_ANSWER_S)
    _make(scene, topic)


def _make(scene: Scene, topic: str) -> None:
    declared = [found for found in scene.environment.topics if found.name == topic]
    gone = lambda: topic not in scene.admin.list_topics(timeout=_ANSWER_S).topics  # noqa: E731
    assert wait_until(gone, deadline_s=SETTLE_S)
    KafkaAdmin(scene._access).create(declared, [])


@contextmanager
def more_partitions(scene: Scene) -> Iterator[None]:
    """Add a partition; records with the same key land elsewhere from then on."""
    grown = NewPartitions("payments", 4)
    scene.admin.create_partitions([grown], request_timeout=_ANSWER_S)["payments"].result(_ANSWER_S)
    try:
        yield
    finally:
        _make_again(scene, "payments")


@contextmanager
def deleted(scene: Scene) -> Iterator[None]:
    """Delete a topic."""
    scene.admin.delete_topics(["payments"], request_timeout=_ANSWER_S)["payments"].result(_ANSWER_S)
    try:
        yield
    finally:
        _make(scene, "payments")


@contextmanager
def fewer_replicas(scene: Scene) -> Iterator[None]:
    """Leave a partition with one replica."""
    access, watch = scene._access, Watch(SETTLE_S)
    connection = access.any_connection(access.operator, watch)
    before = requests.metadata(connection, ["payments"]).topics["payments"]
    brokers = sorted(access.brokers(access.operator, watch))

    def move(replicas: list[int]) -> None:
        code, message = reassign.move_partition(connection, "payments", 0, replicas, timeout_ms=20_000)
        assert code == 0, message
        there = lambda: requests.metadata(connection, ["payments"]).topics["payments"].replicas[0] == len(replicas)  # noqa: E731
        assert wait_until(there, deadline_s=SETTLE_S)

    move([before.leaders[0]])
    try:
        yield
    finally:
        move(brokers)


def topic(identifier: str, what: str, broken: Broken, name: str = "payments", **more: Any) -> Mutation:
    """Return a mutation of one topic."""
    return Mutation(identifier, what, broken, (f"topic.{name}.as-declared",), **more)


_PRODUCER, _SERVICE, _BRIDGE = "orders-producer", "orders-service", "orders-bridge"

MUTATIONS = (
    Mutation(
        "acl-dropped",
        "a producer's ACL is gone",
        dropped(_PRODUCER, "WRITE", "TOPIC", "orders"),
        ("acl.orders-producer.allow.produce.orders", "acl.drift"),
    ),
    Mutation(
        "acl-group-dropped",
        "a consumer group's ACL is gone",
        dropped(_SERVICE, "READ", "GROUP", "orders-service"),
        ("acl.orders-service.allow.consume.orders", "acl.drift"),
    ),
    Mutation(
        "acl-wildcard",
        "a producer may read every topic",
        added(_PRODUCER, "READ", "TOPIC", "*"),
        (
            "acl.orders-producer.deny.consume.*",
            "acl.orders-producer.deny.other-topic",
            "acl.drift",
            "iam.lint.kafka-acl-wildcard",
        ),
    ),
    Mutation(
        "acl-wildcard-group",
        "a consumer may use every group",
        added(_SERVICE, "READ", "GROUP", "*"),
        ("acl.orders-service.deny.group", "acl.drift", "iam.lint.kafka-acl-wildcard"),
    ),
    Mutation(
        "acl-describe-all",
        "a producer sees every topic",
        added(_PRODUCER, "DESCRIBE", "TOPIC", "*"),
        ("acl.orders-producer.deny.other-topic", "acl.drift", "iam.lint.kafka-acl-wildcard"),
    ),
    Mutation(
        "acl-prefix",
        "a grant covers a prefix",
        added(_PRODUCER, "WRITE", "TOPIC", "pay", pattern="PREFIXED"),
        ("acl.orders-producer.deny.produce.payments", "acl.drift"),
    ),
    Mutation(
        "acl-everybody",
        "everybody may write a topic",
        added("*", "WRITE", "TOPIC", "payments"),
        ("acl.orders-producer.deny.produce.payments", "acl.drift", "iam.lint.kafka-acl-wildcard"),
    ),
    Mutation(
        "acl-stranger",
        "an ACL for a principal that nobody declared",
        added("left-last-year", "READ", "TOPIC", "orders"),
        ("acl.drift",),
    ),
    Mutation(
        "acl-cluster",
        "an application may alter the cluster",
        added(_PRODUCER, "ALTER", "CLUSTER", "kafka-cluster"),
        ("acl.drift",),
    ),
    Mutation(
        "acl-deny",
        "a denial stands beside a grant",
        added(_BRIDGE, "READ", "TOPIC", "orders", permission="DENY"),
        ("acl.orders-bridge.allow.consume.orders", "acl.drift"),
    ),
    Mutation(
        "acl-one-host",
        "an ACL that reviews take for nothing, since it holds for one host",
        added(_PRODUCER, "READ", "TOPIC", "payments", host="127.0.0.1"),
        ("acl.orders-producer.deny.consume.payments", "acl.drift", "iam.views.agree"),
    ),
    Mutation(
        "acl-deny-client",
        "a denial covers the topics of a client that is tried out",
        added(_PRODUCER, "WRITE", "TOPIC", "ephk-probe-", pattern="PREFIXED", permission="DENY"),
        ("clients.matrix.librdkafka.scram", "streams.exactly-once", "acl.drift"),
        blocked=("clients.matrix.*",),
        leaves_out=ELSEWHERE,
    ),
    topic(
        "topic-retention",
        "a topic's retention was changed",
        setting("TOPIC", "orders", "retention.ms", "60000", "3600000"),
        "orders",
    ),
    topic("topic-compacted", "a topic is compacted by hand", setting("TOPIC", "payments", "cleanup.policy", "compact")),
    topic(
        "topic-in-sync",
        "a topic takes records that one replica has",
        setting("TOPIC", "payments", "min.insync.replicas", "1"),
    ),
    topic("topic-partitions", "a topic has another partition", more_partitions),
    topic("topic-replicas", "a partition has one replica", fewer_replicas),
    Mutation(
        "topic-deleted",
        "a topic was deleted",
        deleted,
        ("topic.payments.as-declared", "acl.*.allow.*.payments"),
        blocked=("acl.*.payments", "iam.*"),
    ),
    Mutation(
        "broker-compresses",
        "a broker compresses everything again",
        setting("BROKER", "2", "compression.type", "gzip"),
        ("client.compression",),
        leaves_out=ELSEWHERE,
    ),
)
