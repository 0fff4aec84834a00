"""CreateConnector: what MSK Connect accepts."""

from __future__ import annotations

from typing import Any

from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.kafkaconnect.model import ConnectorSpec
from orchestrator.embedded.kafkaconnect.plane import ConnectPlane

#: "Amazon MSK Connect: Kafka Connect versions 2.7.1 or 3.7.x" (Amazon MSK Developer Guide).
VERSIONS = ("2.7.1", "3.7.x")
#: "Understand connector capacity" (Amazon MSK Developer Guide).
_MCU = (1, 2, 4, 8)
_MAX_WORKERS = 10
_SHOWN = (
    "capacity",
    "connectorDescription",
    "kafkaCluster",
    "kafkaClusterClientAuthentication",
    "kafkaClusterEncryptionInTransit",
    "kafkaConnectVersion",
    "logDelivery",
    "networkType",
    "plugins",
    "serviceExecutionRoleArn",
    "workerConfiguration",
)


def refused(message: str) -> AwsError:
    """Return the refusal of an input."""
    return AwsError("BadRequestException", message)


def parse(plane: ConnectPlane, params: dict[str, Any]) -> ConnectorSpec:
    """Check a request against what exists; the caller holds the lock.

    Raises:
        AwsError: MSK Connect refuses it, or the embedded target cannot do it.
    """
    plane.refuse_taken(params["connectorName"], plane.connectors.values())
    cluster = params["kafkaCluster"]["apacheKafkaCluster"]
    iam = params["kafkaClusterClientAuthentication"]["authenticationType"] == "IAM"
    tls = params["kafkaClusterEncryptionInTransit"]["encryptionType"] == "TLS"
    if iam and not tls:
        raise refused("IAM authentication needs encryption in transit with TLS.")
    if params["kafkaConnectVersion"] not in VERSIONS:
        raise refused(f"The Kafka Connect version must be one of {', '.join(VERSIONS)}.")
    _network(plane, cluster.get("vpc") or {})
    configuration = dict(params["connectorConfiguration"])
    if not configuration.get("connector.class"):
        raise refused("The connector configuration has no connector.class.")
    worker = params.get("workerConfiguration")
    if worker is not None:
        plane.configuration(worker["workerConfigurationArn"])
    return ConnectorSpec(
        name=params["connectorName"],
        configuration=configuration,
        request={name: params[name] for name in _SHOWN if name in params},
        workers=workers_of(params["capacity"]),
        iam=iam,
        tls=tls,
        bootstrap_servers=cluster["bootstrapServers"],
        role_arn=params["serviceExecutionRoleArn"],
        plugin_arn=_plugin(plane, params["plugins"]),
        worker_configuration_arn=worker["workerConfigurationArn"] if worker else None,
        log_group=_log_group(plane, params.get("logDelivery") or {}),
    )


def _plugin(plane: ConnectPlane, plugins: list[dict[str, Any]]) -> str:
    if len(plugins) != 1:
        raise refused("A connector has exactly one plugin: bundle several in one ZIP file.")
    plugin = plane.plugin(plugins[0]["customPlugin"]["customPluginArn"])
    if plugin.state != "ACTIVE":
        raise refused(f"The custom plugin {plugin.name} is {plugin.state}, not ACTIVE.")
    if plugins[0]["customPlugin"]["revision"] != 1:
        raise refused(f"The custom plugin {plugin.name} has no revision {plugins[0]['customPlugin']['revision']}.")
    return plugin.arn


def workers_of(capacity: dict[str, Any]) -> int:
    """Return how many workers a capacity begins with.

    Raises:
        AwsError: it is neither provisioned nor autoscaled, or out of range.
    """
    provisioned, scaled = capacity.get("provisionedCapacity"), capacity.get("autoScaling")
    if (provisioned is None) == (scaled is None):
        raise refused("The capacity must be either provisioned or autoscaled.")
    chosen = provisioned or scaled or {}
    if chosen["mcuCount"] not in _MCU:
        raise refused(f"The mcuCount must be one of {', '.join(map(str, _MCU))}.")
    workers = int(chosen.get("workerCount") or chosen.get("minWorkerCount") or 0)
    most = int(chosen.get("maxWorkerCount") or workers)
    if not 1 <= workers <= most <= _MAX_WORKERS:
        raise refused(f"A connector has 1 to {_MAX_WORKERS} workers.")
    return workers


def _network(plane: ConnectPlane, vpc: dict[str, Any]) -> None:
    moto, subnets = plane.context.moto, vpc.get("subnets") or []
    found = [(name, moto.subnet(name)) for name in subnets]
    missing = [name for name, subnet in found if subnet is None]
    if missing or not subnets:
        raise refused(f"The subnets are not valid: {', '.join(missing) or 'there are none'}.")
    vpcs = {subnet.vpc_id for _, subnet in found if subnet is not None}
    if len(vpcs) > 1:
        raise refused("The subnets are of more than one VPC.")
    for group in vpc.get("securityGroups") or []:
        if moto.security_group_vpc(group) not in vpcs:
            raise refused(f"The security group {group} is not of the subnets' VPC.")


def _log_group(plane: ConnectPlane, delivery: dict[str, Any]) -> str | None:
    worker = delivery.get("workerLogDelivery") or {}
    for name in ("firehose", "s3"):
        if (worker.get(name) or {}).get("enabled"):
            raise refused(f"Log delivery to {name} isn't available on the embedded target: use cloudWatchLogs.")
    logs = worker.get("cloudWatchLogs") or {}
    if not logs.get("enabled"):
        return None
    group = str(logs.get("logGroup") or "")
    if not plane.context.moto.log_group_exists(group):
        raise refused(f"The log group {group!r} does not exist.")
    return group
