"""MSK Connect's connectors: made, changed and deleted in the background, and waited for."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from typing import Any

from orchestrator.embedded.provider.call import Call, ResourceError, found, ignoring
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values, from_api, to_api
from orchestrator.embedded.provider.mskconnect import GONE, given, tags_of, update_tags

_BUSY = frozenset({"CREATING", "UPDATING", "PAUSING", "RESUMING", "RESTARTING"})

_CAPACITY = Field(
    "capacity",
    required=True,
    fields=(
        Field(
            "provisionedCapacity",
            required=True,
            fields=(Field("mcuCount", api="mcuCount"), Field("workerCount", required=True, api="workerCount")),
            api="provisionedCapacity",
        ),
    ),
)
_CLUSTER = Field(
    "kafkaCluster",
    required=True,
    replace=True,
    fields=(
        Field(
            "apacheKafkaCluster",
            required=True,
            api="apacheKafkaCluster",
            fields=(
                Field("bootstrapServers", required=True, api="bootstrapServers"),
                Field(
                    "vpc",
                    required=True,
                    api="vpc",
                    fields=(
                        Field("securityGroups", required=True, kind="set", api="securityGroups"),
                        Field("subnets", required=True, kind="set", api="subnets"),
                    ),
                ),
            ),
        ),
    ),
)
_LOGS = Field(
    "logDelivery",
    replace=True,
    fields=(
        Field(
            "workerLogDelivery",
            required=True,
            api="workerLogDelivery",
            fields=(
                Field(
                    "cloudwatchLogs",
                    api="cloudWatchLogs",
                    fields=(Field("enabled", required=True, api="enabled"), Field("logGroup", api="logGroup")),
                ),
            ),
        ),
    ),
)


def _describe(call: Call, arn: str) -> Any:
    return found([GONE], lambda: call.client("kafkaconnect").describe_connector(connectorArn=arn))


def _await_running(call: Call, arn: str) -> Any:
    seen = call.wait(
        lambda: _describe(call, arn),
        lambda connector: connector is None or connector["connectorState"] not in _BUSY,
        f"connector {arn} becoming RUNNING",
    )
    if seen is None:
        raise ResourceError(f"connector {arn} disappeared while it was waited for")
    if seen["connectorState"] != "RUNNING":
        why = seen.get("stateDescription", {})
        raise ResourceError(
            f"connector {seen['connectorName']} is {seen['connectorState']}: "
            f"{why.get('code', 'no code')}: {why.get('message', 'no message')}"
        )
    return seen


def _capacity(news: Values) -> Values:
    wanted = to_api(_CAPACITY.fields, news["capacity"])
    wanted["provisionedCapacity"].setdefault("mcuCount", 1)
    return wanted


def _plugin_to_api(plugin: Values) -> Values:
    return {"customPlugin": {"customPluginArn": plugin["arn"], "revision": plugin["revision"]}}


def _plugin_from_api(plugin: Values) -> Values:
    return {"customPlugin": {"arn": plugin["customPluginArn"], "revision": plugin["revision"]}}


def _create(call: Call, news: Values) -> str:
    optional = given(news, connectorDescription="description", tags="tags")
    if "logDelivery" in news:
        optional["logDelivery"] = to_api(_LOGS.fields, news["logDelivery"])
    if "workerConfiguration" in news:
        chosen = news["workerConfiguration"]
        optional["workerConfiguration"] = {"workerConfigurationArn": chosen["arn"], "revision": chosen["revision"]}
    authentication = news["kafkaClusterClientAuthentication"].get("authenticationType", "NONE")
    encryption = news["kafkaClusterEncryptionInTransit"].get("encryptionType", "PLAINTEXT")
    answer = call.client("kafkaconnect").create_connector(
        connectorName=news["name"],
        capacity=_capacity(news),
        connectorConfiguration=news["connectorConfiguration"],
        kafkaCluster=to_api(_CLUSTER.fields, news["kafkaCluster"]),
        kafkaClusterClientAuthentication={"authenticationType": authentication},
        kafkaClusterEncryptionInTransit={"encryptionType": encryption},
        kafkaConnectVersion=news["kafkaconnectVersion"],
        plugins=[_plugin_to_api(item["customPlugin"]) for item in news["plugins"]],
        serviceExecutionRoleArn=news["serviceExecutionRoleArn"],
        **optional,
    )
    arn: str = call.created(answer["connectorArn"])
    _await_running(call, arn)
    return arn


def _read(call: Call, arn: str, state: Values) -> Values | None:
    seen = _describe(call, arn)
    if seen is None or seen["connectorState"] == "DELETING":
        return None
    read: Values = {
        "name": seen["connectorName"],
        "description": seen.get("connectorDescription"),
        "capacity": from_api(_CAPACITY.fields, seen["capacity"]),
        "connectorConfiguration": dict(seen["connectorConfiguration"]),
        "kafkaCluster": from_api(_CLUSTER.fields, seen["kafkaCluster"]),
        "kafkaClusterClientAuthentication": dict(seen["kafkaClusterClientAuthentication"]),
        "kafkaClusterEncryptionInTransit": dict(seen["kafkaClusterEncryptionInTransit"]),
        "kafkaconnectVersion": seen["kafkaConnectVersion"],
        "plugins": [_plugin_from_api(item["customPlugin"]) for item in seen["plugins"]],
        "serviceExecutionRoleArn": seen["serviceExecutionRoleArn"],
        "version": seen["currentVersion"],
        "arn": arn,
        "tags": tags_of(call, arn),
    }
    if "logDelivery" in seen:
        read["logDelivery"] = from_api(_LOGS.fields, seen["logDelivery"])
    if "workerConfiguration" in seen:
        chosen = seen["workerConfiguration"]
        read["workerConfiguration"] = {"arn": chosen["workerConfigurationArn"], "revision": chosen["revision"]}
    return read


def _update(call: Call, arn: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    """One change a call, as the API wants it: the configuration, then the capacity."""
    client = call.client("kafkaconnect")
    for name, told in (
        ("connectorConfiguration", {"connectorConfiguration": news["connectorConfiguration"]}),
        ("capacity", {"capacity": _capacity(news)}),
    ):
        if not any(path == name or path.startswith(f"{name}.") for path in changed):
            continue
        current = _await_running(call, arn)["currentVersion"]
        answer = client.update_connector(connectorArn=arn, currentVersion=current, **told)
        operation = answer.get("connectorOperationArn")
        _await_running(call, arn)
        if operation:
            _refuse_failed(call, operation)
    update_tags(call, arn, olds, news, changed)


def _refuse_failed(call: Call, operation_arn: str) -> None:
    """A connector runs on after an update that failed and was rolled back: only the operation tells."""
    client = call.client("kafkaconnect")
    ended = call.wait(
        lambda: client.describe_connector_operation(connectorOperationArn=operation_arn),
        lambda seen: not seen["connectorOperationState"].endswith(("PENDING", "IN_PROGRESS")),
        f"operation {operation_arn} ending",
    )
    if ended["connectorOperationState"] != "UPDATE_COMPLETE":
        why = ended.get("errorInfo", {})
        raise ResourceError(
            f"{ended['connectorOperationType']} ended {ended['connectorOperationState']}: "
            f"{why.get('code', 'no code')}: {why.get('message', 'no message')}"
        )


def _delete(call: Call, arn: str, state: Values) -> None:
    seen = call.wait(
        lambda: _describe(call, arn),
        lambda connector: connector is None or connector["connectorState"] not in _BUSY,
        f"connector {arn} reaching a state in which it can be deleted",
    )
    if seen is None:
        return
    if seen["connectorState"] != "DELETING":
        with ignoring(GONE):
            call.client("kafkaconnect").delete_connector(connectorArn=arn)
    call.wait(lambda: _describe(call, arn), lambda connector: connector is None, f"connector {arn} going away")


TYPES = (
    ResourceType(
        "aws:mskconnect/connector:Connector",
        (
            Field("name", required=True, replace=True),
            Field("description", replace=True),
            _CAPACITY,
            Field("connectorConfiguration", required=True),
            _CLUSTER,
            Field(
                "kafkaClusterClientAuthentication",
                required=True,
                replace=True,
                fields=(Field("authenticationType", choices=("IAM", "NONE")),),
            ),
            Field(
                "kafkaClusterEncryptionInTransit",
                required=True,
                replace=True,
                fields=(Field("encryptionType", choices=("TLS", "PLAINTEXT")),),
            ),
            Field("kafkaconnectVersion", required=True, replace=True),
            _LOGS,
            Field(
                "plugins",
                required=True,
                replace=True,
                many=True,
                fields=(
                    Field(
                        "customPlugin",
                        required=True,
                        fields=(Field("arn", required=True), Field("revision", required=True)),
                    ),
                ),
            ),
            Field("serviceExecutionRoleArn", required=True, replace=True),
            Field(
                "workerConfiguration",
                replace=True,
                fields=(Field("arn", required=True), Field("revision", required=True)),
            ),
            TAGS,
        ),
        _create,
        _read,
        _delete,
        _update,
    ),
)
