"""CreateCluster and CreateClusterV2: a request becomes a `ClusterSpec`, or a refusal as MSK gives it."""

from __future__ import annotations

import copy
import re
from typing import Any

from orchestrator.embedded.gateway.moto_state import MotoState, Subnet
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.msk import security
from orchestrator.embedded.msk.arns import Names
from orchestrator.embedded.msk.catalog import require_instance_type, require_version
from orchestrator.embedded.msk.configurations import ConfigurationStore
from orchestrator.embedded.msk.model import ClusterSpec

_NAME = re.compile(r"^[0-9A-Za-z][0-9A-Za-z-]{0,63}$")

#: "Amazon MSK quota", Amazon MSK Developer Guide: 30 brokers for a cluster with ZooKeeper, 60 with KRaft. Here every
#: broker is a process of this machine.
_MAX_BROKERS = 30

_VOLUME_GIB = (1, 16_384)
_DEFAULT_VOLUME_GIB = 1000


def _refuse(message: str, parameter: str) -> AwsError:
    return AwsError("BadRequestException", message, InvalidParameter=parameter)


def provisioned_part(params: dict[str, Any]) -> dict[str, Any]:
    """Return a CreateClusterV2 request as the CreateCluster request that means the same.

    Raises:
        AwsError: it asks for a serverless cluster, or for both kinds, or for none.
    """
    if params.get("Serverless") is not None and params.get("Provisioned") is not None:
        raise _refuse("Specify either provisioned or serverless.", "provisioned")
    if params.get("Serverless") is not None:
        raise _refuse(
            "MSK Serverless isn't available on the embedded target: it runs provisioned clusters. Use Provisioned, or "
            "create the serverless cluster on AWS.",
            "serverless",
        )
    if params.get("Provisioned") is None:
        raise _refuse("Specify either provisioned or serverless.", "provisioned")
    return {**params["Provisioned"], "ClusterName": params["ClusterName"], "Tags": params.get("Tags") or {}}


def parse(params: dict[str, Any], *, moto: MotoState, names: Names, configurations: ConfigurationStore) -> ClusterSpec:
    """Validate a CreateCluster request.

    Raises:
        AwsError: MSK, or the embedded target, does not make such a cluster; the message says what is wrong.
    """
    name = params["ClusterName"]
    if not _NAME.match(name):
        raise _refuse("The parameter value contains one or more characters that are not valid.", "clusterName")
    version = require_version(params["KafkaVersion"]).name
    if params.get("StorageMode") == "TIERED":
        raise _refuse(
            "StorageMode TIERED isn't available on the embedded target: brokers keep data on local disks.",
            "storageMode",
        )
    if (params.get("Rebalancing") or {}).get("Status") == "ACTIVE":
        raise _refuse(
            "Intelligent rebalancing needs Express brokers, which the embedded target does not have.", "rebalancing"
        )
    node_group, subnets = _node_group(params["BrokerNodeGroupInfo"], moto)
    brokers = int(params["NumberOfBrokerNodes"])
    require_broker_count(brokers, len(subnets), "numberOfBrokerNodes")
    return ClusterSpec(
        name=name,
        kafka_version=version,
        brokers=brokers,
        node_group=node_group,
        subnets=subnets,
        security=security.resolve(
            params.get("ClientAuthentication"), params.get("EncryptionInfo"), moto=moto, names=names
        ),
        configuration=configuration_reference(params.get("ConfigurationInfo"), configurations),
        enhanced_monitoring=params.get("EnhancedMonitoring") or "DEFAULT",
        open_monitoring=open_monitoring(params.get("OpenMonitoring")),
        logging=logging(params.get("LoggingInfo"), moto),
        tags=dict(params.get("Tags") or {}),
    )


def require_broker_count(brokers: int, zones: int, parameter: str) -> None:
    """Refuse a number of brokers that cannot be spread evenly over the zones.

    Raises:
        AwsError: not a multiple of the zones, or more than a cluster may have.
    """
    if brokers < 1 or brokers % zones:
        raise _refuse(
            "The number of broker nodes must be a multiple of Availability Zones in the Client Subnets parameter.",
            parameter,
        )
    if brokers > _MAX_BROKERS:
        raise _refuse(f"The number of broker nodes must be at most {_MAX_BROKERS}.", parameter)


def configuration_reference(asked: dict[str, Any] | None, configurations: ConfigurationStore) -> tuple[str, int] | None:
    """Return ARN and revision of a `ConfigurationInfo` that exists.

    Raises:
        AwsError: the configuration or the revision does not exist.
    """
    if asked is None:
        return None
    revision = configurations.get(asked["Arn"]).revision(int(asked["Revision"]))
    return asked["Arn"], revision.number


def open_monitoring(asked: dict[str, Any] | None) -> dict[str, Any]:
    """Return the model's `OpenMonitoring`, exporters off unless they were asked for."""
    prometheus = copy.deepcopy((asked or {}).get("Prometheus") or {})
    prometheus.setdefault("JmxExporter", {"EnabledInBroker": False})
    prometheus.setdefault("NodeExporter", {"EnabledInBroker": False})
    return {"Prometheus": prometheus}


def logging(asked: dict[str, Any] | None, moto: MotoState) -> dict[str, Any] | None:
    """Return a `LoggingInfo` that can be carried out, or None.

    Raises:
        AwsError: the log group does not exist, or the logs shall go where the embedded target does not ship them.
    """
    if not asked:
        return None
    for kind in ("BrokerLogs", "AuthorizerLogs"):
        destinations = asked.get(kind) or {}
        for unavailable in ("Firehose", "S3"):
            if (destinations.get(unavailable) or {}).get("Enabled"):
                raise _refuse(
                    f"{kind} to {unavailable} aren't available on the embedded target: it ships broker logs to "
                    "CloudWatch Logs.",
                    "loggingInfo",
                )
        group = destinations.get("CloudWatchLogs") or {}
        if not group.get("Enabled"):
            continue
        if kind == "AuthorizerLogs":
            raise _refuse("AuthorizerLogs aren't available on the embedded target.", "loggingInfo")
        if not group.get("LogGroup"):
            raise _refuse("Specify the log group that broker logs go to.", "loggingInfo")
        if not moto.log_group_exists(group["LogGroup"]):
            raise _refuse(f"The CloudWatch log group {group['LogGroup']} doesn't exist.", "loggingInfo")
    return copy.deepcopy(asked)


def _node_group(asked: dict[str, Any], moto: MotoState) -> tuple[dict[str, Any], tuple[Subnet, ...]]:
    require_instance_type(asked["InstanceType"])
    subnets = _subnets(list(asked["ClientSubnets"]), moto)
    vpc = subnets[0].vpc_id
    for group in asked.get("SecurityGroups") or []:
        home = moto.security_group_vpc(group)
        if home is None:
            raise _refuse(f"The security group {group} doesn't exist.", "securityGroups")
        if home != vpc:
            raise _refuse(
                f"The security group {group} isn't in the VPC of the client subnets, {vpc}.", "securityGroups"
            )
    answer = copy.deepcopy(asked)
    answer.setdefault("BrokerAZDistribution", "DEFAULT")
    answer["StorageInfo"] = _storage(asked.get("StorageInfo"))
    answer["ConnectivityInfo"] = _connectivity(asked.get("ConnectivityInfo"))
    return answer, subnets


def _subnets(ids: list[str], moto: MotoState) -> tuple[Subnet, ...]:
    # MSK wants two or three; one is accepted here so that the smallest cluster is a single process.
    if not 1 <= len(ids) <= 3 or len(set(ids)) != len(ids):
        raise _refuse("Specify either two or three different client subnets.", "clientSubnets")
    found = []
    for subnet_id in ids:
        subnet = moto.subnet(subnet_id)
        if subnet is None:
            raise _refuse(f"The subnet {subnet_id} doesn't exist.", "clientSubnets")
        found.append(subnet)
    if len({subnet.vpc_id for subnet in found}) != 1:
        raise _refuse("The client subnets must be in the same VPC.", "clientSubnets")
    if len({subnet.zone for subnet in found}) != len(found):
        raise _refuse(
            "The number of Availability Zones in the BrokerAZDistribution parameter must be equal to the number of "
            "client subnets.",
            "clientSubnets",
        )
    return tuple(found)


def _storage(asked: dict[str, Any] | None) -> dict[str, Any]:
    storage = copy.deepcopy(asked or {})
    volume = storage.setdefault("EbsStorageInfo", {})
    volume.setdefault("VolumeSize", _DEFAULT_VOLUME_GIB)
    require_volume_size(int(volume["VolumeSize"]))
    return storage


def require_volume_size(gib: int) -> None:
    """Refuse a volume that MSK does not make (1 to 16384 GiB, EBSStorageInfo, API reference).

    Raises:
        AwsError: the size is out of range.
    """
    if not _VOLUME_GIB[0] <= gib <= _VOLUME_GIB[1]:
        raise _refuse(f"The volume size must be between {_VOLUME_GIB[0]} and {_VOLUME_GIB[1]} GiB.", "volumeSize")


def _connectivity(asked: dict[str, Any] | None) -> dict[str, Any]:
    connectivity = copy.deepcopy(asked or {})
    if (connectivity.get("PublicAccess") or {}).get("Type", "DISABLED") != "DISABLED":
        raise _refuse("You can't turn on public access when you create a cluster.", "publicAccess")
    if _any_enabled(connectivity.get("VpcConnectivity")):
        raise _refuse(
            "When creating a cluster, all vpcConnectivity auth schemes must be disabled ('enabled' : false). You can "
            "enable auth schemes after the cluster is created",
            "vpcConnectivity",
        )
    connectivity.setdefault("PublicAccess", {"Type": "DISABLED"})
    return connectivity


def _any_enabled(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    return document.get("Enabled") is True or any(_any_enabled(value) for value in document.values())
