"""Alarms: what a team must be told of is watched, and somebody is told.

An alarm counts for what it would do: it must watch the metric of this cluster, go off at a value that only a broken
cluster has, and stay silent at one of a sound cluster. Who made it, and what it is called, does not matter.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.model import Failed, NotCovered, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from orchestrator.msk_metrics import BROKER_DIMENSION, CLUSTER_DIMENSION, NAMESPACE, WATCHED, WatchedMetric

Alarm = Mapping[str, Any]
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_PAGE = "Amazon MSK Developer Guide, Amazon MSK metrics for monitoring Standard brokers with CloudWatch"
#: MSK publishes each minute; a young cluster's first values take some.
_RECENT = timedelta(minutes=15)


def dimensions_of(metric: Mapping[str, Any]) -> dict[str, str]:
    """Return the dimensions of a metric, or of an alarm on one, by name."""
    return {one["Name"]: one["Value"] for one in metric.get("Dimensions", [])}


def watched_by(alarm: Alarm) -> list[tuple[str, dict[str, str]]]:
    """Return the MSK metrics that an alarm looks at, each with its dimensions."""
    if alarm.get("MetricName"):
        metrics = [alarm] if alarm.get("Namespace") == NAMESPACE else []
    else:
        measured = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
        metrics = [metric for metric in measured if metric.get("Namespace") == NAMESPACE]
    return [(metric["MetricName"], dimensions_of(metric)) for metric in metrics]


def of_cluster(alarms: Iterable[Alarm], cluster: str) -> list[Alarm]:
    """Return the alarms that look at a metric of the cluster."""
    return [
        alarm
        for alarm in alarms
        if any(dimensions.get(CLUSTER_DIMENSION) == cluster for _, dimensions in watched_by(alarm))
    ]


def goes_off(alarm: Alarm, value: float) -> bool:
    """Tell whether a value breaches an alarm's threshold."""
    compare = _COMPARE.get(str(alarm.get("ComparisonOperator")))
    return compare is not None and "Threshold" in alarm and compare(value, float(alarm["Threshold"]))


def _watches(alarm: Alarm, metric: WatchedMetric, dimensions: Mapping[str, str]) -> bool:
    seen = watched_by(alarm)
    return all((name, dict(dimensions)) in seen for name in metric.metrics) and len(seen) == len(metric.metrics)


def _wanted(cluster: str, brokers: int) -> Iterator[tuple[WatchedMetric, str, dict[str, str]]]:
    for metric in WATCHED:
        for number in range(1, brokers + 1) if metric.per_broker else (0,):
            dimensions = {CLUSTER_DIMENSION: cluster} | ({BROKER_DIMENSION: str(number)} if number else {})
            yield metric, f"{metric.label} of broker {number}" if number else metric.label, dimensions


def judge_present(alarms: Sequence[Alarm], cluster: str, brokers: int) -> Outcome:
    """Judge whether every metric that a team must be told of has an alarm that would go off, and only then.

    Args:
        alarms: every alarm of the account and region, as described.
        cluster: the cluster's name.
        brokers: how many brokers it has.
    """
    own = of_cluster(alarms, cluster)
    evidence: dict[str, Any] = {"cluster": cluster, "alarms": len(own), "watched": {}}
    for metric, what, dimensions in _wanted(cluster, brokers):
        watching = [alarm for alarm in own if _watches(alarm, metric, dimensions)]
        if not watching:
            return Failed(f"no alarm watches {what}", evidence)
        right = [one for one in watching if goes_off(one, metric.broken) and not goes_off(one, metric.sound)]
        if not right:
            return Failed(_why_useless(watching[0], metric, what), evidence)
        evidence["watched"][what] = f"{right[0]['AlarmName']}: {right[0]['ComparisonOperator']} {right[0]['Threshold']}"
    return Verified(evidence)


def _why_useless(alarm: Alarm, metric: WatchedMetric, what: str) -> str:
    rule = f"{alarm.get('ComparisonOperator')} {alarm.get('Threshold')}"
    if not goes_off(alarm, metric.broken):
        return f"the alarm {alarm['AlarmName']} on {what} stays silent at {metric.broken:g}: its rule is {rule}"
    return f"the alarm {alarm['AlarmName']} on {what} goes off at {metric.sound:g}, which is sound: its rule is {rule}"


def alarms_of(access: Access, watch: Watch) -> list[Alarm]:
    """Return every metric alarm of the account and region; asked for once."""

    def ask() -> list[Alarm]:
        watch.waiting("the account's alarms")
        pages = access.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
        return [alarm for page in pages for alarm in page.get("MetricAlarms", [])]

    return access.once("alarms", ask, watch)


@contract(
    "observability.alarms.present",
    title="What a team must be told of is watched",
    risk="A broker fills its disk or partitions go offline, and the first to notice are the users",
    statement=(
        "Controller, offline, under-replicated and under-min-ISR partitions, disk and CPU of every broker have an "
        "alarm that goes off at a broken value and not at a sound one"
    ),
    remediation="Make the missing alarm on the cluster's metric in AWS/Kafka, with the threshold that the reason names",
    documentation=f"{_PAGE}; Best practices for Standard brokers",
    needs=("alarms",),
    vantage="control plane",
)
def present(access: Access, watch: Watch) -> Outcome:
    """Compare the account's alarms with what has to be watched."""
    cluster = access.environment.cluster
    return judge_present(alarms_of(access, watch), cluster.name, cluster.brokers)


def judge_actions(alarms: Sequence[Alarm], confirmed: Mapping[str, int | None]) -> Outcome:
    """Judge whether every alarm of a cluster tells somebody.

    Args:
        alarms: the cluster's alarms.
        confirmed: by SNS topic, how many subscriptions are confirmed; None when the topic does not exist.
    """
    evidence = {"alarms": len(alarms), "confirmed subscriptions": dict(confirmed)}
    if not alarms:
        return Failed("the cluster has no alarm", evidence)
    for alarm in alarms:
        name, actions = alarm["AlarmName"], alarm.get("AlarmActions", [])
        if not alarm.get("ActionsEnabled", True):
            return Failed(f"the actions of the alarm {name} are disabled", evidence)
        if not actions:
            return Failed(f"the alarm {name} has no action", evidence)
        for topic in (action for action in actions if ":sns:" in action):
            if confirmed.get(topic) is None:
                return Failed(f"the alarm {name} tells {topic}, which does not exist", evidence)
            if not confirmed[topic]:
                return Failed(f"the alarm {name} tells {topic}, to which nobody is subscribed", evidence)
    return Verified(evidence)


@contract(
    "observability.alarms.actions",
    title="Every alarm tells somebody",
    risk="The alarm goes off, and nobody is told",
    statement="Every alarm of the cluster has enabled actions, and each topic among them has a confirmed subscription",
    remediation="Give the alarm an SNS topic as its action, and confirm a subscription of the team to it",
    documentation="Amazon CloudWatch User Guide, Notifying users on alarm changes; Amazon SNS Developer Guide",
    needs=("alarms",),
    vantage="control plane",
)
def actions(access: Access, watch: Watch) -> Outcome:
    """Follow every alarm's actions to the topics' subscriptions."""
    own = of_cluster(alarms_of(access, watch), access.environment.cluster.name)
    topics = sorted({action for alarm in own for action in alarm.get("AlarmActions", []) if ":sns:" in action})
    return judge_actions(own, {topic: _confirmed(access, topic, watch) for topic in topics})


def _confirmed(access: Access, topic: str, watch: Watch) -> int | None:
    watch.waiting(f"the subscriptions of {topic}")
    try:
        pages = access.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        arns = [one["SubscriptionArn"] for page in pages for one in page["Subscriptions"]]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NotFound", "NotFoundException"):
            raise
        return None
    return sum(str(arn).startswith("arn:") for arn in arns)  # "PendingConfirmation" stands in the place of an ARN


def judge_metrics(newest: Mapping[str, datetime | None]) -> Outcome:
    """Judge whether every watched metric has a recent value; an alarm without data never goes off."""
    evidence = {what: f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else "no value" for what, moment in newest.items()}
    if missing := [what for what, moment in newest.items() if moment is None]:
        return Failed(f"no value of {missing[0]} in {_RECENT.seconds // 60} minutes", evidence)
    return Verified(evidence)


@contract(
    "observability.metrics.arrive",
    title="The metrics that alarms watch have values",
    risk="Alarms wait for data that never comes, and stay silent while the cluster is broken",
    statement="Every metric that a team must be told of has a value of the last quarter of an hour",
    remediation="Check the cluster's monitoring level and state; a cluster publishes some minutes after it is ACTIVE",
    documentation=_PAGE,
    needs=("alarms",),
    vantage="control plane",
)
def metrics(access: Access, watch: Watch) -> Outcome:
    """Ask CloudWatch for the newest value of each metric."""
    cluster, now = access.environment.cluster, datetime.now(UTC)
    if access.environment.target == "embedded":
        return NotCovered("the embedded MSK publishes no metrics to CloudWatch: a run on AWS shows whether they arrive")
    if now - access.environment.created_at < _RECENT:
        raise ProbeError("the cluster is younger than a quarter of an hour, and its first values take some minutes")
    client = access.client("cloudwatch")
    newest: dict[str, datetime | None] = {}
    for metric, what, dimensions in _wanted(cluster.name, cluster.brokers):
        for name in metric.metrics:
            watch.waiting(f"the values of {what}")
            points = client.get_metric_statistics(
                Namespace=NAMESPACE,
                MetricName=name,
                Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
                StartTime=now - _RECENT,
                EndTime=now,
                Period=60,
                Statistics=["Maximum"],
            )["Datapoints"]
            label = what.replace(metric.label, name)
            newest[label] = max((point["Timestamp"] for point in points), default=None)
    return judge_metrics(newest)
