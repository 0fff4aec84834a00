"""An alarm that goes off is seen to arrive: its state is set, and the environment's own queue must be told."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contracts.access import Access
from contracts.alarms import Alarm, alarms_of, of_cluster
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract

#: Seconds that a notification may take; on AWS it takes one or two.
_PATIENCE_S = 20.0
#: SQS waits this long for a message before it answers with none, seconds.
_POLL_S = 2
#: What the reasons of a probe's changes begin with, and how the one that takes a change back ends.
_PROBE, _OVER = "ephk probe ", " is over"


def one_of_each_way(alarms: Iterable[Alarm], topic: str) -> list[Alarm]:
    """Return one alarm for each set of actions that has the topic among them: alarms with the same set go one way.

    One that has gone off for a real reason is left alone: its state means something.
    """
    ways: dict[tuple[str, ...], Alarm] = {}
    for alarm in alarms:
        way = tuple(sorted(alarm.get("AlarmActions", [])))
        if topic in way and alarm.get("StateValue") != "ALARM":
            ways.setdefault(way, alarm)
    return list(ways.values())


def notification(body: str) -> Mapping[str, Any]:
    """Return what CloudWatch wrote, from a message of a queue that a topic tells; empty for anything else."""
    try:
        told = json.loads(json.loads(body)["Message"])
    except (ValueError, TypeError, KeyError):
        return {}
    return told if isinstance(told, dict) else {}


def judge_delivery(asked: Sequence[str], told: Mapping[str, str], patience_s: float) -> Outcome:
    """Judge whether each alarm that was set was told.

    Args:
        asked: the alarms whose state was set.
        told: by alarm, the state that the queue was told.
        patience_s: how long was waited, seconds.
    """
    evidence = {"set to ALARM": list(asked), "the queue was told": dict(told)}
    for name in asked:
        if told.get(name) != "ALARM":
            return Failed(
                f"the alarm {name} was set to ALARM, and the queue was not told within {patience_s:g} s", evidence
            )
    return Verified(evidence)


@contract(
    "observability.alarms.delivered",
    title="An alarm that goes off arrives",
    risk="A policy or a subscription is missing, and the night's alarm is lost between CloudWatch and the team",
    statement="An alarm whose state is set to ALARM is told to the queue that is subscribed to its topic",
    remediation="Check the alarm's actions, the topic's subscriptions and policy, and the queue's policy for SNS",
    documentation="Amazon CloudWatch API Reference, SetAlarmState; Amazon SNS Developer Guide, Fanout to SQS queues",
    needs=("alarms.queue", "writes"),
    vantage="control plane",
)
def delivered(access: Access, watch: Watch) -> Outcome:
    """Set one alarm of each way to ALARM, wait for the queue to be told, and set it back."""
    routing = access.environment.alarms
    if routing is None:
        raise ProbeError("the environment has no alarms")
    own = of_cluster(alarms_of(access, watch), access.environment.cluster.name)
    tried = one_of_each_way(own, routing.topic_arn)
    if not tried:
        return Failed("no alarm of the cluster tells the environment's topic", {"topic": routing.topic_arn})
    cloudwatch, mark = access.client("cloudwatch"), f"{_PROBE}{uuid.uuid4().hex}"
    names = [str(alarm["AlarmName"]) for alarm in tried]
    try:
        for name in names:
            watch.waiting(f"the alarm {name} to change its state")
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason=mark)
        patience = watch.remaining(_PATIENCE_S)
        told = _told(access, routing.queue_url, mark, names, Watch(patience))
    finally:
        for alarm in tried:
            cloudwatch.set_alarm_state(
                AlarmName=alarm["AlarmName"],
                StateValue=alarm.get("StateValue", "INSUFFICIENT_DATA"),
                StateReason=f"{mark}{_OVER}",
            )
    return judge_delivery(names, told, round(patience, 1))


def _told(access: Access, queue: str, mark: str, names: Sequence[str], clock: Watch) -> dict[str, str]:
    """Read the queue until it was told of every alarm; what this probe and those before it caused is taken out.

    An alarm with actions for OK is told once more when the probe sets it back. Nobody waits for that message, so that
    the next probe removes it: left alone, they would fill the queue until none finds its own any more.
    """
    sqs, told = access.client("sqs"), dict[str, str]()
    while len(told) < len(names) and clock.remaining() > 0.1:
        # Others' messages come back after a moment: whoever else reads the queue misses nothing.
        answer = sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=_POLL_S, VisibilityTimeout=_POLL_S
        )
        for message in answer.get("Messages", []):
            seen = notification(message["Body"])
            reason = str(seen.get("NewStateReason", ""))
            if reason.startswith(mark):
                told[str(seen["AlarmName"])] = str(seen["NewStateValue"])
            elif not (reason.startswith(_PROBE) and reason.endswith(_OVER)):
                continue
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return told
