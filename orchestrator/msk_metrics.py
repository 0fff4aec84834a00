"""The metrics of a cluster that a team must be told of, as MSK names them, and when.

Source of names, dimensions and levels: "Amazon MSK metrics for monitoring Standard brokers with CloudWatch" (Amazon MSK
Developer Guide); all are of the DEFAULT level, which is free. Source of the limits: "Best practices for Standard
brokers" (alarm at 85 % of the disk; CPU User plus CPU System below 60 %). Express brokers have only some of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NAMESPACE = "AWS/Kafka"
CLUSTER_DIMENSION, BROKER_DIMENSION = "Cluster Name", "Broker ID"
Comparison = Literal["GreaterThanThreshold", "LessThanThreshold"]


@dataclass(frozen=True)
class WatchedMetric:
    """One thing to be told of.

    Attributes:
        key: part of the alarm's name.
        metrics: the metric, or those whose sum counts.
        per_broker: whether each broker has its own value.
        comparison: how a value is compared with the threshold.
        threshold: the limit.
        statistic: of the values in a period.
        minutes: how long it must last, in periods of a minute.
        sound: a value of a sound cluster, which must not alarm.
        broken: a value that must.
        meaning: what is wrong then.
    """

    key: str
    metrics: tuple[str, ...]
    per_broker: bool
    comparison: Comparison
    threshold: float
    statistic: Literal["Maximum", "Minimum", "Average"]
    minutes: int
    sound: float
    broken: float
    meaning: str

    @property
    def label(self) -> str:
        """The metric as people write it."""
        return " + ".join(self.metrics)


WATCHED: tuple[WatchedMetric, ...] = (
    WatchedMetric(
        "controller", ("ActiveControllerCount",), False, "LessThanThreshold", 1, "Maximum", 3, 1, 0,
        "no controller is active: topics, leaders and ACLs cannot change",
    ),
    WatchedMetric(
        "offline-partitions", ("OfflinePartitionsCount",), False, "GreaterThanThreshold", 0, "Maximum", 1, 0, 1,
        "partitions have no leader: nobody can read or write them",
    ),
    WatchedMetric(
        "under-min-isr", ("UnderMinIsrPartitionCount",), True, "GreaterThanThreshold", 0, "Maximum", 1, 0, 1,
        "partitions have fewer replicas in sync than they need: writes with acks=all are refused",
    ),
    WatchedMetric(
        "under-replicated", ("UnderReplicatedPartitions",), True, "GreaterThanThreshold", 0, "Maximum", 10, 0, 1,
        "partitions have lost a replica for longer than a restart takes",
    ),
    WatchedMetric(
        "disk", ("KafkaDataLogsDiskUsed",), True, "GreaterThanThreshold", 85, "Maximum", 5, 10, 95,
        "the disk of a broker is nearly full: it stops when it is",
    ),
    WatchedMetric(
        "cpu", ("CpuUser", "CpuSystem"), True, "GreaterThanThreshold", 60, "Average", 15, 10, 95,
        "a broker has no room left for the failure of another",
    ),
)  # fmt: skip
