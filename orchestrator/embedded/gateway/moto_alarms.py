"""What an alarm does when its state changes, which moto leaves out: it tells the SNS topics among its actions.

"SetAlarmState" (Amazon CloudWatch API Reference): when the updated state differs from the previous one, the action
configured for the new state is invoked. What a topic is told is described in "Notifying users on alarm changes" (Amazon
CloudWatch User Guide). Nothing evaluates metrics here: an alarm changes its state when somebody sets it, and only then.
"""

from __future__ import annotations

import json
from typing import Any

from orchestrator.iam import PolicySet, Request

#: The attribute of moto's alarm that holds the actions of each state.
_ACTIONS = {"ALARM": "alarm_actions", "OK": "ok_actions", "INSUFFICIENT_DATA": "insufficient_data_actions"}


def act_on_changes() -> None:
    """Have moto's SetAlarmState invoke the actions of the new state, through moto's own SNS."""
    from moto.cloudwatch.models import CloudWatchBackend

    set_state = CloudWatchBackend.set_alarm_state

    def set_and_act(backend: Any, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        known = backend.alarms.get(alarm_name)
        before = known.state_value if known is not None else None
        set_state(backend, alarm_name, reason, reason_data, state_value)
        alarm = backend.alarms[alarm_name]
        if before != state_value and alarm.actions_enabled:
            for action in getattr(alarm, _ACTIONS[state_value]):
                _tell(backend, action, alarm, str(before))

    CloudWatchBackend.set_alarm_state = set_and_act


def _tell(backend: Any, action: str, alarm: Any, before: str) -> None:
    """Publish to a topic of the account; an action that leads nowhere is lost without a word, as on AWS."""
    from moto.sns.models import sns_backends

    parts = action.split(":")
    if len(parts) != 6 or parts[2] != "sns" or parts[4] != backend.account_id:
        return
    topic = sns_backends[parts[4]][parts[3]].topics.get(action)
    if topic is not None:
        subject = f'{alarm.state_value}: "{alarm.name}" in {backend.region_name}'
        topic.publish(message(alarm, backend.account_id, before), subject=subject)


def message(alarm: Any, account_id: str, before: str) -> str:
    """Return what a topic is told of an alarm's change."""
    trigger = {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "Statistic": alarm.statistic,
        "Dimensions": [{"name": one.name, "value": one.value} for one in alarm.dimensions],
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data,
    }
    return json.dumps(
        {
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.description,
            "AWSAccountId": account_id,
            "NewStateValue": alarm.state_value,
            "NewStateReason": alarm.state_reason,
            "StateChangeTime": alarm.state_updated_timestamp.isoformat(),
            "Region": alarm.region_name,
            "AlarmArn": alarm.alarm_arn,
            "OldStateValue": before,
            "OKActions": alarm.ok_actions,
            "AlarmActions": alarm.alarm_actions,
            "InsufficientDataActions": alarm.insufficient_data_actions,
            "Trigger": {key: value for key, value in trigger.items() if value is not None},
        }
    )


def let_queues_decide() -> None:
    """Have SNS ask a queue's policy, without which it may not send there ("Subscribing an Amazon SQS queue")."""
    from moto.sns.models import Subscription
    from moto.sqs.models import SQSBackend

    deliver = Subscription.publish

    def deliver_if_let_in(subscription: Any, *arguments: Any, **options: Any) -> None:
        from moto.sqs.models import sqs_backends

        if subscription.protocol == "sqs":
            region, account, name = subscription.endpoint.split(":")[3:6]
            backend: SQSBackend = sqs_backends[account][region]
            queue: Any = backend.queues.get(name)
            if queue is None or not _lets_in(queue.policy, subscription.endpoint, subscription.topic.arn):
                return
        deliver(subscription, *arguments, **options)

    Subscription.publish = deliver_if_let_in


def _lets_in(policy: Any, queue_arn: str, topic_arn: str) -> bool:
    if not policy:
        return False
    document = json.loads(policy) if isinstance(policy, str) else policy
    account = topic_arn.split(":")[4]
    context = {"aws:SourceArn": topic_arn, "aws:SourceAccount": account}
    request = Request({"Service": "sns.amazonaws.com"}, "sqs:SendMessage", queue_arn, context, account=account)
    return PolicySet(resource_policy=document).decide(request).allowed
