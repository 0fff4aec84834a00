"""What tells a team that something is wrong: alarms that reach somebody, and a flow log of the VPC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, ec2, sns, sqs

from orchestrator.msk_metrics import BROKER_DIMENSION, CLUSTER_DIMENSION, NAMESPACE, WATCHED, WatchedMetric
from stacks.bucket import Bucket
from stacks.inputs import StackInputs
from stacks.network import Network
from stacks.policies import allow, document
from stacks.tagging import tagged

#: Seconds; shorter than that, metrics of MSK do not exist.
_PERIOD_S = 60
#: Seconds that a notification stays in the queue: an hour is enough for a probe.
_RETENTION_S = 3600


class Alarms(pulumi.ComponentResource):
    """Alarms on the cluster's metrics, their topic, and a queue that shows whether they arrive.

    The cluster is known by its name, so nothing here waits for it.

    Args:
        inputs: the environment.
        notify: topics of the team's own that are told, too.
        opts: the parent.
    """

    def __init__(
        self, inputs: StackInputs, notify: Iterable[str] = (), opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ephk:stacks:Alarms", "alarms", None, opts)
        self._inputs = inputs
        self._own = pulumi.ResourceOptions(parent=self)
        name = f"{inputs.prefix}-alarms"
        # Not encrypted with the AWS managed key: CloudWatch cannot publish to such a topic
        # ("Using Amazon CloudWatch alarms", Amazon CloudWatch User Guide). What it carries is no secret.
        self.topic = sns.Topic("alarms", name=name, tags=tagged(inputs, name), opts=self._own)
        self.queue = sqs.Queue(
            "alarms",
            name=name,
            message_retention_seconds=_RETENTION_S,
            policy=document(self._may_send(name)),
            tags=tagged(inputs, name),
            opts=self._own,
        )
        # It goes with its topic; to end it by itself, one would have to be allowed to end everybody's.
        with_topic = pulumi.ResourceOptions(parent=self, deleted_with=self.topic)
        sns.TopicSubscription("alarms", topic=self.topic.arn, protocol="sqs", endpoint=self.queue.arn, opts=with_topic)
        actions: list[pulumi.Input[str]] = [self.topic.arn, *notify]
        for metric in WATCHED:
            for broker in range(1, inputs.brokers.count + 1) if metric.per_broker else (None,):
                self._alarm(metric, broker, actions)
        self.register_outputs({"topic_arn": self.topic.arn})

    def _may_send(self, name: str) -> dict[str, Any]:
        """Return who may put messages in the queue: SNS, for this topic ("Subscribing an Amazon SQS queue")."""
        place = f"{self._inputs.region}:{self._inputs.account_id}:{name}"
        return allow(
            "Alarms",
            ["sqs:SendMessage"],
            [f"arn:aws:sqs:{place}"],
            principal={"Service": "sns.amazonaws.com"},
            condition={"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:{place}"}},
        )

    def _alarm(self, metric: WatchedMetric, broker: int | None, actions: list[pulumi.Input[str]]) -> None:
        where = "" if broker is None else f"-{broker}"
        dimensions = {CLUSTER_DIMENSION: self._inputs.prefix}
        if broker is not None:
            dimensions[BROKER_DIMENSION] = str(broker)
        single = len(metric.metrics) == 1
        cloudwatch.MetricAlarm(
            f"{metric.key}{where}",
            name=f"{self._inputs.prefix}-{metric.key}{where}",
            alarm_description=f"{metric.label}: {metric.meaning}",
            comparison_operator=metric.comparison,
            threshold=metric.threshold,
            evaluation_periods=metric.minutes,
            treat_missing_data="missing",
            alarm_actions=actions,
            ok_actions=actions,
            tags=tagged(self._inputs, f"{self._inputs.prefix}-{metric.key}{where}"),
            opts=self._own,
            **(
                {
                    "namespace": NAMESPACE,
                    "metric_name": metric.metrics[0],
                    "statistic": metric.statistic,
                    "period": _PERIOD_S,
                    "dimensions": dimensions,
                }
                if single
                else {"metric_queries": list(_sum_of(metric, dimensions))}
            ),
        )

    def exports(self) -> dict[str, pulumi.Output[str]]:
        """Return what the environment object needs."""
        return {"topic_arn": self.topic.arn, "queue_url": self.queue.url}


def _sum_of(metric: WatchedMetric, dimensions: dict[str, str]) -> Iterator[dict[str, Any]]:
    ids = [f"m{number}" for number in range(1, len(metric.metrics) + 1)]
    yield {"id": "total", "expression": " + ".join(ids), "label": metric.label, "return_data": True}
    for one, name in zip(ids, metric.metrics, strict=True):
        measured = {
            "namespace": NAMESPACE,
            "metric_name": name,
            "stat": metric.statistic,
            "period": _PERIOD_S,
            "dimensions": dimensions,
        }
        yield {"id": one, "metric": measured, "return_data": False}


class FlowLog(pulumi.ComponentResource):
    """A flow log of the whole VPC, in the environment's bucket, which empties itself.

    Args:
        inputs: the environment.
        network: has the VPC.
        bucket: takes the records; its policy and its key's let the log delivery service write (`stacks.bucket`).
        opts: the parent.
    """

    def __init__(
        self, inputs: StackInputs, network: Network, bucket: Bucket, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ephk:stacks:FlowLog", "flow-log", None, opts)
        name = f"{inputs.prefix}-flow-log"
        self.flow_log = ec2.FlowLog(
            "vpc",
            vpc_id=network.vpc.id,
            traffic_type="ALL",
            log_destination_type="s3",
            log_destination=bucket.bucket.arn,
            max_aggregation_interval=60,
            tags=tagged(inputs, name),
            # The delivery service tries to write at once, so it has to be let in before.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[bucket.policy]),
        )
        self.register_outputs({"flow_log_id": self.flow_log.id})
