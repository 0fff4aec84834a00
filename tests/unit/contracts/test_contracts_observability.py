"""Alarms, their ways, flow logs and trails: judged in both directions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.alarm_delivery import judge_delivery, notification, one_of_each_way
from contracts.alarms import judge_actions, judge_metrics, judge_present, of_cluster
from contracts.audit import Trail, judge_trails, records_management_events
from contracts.flow_logs import judge_flow_logs
from contracts.model import Failed, Verified
from orchestrator.msk_metrics import WATCHED

TOPIC = "arn:aws:sns:us-east-1:123456789012:t"


def alarm(key: str, broker: int = 0, **changes: Any) -> dict[str, Any]:
    """Return an alarm as the stack makes it and DescribeAlarms shows it."""
    metric = next(one for one in WATCHED if one.key == key)
    names = [{"Name": "Cluster Name", "Value": "c"}] + ([{"Name": "Broker ID", "Value": str(broker)}] if broker else [])
    if len(metric.metrics) == 1:
        what: dict[str, Any] = {"Namespace": "AWS/Kafka", "MetricName": metric.metrics[0], "Dimensions": names}
    else:
        queries = [
            {
                "Id": f"m{n}",
                "MetricStat": {"Metric": {"Namespace": "AWS/Kafka", "MetricName": one, "Dimensions": names}},
            }
            for n, one in enumerate(metric.metrics)
        ]
        what = {"Metrics": [{"Id": "total", "Expression": "m0 + m1"}, *queries]}
    rule = {"ComparisonOperator": metric.comparison, "Threshold": metric.threshold, "AlarmActions": [TOPIC]}
    return {"AlarmName": f"{key}-{broker}", "StateValue": "OK", **what, **rule, **changes}


def all_alarms() -> list[dict[str, Any]]:
    return [alarm(one.key, n) for one in WATCHED for n in ((1, 2) if one.per_broker else (0,))]


def test_every_watched_metric_of_every_broker_needs_an_alarm() -> None:
    outcome = judge_present(all_alarms(), "c", 2)
    assert isinstance(outcome, Verified)
    assert outcome.evidence["alarms"] == len(all_alarms())
    for missing in all_alarms():
        rest = [one for one in all_alarms() if one["AlarmName"] != missing["AlarmName"]]
        assert isinstance(judge_present(rest, "c", 2), Failed), missing["AlarmName"]
    third = judge_present(all_alarms(), "c", 3)
    assert isinstance(third, Failed)
    assert third.reason == "no alarm watches UnderMinIsrPartitionCount of broker 3"


def test_alarms_of_another_cluster_do_not_count() -> None:
    assert of_cluster(all_alarms(), "other") == []
    outcome = judge_present(all_alarms(), "other", 2)
    assert isinstance(outcome, Failed)
    assert outcome.reason == "no alarm watches ActiveControllerCount"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Threshold": 100}, "stays silent at 95"),
        ({"ComparisonOperator": "LessThanThreshold"}, "stays silent at 95"),
        ({"Threshold": 5}, "goes off at 10, which is sound"),
        ({"Namespace": "Custom"}, "no alarm watches KafkaDataLogsDiskUsed of broker 1"),
    ],
)
def test_an_alarm_that_cannot_tell_broken_from_sound_is_none(change: dict[str, Any], says: str) -> None:
    changed = [one | change if one["AlarmName"] == "disk-1" else one for one in all_alarms()]
    outcome = judge_present(changed, "c", 2)
    assert isinstance(outcome, Failed)
    assert says in outcome.reason


def test_a_sum_needs_both_of_its_metrics() -> None:
    half = alarm("cpu", 1)
    half["Metrics"] = half["Metrics"][:2]
    outcome = judge_present([half if one["AlarmName"] == "cpu-1" else one for one in all_alarms()], "c", 2)
    assert isinstance(outcome, Failed)
    assert outcome.reason == "no alarm watches CpuUser + CpuSystem of broker 1"


@pytest.mark.parametrize(
    ("change", "confirmed", "says"),
    [
        ({"ActionsEnabled": False}, 1, "are disabled"),
        ({"AlarmActions": []}, 1, "has no action"),
        ({}, None, "which does not exist"),
        ({}, 0, "to which nobody is subscribed"),
    ],
)
def test_an_alarm_that_tells_nobody_fails(change: dict[str, Any], confirmed: int | None, says: str) -> None:
    assert isinstance(judge_actions([alarm("disk", 1)], {TOPIC: 1}), Verified)
    outcome = judge_actions([alarm("disk", 1, **change)], {TOPIC: confirmed})
    assert isinstance(outcome, Failed)
    assert says in outcome.reason


def test_one_alarm_of_each_way_is_tried_and_never_one_that_went_off_by_itself() -> None:
    other = alarm("disk", 2, AlarmActions=[TOPIC, "arn:aws:sns:us-east-1:123456789012:team"])
    ringing = alarm("cpu", 1, StateValue="ALARM", AlarmActions=["a", TOPIC])
    chosen = one_of_each_way(
        [alarm("disk", 1), alarm("disk", 3), other, ringing, alarm("disk", 4, AlarmActions=[])], TOPIC
    )
    assert [one["AlarmName"] for one in chosen] == ["disk-1", "disk-2"]


def test_what_the_queue_was_not_told_fails() -> None:
    assert isinstance(judge_delivery(["disk-1"], {"disk-1": "ALARM"}, 20), Verified)
    outcome = judge_delivery(["disk-1"], {}, 20)
    assert isinstance(outcome, Failed)
    assert "was not told within 20 s" in outcome.reason
    assert notification(json.dumps({"Message": json.dumps({"AlarmName": "a"})})) == {"AlarmName": "a"}
    assert [notification(text) for text in ("no json", "[]", '{"Message": "text"}', '{"Message": "[]"}')] == [{}] * 4


def test_a_metric_without_a_value_fails() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert isinstance(judge_metrics({"CpuUser of broker 1": now}), Verified)
    outcome = judge_metrics({"CpuUser of broker 1": now, "CpuUser of broker 2": None})
    assert isinstance(outcome, Failed)
    assert outcome.reason == "no value of CpuUser of broker 2 in 15 minutes"


def flow_log(resource: str = "vpc-1", **changes: Any) -> dict[str, Any]:
    sound = {"FlowLogId": f"fl-{resource}", "ResourceId": resource, "FlowLogStatus": "ACTIVE", "TrafficType": "ALL"}
    return {**sound, "DeliverLogsStatus": "SUCCESS", "LogDestination": "arn:aws:s3:::b", **changes}


def test_a_flow_log_of_the_vpc_or_of_every_subnet_is_enough() -> None:
    subnets = ("subnet-1", "subnet-2")
    assert isinstance(judge_flow_logs([flow_log()], "vpc-1", subnets, {}), Verified)
    both = [flow_log(subnet) for subnet in subnets]
    assert isinstance(judge_flow_logs(both, "vpc-1", subnets, {}), Verified)
    for found in ([], both[:1], [flow_log("vpc-2")]):
        assert isinstance(judge_flow_logs(found, "vpc-1", subnets, {}), Failed)


@pytest.mark.parametrize(
    ("change", "missing", "says"),
    [
        ({"FlowLogStatus": "INACTIVE"}, {}, "is INACTIVE"),
        ({"TrafficType": "ACCEPT"}, {}, "records ACCEPT traffic alone"),
        (
            {"DeliverLogsStatus": "FAILED", "DeliverLogsErrorMessage": "Access error"},
            {},
            "cannot deliver: Access error",
        ),
        ({}, {"arn:aws:s3:::b": "which does not exist"}, "delivers to arn:aws:s3:::b, which does not exist"),
    ],
)
def test_a_flow_log_that_records_nothing_useful_fails(
    change: dict[str, Any], missing: dict[str, str], says: str
) -> None:
    outcome = judge_flow_logs([flow_log(**change)], "vpc-1", ("subnet-1",), missing)
    assert isinstance(outcome, Failed)
    assert says in outcome.reason


def test_one_sound_trail_is_enough_and_a_broken_one_is_none() -> None:
    sound = Trail("a", "us-east-1", "b", logging=True, validated=True, management=True)
    off = Trail("off", "us-east-1", "b", logging=False, validated=True, management=True)
    assert isinstance(judge_trails([off, sound]), Verified)
    broken = {
        "is off": off,
        "does not record every management event": Trail("a", "r", "b", True, True, False),
        "does not sign its files": Trail("a", "r", "b", True, False, True),
        "cannot deliver: AccessDenied": Trail("a", "r", "b", True, True, True, "AccessDenied"),
    }
    for says, one in broken.items():
        outcome = judge_trails([one])
        assert isinstance(outcome, Failed)
        assert says in outcome.reason
    assert isinstance(judge_trails([]), Failed)


def test_event_selectors_of_both_kinds_are_understood() -> None:
    assert records_management_events({"EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "All"}]})
    assert not records_management_events(
        {"EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "WriteOnly"}]}
    )
    management = {"Field": "eventCategory", "Equals": ["Management"]}
    assert records_management_events({"AdvancedEventSelectors": [{"FieldSelectors": [management]}]})
    reads = {"Field": "readOnly", "Equals": ["true"]}
    assert not records_management_events({"AdvancedEventSelectors": [{"FieldSelectors": [management, reads]}]})
    data = {"Field": "eventCategory", "Equals": ["Data"]}
    assert not records_management_events({"AdvancedEventSelectors": [{"FieldSelectors": [data]}]})
    assert records_management_events({})  # the default of a trail
