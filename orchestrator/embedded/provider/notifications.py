"""SNS topics and subscriptions, and the SQS queues that they deliver to."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from orchestrator.embedded.provider.call import Call, found, ignoring, removed_tags, tag_list, tag_map
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values

_TOPIC_GONE = ("NotFound", "NotFoundException")
#: SQS's codes, with and without the prefix of its query protocol.
_QUEUE_GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


def _create_topic(call: Call, news: Values) -> str:
    answer = call.client("sns").create_topic(Name=news["name"], Tags=tag_list(news.get("tags")))
    return call.created(answer["TopicArn"])


def _read_topic(call: Call, arn: str, state: Values) -> Values | None:
    sns = call.client("sns")
    if found(_TOPIC_GONE, lambda: sns.get_topic_attributes(TopicArn=arn)) is None:
        return None
    tags = tag_map(sns.list_tags_for_resource(ResourceArn=arn)["Tags"])
    return {"name": arn.rsplit(":", 1)[1], "arn": arn, "owner": call.account_id, "tags": tags}


def _update_topic(call: Call, arn: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    sns = call.client("sns")
    gone = removed_tags(olds, news)
    if gone:
        sns.untag_resource(ResourceArn=arn, TagKeys=gone)
    if news.get("tags"):
        sns.tag_resource(ResourceArn=arn, Tags=tag_list(news["tags"]))


def _delete_topic(call: Call, arn: str, state: Values) -> None:
    call.client("sns").delete_topic(TopicArn=arn)  # one that is gone is fine for SNS


def _subscribe(call: Call, news: Values) -> str:
    answer = call.client("sns").subscribe(
        TopicArn=news["topic"], Protocol=news["protocol"], Endpoint=news["endpoint"], ReturnSubscriptionArn=True
    )
    return call.created(answer["SubscriptionArn"])


def _read_subscription(call: Call, arn: str, state: Values) -> Values | None:
    answer = found(_TOPIC_GONE, lambda: call.client("sns").get_subscription_attributes(SubscriptionArn=arn))
    if answer is None:
        return None
    attributes = answer["Attributes"]
    return {
        "topic": attributes["TopicArn"],
        "protocol": attributes["Protocol"],
        "endpoint": attributes["Endpoint"],
        "arn": arn,
    }


def _unsubscribe(call: Call, arn: str, state: Values) -> None:
    with ignoring(*_TOPIC_GONE):
        call.client("sns").unsubscribe(SubscriptionArn=arn)


def _create_queue(call: Call, news: Values) -> str:
    attributes = {}
    if "messageRetentionSeconds" in news:
        attributes["MessageRetentionPeriod"] = str(int(news["messageRetentionSeconds"]))
    if news.get("policy"):
        attributes["Policy"] = news["policy"]
    answer = call.client("sqs").create_queue(QueueName=news["name"], Attributes=attributes, tags=news.get("tags") or {})
    return call.created(answer["QueueUrl"])


def _read_queue(call: Call, url: str, state: Values) -> Values | None:
    sqs = call.client("sqs")
    answer = found(_QUEUE_GONE, lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))
    if answer is None:
        return None
    attributes = answer["Attributes"]
    return {
        "name": url.rsplit("/", 1)[1],
        "url": url,
        "arn": attributes["QueueArn"],
        "messageRetentionSeconds": int(attributes["MessageRetentionPeriod"]),
        "policy": attributes.get("Policy", ""),
        "tags": dict(sqs.list_queue_tags(QueueUrl=url).get("Tags", {})),
    }


def _update_queue(call: Call, url: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    sqs, attributes = call.client("sqs"), {}
    if "messageRetentionSeconds" in changed:
        # Four days is what a queue has whose creator says nothing (SetQueueAttributes, Amazon SQS API Reference).
        attributes["MessageRetentionPeriod"] = str(int(news.get("messageRetentionSeconds", 345600)))
    if "policy" in changed:
        attributes["Policy"] = news.get("policy", "")
    if attributes:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    if "tags" in changed:
        gone = removed_tags(olds, news)
        if gone:
            sqs.untag_queue(QueueUrl=url, TagKeys=gone)
        if news.get("tags"):
            sqs.tag_queue(QueueUrl=url, Tags=news["tags"])


def _delete_queue(call: Call, url: str, state: Values) -> None:
    with ignoring(*_QUEUE_GONE):
        call.client("sqs").delete_queue(QueueUrl=url)


TYPES = (
    ResourceType(
        "aws:sns/topic:Topic",
        (Field("name", required=True, replace=True), TAGS),
        _create_topic,
        _read_topic,
        _delete_topic,
        _update_topic,
    ),
    ResourceType(
        "aws:sns/topicSubscription:TopicSubscription",
        (
            Field("topic", required=True, replace=True),
            Field("protocol", required=True, replace=True, choices=("sqs",)),
            Field("endpoint", required=True, replace=True),
        ),
        _subscribe,
        _read_subscription,
        _unsubscribe,
    ),
    ResourceType(
        "aws:sqs/queue:Queue",
        (
            Field("name", required=True, replace=True),
            Field("messageRetentionSeconds"),
            Field("policy", kind="json"),
            TAGS,
        ),
        _create_queue,
        _read_queue,
        _delete_queue,
        _update_queue,
    ),
)
