"""Alarms, the SNS topics that they tell, and the SQS queues that are told."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import Deleter, Work, found_or_none, short, tag_map
from orchestrator.teardown.found import Found


def _arn(session: AwsSession, item: Found, service: str, kind: str = "") -> str:
    """Return the ARN of what the inventory found by its name, its URL or its ARN."""
    return f"arn:aws:{service}:{session.cloud.region}:{session.cloud.account_id}:{kind}{short(item.identifier)}"


def _alarm_tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    client, arn = session.client("cloudwatch"), _arn(session, item, "cloudwatch", "alarm:")
    return tag_map((found_or_none(lambda: client.list_tags_for_resource(ResourceARN=arn)) or {}).get("Tags"))


def _delete_alarm(work: Work, item: Found) -> None:
    work.retrying(lambda: work.client("cloudwatch").delete_alarms(AlarmNames=[short(item.identifier)]))


def _topic_tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    client, arn = session.client("sns"), _arn(session, item, "sns")
    return tag_map((found_or_none(lambda: client.list_tags_for_resource(ResourceArn=arn)) or {}).get("Tags"))


def _delete_topic(work: Work, item: Found) -> None:
    """Delete a topic with its subscriptions (DeleteTopic, Amazon SNS API Reference)."""
    arn = _arn(work.session, item, "sns")
    work.retrying(lambda: work.client("sns").delete_topic(TopicArn=arn))


def _url(session: AwsSession, item: Found) -> str | None:
    client, name = session.client("sqs"), short(item.identifier)
    return (found_or_none(lambda: client.get_queue_url(QueueName=name)) or {}).get("QueueUrl")


def _queue_tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    url = _url(session, item)
    return dict(session.client("sqs").list_queue_tags(QueueUrl=url).get("Tags", {})) if url else {}


def _delete_queue(work: Work, item: Found) -> None:
    url = _url(work.session, item)
    if url is not None:
        work.retrying(lambda: work.client("sqs").delete_queue(QueueUrl=url))


DELETERS = (
    Deleter("cloudwatch:alarm", _delete_alarm, _alarm_tags),
    Deleter("sns:topic", _delete_topic, _topic_tags, ("cloudwatch:alarm",)),
    Deleter("sqs:queue", _delete_queue, _queue_tags, ("sns:topic",)),
)
