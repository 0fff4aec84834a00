"""IAM policy documents and the ARNs that they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pulumi

from orchestrator.environment import Grant
from stacks.inputs import StackInputs

Statement = dict[str, Any]


def document(*statements: Statement) -> pulumi.Output[str]:
    """Return a policy as JSON; statements may hold outputs."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(
    sid: str,
    actions: Iterable[str],
    resources: Iterable[Any],
    *,
    condition: Mapping[str, Any] | None = None,
    principal: Any = None,
) -> Statement:
    """Return one `Allow` statement.

    Args:
        sid: its name.
        actions: IAM actions.
        resources: ARNs; may be outputs.
        condition: the `Condition` element.
        principal: the `Principal` element of a resource policy.
    """
    statement: Statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    if principal is not None:
        statement["Principal"] = principal
    if condition is not None:
        statement["Condition"] = dict(condition)
    return statement


def account_root(inputs: StackInputs) -> str:
    """Return the principal that stands for the account: its IAM policies then decide."""
    return f"arn:aws:iam::{inputs.account_id}:root"


class KafkaArns:
    """The ARNs of one cluster's Kafka resources.

    Those of the environment's own cluster name it by its name and leave its UUID open, so that a policy does not have
    to wait for the cluster (the name carries the lease id, so it is nobody else's). Formats: "IAM access control",
    Amazon MSK Developer Guide.
    """

    def __init__(self, inputs: StackInputs, cluster_arn: str | None = None) -> None:
        """Name the resources of the environment's own cluster, or of the one with `cluster_arn`."""
        self._base = f"arn:aws:kafka:{inputs.region}:{inputs.account_id}"
        self._cluster = f"{inputs.prefix}/*"
        if cluster_arn is not None:
            self._base, self._cluster = cluster_arn.split(":cluster/", 1)

    @property
    def cluster(self) -> str:
        """The cluster."""
        return f"{self._base}:cluster/{self._cluster}"

    def topic(self, name: str) -> str:
        """A topic, or all that begin alike when the name ends in `*`."""
        return f"{self._base}:topic/{self._cluster}/{name}"

    def group(self, name: str) -> str:
        """A consumer group, or all that begin alike when the name ends in `*`."""
        return f"{self._base}:group/{self._cluster}/{name}"

    def transactional_id(self, name: str) -> str:
        """A transactional id, or all that begin alike when the name ends in `*`."""
        return f"{self._base}:transactional-id/{self._cluster}/{name}"

    @property
    def everything(self) -> list[str]:
        """The cluster and all that is in it."""
        return [self.cluster, self.topic("*"), self.group("*"), self.transactional_id("*")]


def grant_statements(arns: KafkaArns, grants: Iterable[Grant]) -> list[Statement]:
    """Return what an IAM principal needs for its grants, and no more.

    The actions go together as "Common use cases for client authorization policy" (Amazon MSK Developer Guide) says.
    """
    statements: list[Statement] = []
    cluster_actions = {"kafka-cluster:Connect"}
    for number, grant in enumerate(grants, start=1):
        topic = arns.topic(grant.topic + ("*" if grant.pattern == "prefixed" else ""))
        actions = ["kafka-cluster:DescribeTopic"]
        if "produce" in grant.allow:
            actions.append("kafka-cluster:WriteData")
            cluster_actions.add("kafka-cluster:WriteDataIdempotently")
        if "consume" in grant.allow:
            actions.append("kafka-cluster:ReadData")
        statements.append(allow(f"Topic{number}", actions, [topic]))
        if "consume" in grant.allow and grant.group is not None:
            group_actions = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
            statements.append(allow(f"Group{number}", group_actions, [arns.group(grant.group)]))
    if statements:
        statements.insert(0, allow("Cluster", sorted(cluster_actions), [arns.cluster]))
    return statements
