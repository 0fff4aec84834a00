"""What the program declares for alarms and flow logs, and that without them nothing of it is there."""

from __future__ import annotations

import json

import pytest

from orchestrator.msk_metrics import WATCHED
from stacks.inputs import ObservabilityInputs
from tests.unit.stacks import test_stacks_environment as sound
from tests.unit.stacks.stack_mocks import Program, inputs, run

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
TEAM = "arn:aws:sns:eu-west-1:123456789012:on-call"


@pytest.fixture(scope="module")
def program() -> Program:
    return run(inputs(observability=ObservabilityInputs(alarms=True, notify=(TEAM,), flow_logs=True)))


def test_it_keeps_the_rules_of_every_resource(program: Program) -> None:
    sound.test_every_input_is_one_that_the_embedded_provider_implements(program)
    sound.test_everything_that_can_carry_tags_carries_all_of_them(program)
    sound.test_every_name_carries_the_lease(program)


def test_every_watched_metric_has_an_alarm_for_each_broker(program: Program) -> None:
    alarms = program.of(ALARM)
    assert set(alarms) == {
        f"{metric.key}{where}" for metric in WATCHED for where in (("-1", "-2", "-3") if metric.per_broker else ("",))
    }
    assert alarms["controller"].inputs["dimensions"] == {"Cluster Name": "ephk-bcdfghjk"}
    assert alarms["disk-2"].inputs["dimensions"] == {"Cluster Name": "ephk-bcdfghjk", "Broker ID": "2"}
    total, *parts = alarms["cpu-3"].inputs["metricQueries"]
    assert (total["expression"], [part["metric"]["metricName"] for part in parts]) == (
        "m1 + m2",
        ["CpuUser", "CpuSystem"],
    )
    for alarm in alarms.values():
        assert alarm.inputs["alarmActions"] == ["arn:Topic-alarms", TEAM]


def test_only_the_topic_may_send_to_the_queue(program: Program) -> None:
    (statement,) = program.one("aws:sqs/queue:Queue").policy()["Statement"]
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-west-1:123456789012:ephk-bcdfghjk-alarms"}
    }


def test_the_delivery_service_may_write_flow_logs_for_this_account_alone(program: Program) -> None:
    policies = [
        program.one("aws:s3/bucketPolicy:BucketPolicy").policy(),
        program.one("aws:kms/key:Key").policy(),
    ]
    for document in policies:
        let_in = [one for one in document["Statement"] if "delivery.logs" in json.dumps(one["Principal"])]
        assert let_in
        for statement in let_in:
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "123456789012"
    assert program.one("aws:ec2/flowLog:FlowLog").inputs["trafficType"] == "ALL"
    assert program.exports["flow_log_id"] == "FlowLog-vpc"
    assert program.exports["alarms"]["topic_arn"] == "arn:Topic-alarms"


def test_an_environment_that_does_not_ask_has_none_of_it() -> None:
    bare = run(inputs())
    kinds = {item.type for item in bare.resources}
    assert not kinds & {ALARM, "aws:sns/topic:Topic", "aws:sqs/queue:Queue", "aws:ec2/flowLog:FlowLog"}
    assert (bare.exports["alarms"], bare.exports["flow_log_id"]) == (None, None)
    assert "delivery.logs" not in json.dumps(bare.one("aws:kms/key:Key").policy())
