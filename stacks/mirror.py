"""What a MirrorMaker connector's role may do: read in the linked cluster, write and keep its records in its own."""

from __future__ import annotations

from stacks.inputs import LinkInputs, StackInputs
from stacks.policies import KafkaArns, Statement, allow

#: What any link may need in the cluster that is read from; nothing of it changes that cluster.
_READ = (
    "kafka-cluster:Connect",
    "kafka-cluster:DescribeCluster",
    "kafka-cluster:DescribeGroup",
    "kafka-cluster:DescribeTopic",
    "kafka-cluster:DescribeTopicDynamicConfiguration",
    "kafka-cluster:ReadData",
)


def linked_statements(inputs: StackInputs) -> list[Statement]:
    """Return what the permissions boundary lets roles do in linked clusters: read."""
    connectors = inputs.connect.connectors if inputs.connect is not None else ()
    clusters = dict.fromkeys(connector.link.cluster_arn for connector in connectors if connector.link is not None)
    return [
        allow(f"Linked{number}", _READ, KafkaArns(inputs, arn).everything)
        for number, arn in enumerate(clusters, start=1)
    ]


def mirror_statements(inputs: StackInputs, link: LinkInputs) -> list[Statement]:
    """Return what one MirrorMaker connector needs beside what every connector does (KIP-382).

    At the source it reads topics and committed offsets, and writes nothing: offset syncs are kept at the target. At the
    target it keeps them and its checkpoints, and moves the groups' offsets (KIP-545), for which Kafka wants to see the
    right to read the mirrored topics: those are the connector's `consumes`.
    """
    source, target = KafkaArns(inputs, link.cluster_arn), KafkaArns(inputs)
    internal = [
        target.topic(f"mm2-offset-syncs.{link.alias}.internal"),
        target.topic(f"{link.alias}.checkpoints.internal"),
    ]
    keep = ["kafka-cluster:CreateTopic", "kafka-cluster:DescribeTopic"]
    keep += ["kafka-cluster:ReadData", "kafka-cluster:WriteData"]
    statements = [
        allow("LinkedCluster", ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"], [source.cluster]),
        allow("MirrorInternal", keep, internal),
    ]
    if link.topics:
        read = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
        statements.append(allow("LinkedTopics", read, [source.topic(name) for name in link.topics]))
    if link.groups:
        move = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
        statements += [
            allow("LinkedGroups", ["kafka-cluster:DescribeGroup"], [source.group(name) for name in link.groups]),
            allow("MirrorGroups", move, [target.group(name) for name in link.groups]),
        ]
    return statements
