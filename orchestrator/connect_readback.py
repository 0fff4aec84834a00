"""What is really there after an apply: connectors read back from the control plane, not from the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.aws import AwsSession
from orchestrator.connect_causes import state_problem
from orchestrator.connect_secrets import with_full_names
from orchestrator.connect_spec import ConnectorSpec, ConnectSpec
from orchestrator.environment import Connector, KafkaConnect, Link
from orchestrator.errors import EphkError
from orchestrator.target_interface import Target


def describe(
    connect: ConnectSpec,
    prefix: str,
    outputs: Mapping[str, Any],
    session: AwsSession,
    target: Target,
    links: Mapping[str, Link],
) -> KafkaConnect:
    """Return Kafka Connect as it is, compared with what was declared.

    Args:
        connect: as asked for.
        prefix: the beginning of every name.
        outputs: the stack's `connect` export.
        session: may describe connectors.
        target: knows the workers' REST interface.
        links: the environments that connectors read from, by connector.

    Raises:
        EphkError: a connector does not run, has another configuration than declared, or its last update failed.
    """
    client = session.client("kafkaconnect")
    found = []
    for connector in connect.connectors:
        arn = str(outputs["connector_arns"][connector.name])
        live = client.describe_connector(connectorArn=arn)
        operations = client.list_connector_operations(connectorArn=arn, maxResults=1).get("connectorOperations", [])
        problem = difference(connector, live, operations, connect.secret_names(prefix))
        if problem:
            raise EphkError(
                f"connector {connector.name}: {problem}",
                next_step=f"Read its log in {outputs['log_group']}, correct it, and bring the environment up again.",
            )
        found.append(
            Connector(
                name=connector.name,
                arn=arn,
                full_name=f"{prefix}-{connector.name}",
                connector_class=connector.config["connector.class"],
                plugin=connector.plugin,
                role_arn=str(outputs["role_arns"][connector.name]),
                config=dict(live["connectorConfiguration"]),
                tasks=connector.tasks,
                workers=connector.workers,
                consumes=connector.consumes,
                produces=connector.produces,
                bucket_prefix=connector.bucket_prefix,
                rest=target.connect_rest(session, arn),
                link=links.get(connector.name),
            )
        )
    return KafkaConnect(
        connectors=tuple(found),
        log_group=outputs["log_group"],
        security_group_id=outputs["security_group_id"],
        secrets=tuple(connect.secret_names(prefix).values()),
        egress=tuple(host.described() for host in connect.egress),
    )


def difference(
    connector: ConnectorSpec,
    live: Mapping[str, Any],
    operations: list[Mapping[str, Any]],
    secret_names: Mapping[str, str] | None = None,
) -> str:
    """Return how a connector differs from what was declared; empty when it does not.

    An apply can report success with the old configuration live, or after an update that was rolled back.

    Args:
        connector: as declared.
        live: DescribeConnector's answer.
        operations: its operations, the newest first.
        secret_names: the account's names of secrets, by the spec's.
    """
    if problem := state_problem(live):
        return f"it {problem}"
    if operations and operations[0]["connectorOperationState"].endswith("_FAILED"):
        return f"its last change ended {operations[0]['connectorOperationState']}"
    actual = live["connectorConfiguration"]
    declared = {key: with_full_names(text, secret_names or {}) for key, text in connector.config.items()}
    wanted = {**declared, "tasks.max": str(connector.tasks)}
    differing = sorted(
        key
        for key in wanted.keys() | actual.keys()
        if key not in actual or key not in wanted or ("${ephk:" not in wanted[key] and wanted[key] != actual[key])
    )
    if differing:
        return f"the live configuration differs from the declared one in {', '.join(differing)}"
    workers = live["capacity"].get("provisionedCapacity", {}).get("workerCount")
    return "" if workers == connector.workers else f"it has {workers} workers, declared are {connector.workers}"
