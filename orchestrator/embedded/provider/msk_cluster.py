"""MSK clusters: made, changed and deleted in the background, and waited for."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.embedded.provider import msk_shapes as shapes
from orchestrator.embedded.provider.call import Call, ResourceError, found, ignoring, removed_tags
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values

_GONE = "NotFoundException"
#: No delete is accepted in these ("DeleteCluster", Amazon MSK API Reference), and all of them pass.
_BUSY = frozenset({"CREATING", "UPDATING", "REBOOTING_BROKER", "HEALING", "MAINTENANCE"})


def _describe(call: Call, arn: str) -> Any:
    kafka = call.client("kafka")
    answer = found([_GONE], lambda: kafka.describe_cluster(ClusterArn=arn))
    return answer["ClusterInfo"] if answer else None


def _await_active(call: Call, arn: str) -> Any:
    info = call.wait(
        lambda: _describe(call, arn),
        lambda seen: seen is None or seen["State"] in {"ACTIVE", "FAILED"},
        f"cluster {arn} becoming ACTIVE",
    )
    if info is None:
        raise ResourceError(f"cluster {arn} disappeared while it was waited for")
    if info["State"] == "FAILED":
        why = info.get("StateInfo", {})
        raise ResourceError(
            f"cluster {arn} is FAILED: {why.get('Code', 'no code')}: {why.get('Message', 'no message')}"
        )
    return info


def _create(call: Call, news: Values) -> str:
    given: Values = {
        "Tags": news.get("tags"),
        "EnhancedMonitoring": news.get("enhancedMonitoring"),
        "ClientAuthentication": _optional(shapes.authentication_to_api, news.get("clientAuthentication")),
        "EncryptionInfo": _optional(shapes.encryption_to_api, news.get("encryptionInfo")),
        "LoggingInfo": _optional(shapes.logging_to_api, news.get("loggingInfo")),
        "ConfigurationInfo": _optional(_configuration, news.get("configurationInfo")),
    }
    answer = call.client("kafka").create_cluster(
        ClusterName=news["clusterName"],
        KafkaVersion=news["kafkaVersion"],
        NumberOfBrokerNodes=news["numberOfBrokerNodes"],
        BrokerNodeGroupInfo=shapes.node_group_to_api(news["brokerNodeGroupInfo"]),
        **{name: value for name, value in given.items() if value is not None},
    )
    arn: str = call.created(answer["ClusterArn"])
    _await_active(call, arn)
    return arn


def _optional(convert: Callable[[Values], Values], value: Values | None) -> Values | None:
    return None if value is None else convert(value)


def _configuration(value: Values) -> Values:
    return {"Arn": value["arn"], "Revision": int(value["revision"])}


def _read(call: Call, arn: str, state: Values) -> Values | None:
    info = _describe(call, arn)
    if info is None or info["State"] == "DELETING":
        return None
    kafka, software = call.client("kafka"), info.get("CurrentBrokerSoftwareInfo", {})
    servers = found(["BadRequestException", _GONE], lambda: kafka.get_bootstrap_brokers(ClusterArn=arn)) or {}
    seen: Values = {
        "clusterName": info["ClusterName"],
        "kafkaVersion": software.get("KafkaVersion"),
        "numberOfBrokerNodes": info["NumberOfBrokerNodes"],
        "brokerNodeGroupInfo": shapes.node_group_from_api(info["BrokerNodeGroupInfo"]),
        "clientAuthentication": shapes.authentication_from_api(info.get("ClientAuthentication", {})),
        "encryptionInfo": shapes.encryption_from_api(info.get("EncryptionInfo", {})),
        "loggingInfo": _optional(shapes.logging_from_api, info.get("LoggingInfo")),  # type: ignore[arg-type]
        "enhancedMonitoring": info.get("EnhancedMonitoring", "DEFAULT"),
        "currentVersion": info["CurrentVersion"],
        "clusterUuid": arn.rsplit("/", 1)[-1],
        "bootstrapBrokersTls": servers.get("BootstrapBrokerStringTls", ""),
        "bootstrapBrokersSaslScram": servers.get("BootstrapBrokerStringSaslScram", ""),
        "bootstrapBrokersSaslIam": servers.get("BootstrapBrokerStringSaslIam", ""),
        "arn": arn,
        "tags": dict(info.get("Tags", {})),
    }
    if software.get("ConfigurationArn"):
        seen["configurationInfo"] = {
            "arn": software["ConfigurationArn"],
            "revision": software["ConfigurationRevision"],
        }
    return seen


# --- Update ------------------------------------------------------------------------------------------------------


def _updates(news: Values) -> tuple[tuple[frozenset[str], str, Callable[[], Values]], ...]:
    """Return MSK's update operations: the properties that each is for, its name, and what it is told."""
    group = news["brokerNodeGroupInfo"]
    return (
        (
            frozenset({"brokerNodeGroupInfo.instanceType"}),
            "update_broker_type",
            lambda: {"TargetInstanceType": group["instanceType"]},
        ),
        (
            frozenset({"brokerNodeGroupInfo.storageInfo"}),
            "update_broker_storage",
            lambda: {
                "TargetBrokerEBSVolumeInfo": [
                    {"KafkaBrokerNodeId": "All", "VolumeSizeGB": group["storageInfo"]["ebsStorageInfo"]["volumeSize"]}
                ]
            },
        ),
        (
            frozenset({"numberOfBrokerNodes"}),
            "update_broker_count",
            lambda: {"TargetNumberOfBrokerNodes": news["numberOfBrokerNodes"]},
        ),
        (
            frozenset({"clientAuthentication", "encryptionInfo"}),
            "update_security",
            lambda: {
                "ClientAuthentication": shapes.authentication_to_api(news.get("clientAuthentication", {})),
                "EncryptionInfo": shapes.encryption_to_api(news.get("encryptionInfo", {}), at_rest=False),
            },
        ),
        (
            frozenset({"loggingInfo", "enhancedMonitoring"}),
            "update_monitoring",
            lambda: {
                "LoggingInfo": shapes.logging_to_api(news.get("loggingInfo", {})),
                "EnhancedMonitoring": news.get("enhancedMonitoring", "DEFAULT"),
            },
        ),
        (
            frozenset({"kafkaVersion"}),
            "update_cluster_kafka_version",
            lambda: {
                "TargetKafkaVersion": news["kafkaVersion"],
                **(
                    {"ConfigurationInfo": _configuration(news["configurationInfo"])}
                    if "configurationInfo" in news
                    else {}
                ),
            },
        ),
        (
            frozenset({"configurationInfo"}),
            "update_cluster_configuration",
            lambda: {"ConfigurationInfo": _configuration(news["configurationInfo"])},
        ),
    )


def _update(call: Call, arn: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    kafka = call.client("kafka")
    info = _await_active(call, arn)  # a cluster whose creation failed or is unfinished shows itself here
    for properties, operation, arguments in _updates(news):
        wanted = {path for path in changed for name in properties if path == name or path.startswith(f"{name}.")}
        if operation == "update_cluster_configuration" and "kafkaVersion" in changed:
            continue  # went along with the version
        if not wanted:
            continue
        told = arguments()
        answer = getattr(kafka, operation)(ClusterArn=arn, CurrentVersion=info["CurrentVersion"], **told)
        _await_operation(call, answer["ClusterOperationArn"])
        info = _await_active(call, arn)
    if "tags" in changed:
        gone = removed_tags(olds, news)
        if gone:
            kafka.untag_resource(ResourceArn=arn, TagKeys=gone)
        if news.get("tags"):
            kafka.tag_resource(ResourceArn=arn, Tags=news["tags"])


def _await_operation(call: Call, operation_arn: str) -> None:
    kafka = call.client("kafka")
    ended = call.wait(
        lambda: kafka.describe_cluster_operation(ClusterOperationArn=operation_arn)["ClusterOperationInfo"],
        lambda seen: seen["OperationState"].endswith(("_COMPLETE", "_FAILED")),
        f"operation {operation_arn} ending",
    )
    if ended["OperationState"].endswith("_FAILED"):
        why = ended.get("ErrorInfo", {})
        raise ResourceError(
            f"{ended['OperationType']} ended {ended['OperationState']}: "
            f"{why.get('ErrorCode', 'no code')}: {why.get('ErrorString', 'no message')}"
        )


def _delete(call: Call, arn: str, state: Values) -> None:
    kafka = call.client("kafka")
    info = call.wait(
        lambda: _describe(call, arn),
        lambda seen: seen is None or seen["State"] not in _BUSY,
        f"cluster {arn} reaching a state in which it can be deleted",
    )
    if info is None:
        return
    if info["State"] != "DELETING":
        with ignoring(_GONE):
            kafka.delete_cluster(ClusterArn=arn)
    call.wait(lambda: _describe(call, arn), lambda seen: seen is None, f"cluster {arn} going away")


TYPES = (
    ResourceType(
        "aws:msk/cluster:Cluster",
        (
            Field("clusterName", required=True, replace=True),
            Field("kafkaVersion", required=True),
            Field("numberOfBrokerNodes", required=True),
            shapes.NODE_GROUP,
            shapes.AUTHENTICATION,
            shapes.ENCRYPTION,
            shapes.CONFIGURATION,
            shapes.LOGGING,
            Field("enhancedMonitoring"),
            TAGS,
        ),
        _create,
        _read,
        _delete,
        _update,
    ),
)
