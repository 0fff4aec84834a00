"""Kafka requests as live attempts of `kafka-cluster` permissions, over the IAM listener."""

from __future__ import annotations

from contracts import probe_topic
from contracts.iam.attempts import Attempt, KafkaAnswerError
from contracts.iam.scene import Check, Scene
from contracts.wire import BrokerConnection, acl_requests, requests


def _connection(scene: Scene) -> BrokerConnection:
    return scene.access.any_connection(scene.role.identity, scene.watch)


def connect(scene: Scene) -> Check:
    """Return the check of `kafka-cluster:Connect`: the listener takes or refuses the role's token."""
    return Check("kafka-cluster:Connect", scene.environment.cluster.arn, Attempt(lambda: _connection(scene)))


def describe_topic(scene: Scene, topic: str) -> Check:
    """Return the check of `kafka-cluster:DescribeTopic` on one topic."""

    def call() -> None:
        code = requests.metadata(_connection(scene), [topic]).topics[topic].error
        if code:
            raise KafkaAnswerError(code)

    return Check("kafka-cluster:DescribeTopic", scene.kafka_arn("topic", topic), Attempt(call))


def describe_acls(scene: Scene) -> Check:
    """Return the check of `kafka-cluster:DescribeCluster`, which listing ACLs needs."""

    def call() -> None:
        code, _ = acl_requests.describe_acls(_connection(scene))
        if code:
            raise KafkaAnswerError(code)

    return Check("kafka-cluster:DescribeCluster", scene.environment.cluster.arn, Attempt(call))


def create_topic(scene: Scene) -> Check:
    """Return the check of `kafka-cluster:CreateTopic`: the operator's own topic of a run (see `probe_topic`)."""
    name = scene.access.probe_topic_name
    create = Attempt(lambda: probe_topic.ensure(scene.access, scene.watch))
    return Check("kafka-cluster:CreateTopic", scene.kafka_arn("topic", name), create)
