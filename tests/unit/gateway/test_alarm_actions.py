"""An alarm that changes its state tells its topics, and a queue gets only what its policy lets in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from orchestrator.embedded.gateway import moto_fixes

KEYS = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}


class Wiring:
    """An alarm, its topic and a queue that is subscribed to it."""

    def __init__(self, *, let_in: bool = True) -> None:
        self.cloudwatch, self.sns, self.sqs = (boto3.client(name, **KEYS) for name in ("cloudwatch", "sns", "sqs"))  # type: ignore[call-overload]
        self.topic = self.sns.create_topic(Name="t")["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName="q")["QueueUrl"]
        self.queue_arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        if let_in:
            self.policy(self.topic)
        self.subscription = self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=self.queue_arn)
        self.alarm(AlarmActions=[self.topic])

    def policy(self, topic: str) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": self.queue_arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        document = json.dumps({"Version": "2012-10-17", "Id": "p", "Statement": [{"Sid": "s", **statement}]})
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": document})

    def alarm(self, **changes: Any) -> None:
        self.cloudwatch.put_metric_alarm(
            AlarmName="disk", Namespace="AWS/Kafka", MetricName="KafkaDataLogsDiskUsed", Statistic="Maximum",
            ComparisonOperator="GreaterThanThreshold", Threshold=85, EvaluationPeriods=1, Period=60, **changes,
        )  # fmt: skip

    def turn(self, state: str = "ALARM") -> list[dict[str, Any]]:
        self.cloudwatch.set_alarm_state(AlarmName="disk", StateValue=state, StateReason="a probe")
        received = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(json.loads(one["Body"])["Message"]) for one in received]


@pytest.fixture(autouse=True)
def _moto() -> Iterator[None]:
    with mock_aws():
        moto_fixes.apply("cloudwatch")
        moto_fixes.apply("sns")
        yield


def test_a_change_tells_the_actions_of_the_new_state() -> None:
    (told,) = Wiring().turn()
    assert (told["AlarmName"], told["OldStateValue"], told["NewStateValue"]) == ("disk", "OK", "ALARM")
    assert (told["NewStateReason"], told["Trigger"]["MetricName"]) == ("a probe", "KafkaDataLogsDiskUsed")


def test_the_same_state_again_tells_nobody() -> None:
    wiring = Wiring()
    assert len(wiring.turn()) == 1
    assert wiring.turn() == []


def test_a_state_without_an_action_tells_nobody() -> None:
    wiring = Wiring()
    wiring.turn()
    assert wiring.turn("OK") == []


@pytest.mark.parametrize(
    "changes", [{"AlarmActions": []}, {"ActionsEnabled": False}, {"AlarmActions": ["arn:aws:sns:us-east-1:1:gone"]}]
)
def test_an_alarm_that_is_not_wired_tells_nobody(changes: dict[str, Any]) -> None:
    wiring = Wiring()
    wiring.alarm(**{"AlarmActions": [wiring.topic], **changes})
    assert wiring.turn() == []


def test_a_queue_that_does_not_let_the_topic_in_gets_nothing() -> None:
    assert Wiring(let_in=False).turn() == []
    wiring = Wiring()
    wiring.policy(wiring.topic.replace(":t", ":another"))
    assert wiring.turn() == []
