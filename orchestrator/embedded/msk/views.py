"""Clusters, nodes and operations as the API's shapes; the caller holds the control plane's lock."""

from __future__ import annotations

import copy
from typing import Any

from orchestrator.embedded.msk.arns import Names
from orchestrator.embedded.msk.model import Cluster, ClusterState, Operation


def software(cluster: Cluster) -> dict[str, Any]:
    """Return the model's `BrokerSoftwareInfo`; without a configuration it names none, so that tools see no change."""
    info: dict[str, Any] = {"KafkaVersion": cluster.spec.kafka_version}
    if cluster.spec.configuration is not None:
        info["ConfigurationArn"], info["ConfigurationRevision"] = cluster.spec.configuration
    return info


def _identity(cluster: Cluster) -> dict[str, Any]:
    identity: dict[str, Any] = {
        "ClusterArn": cluster.arn,
        "ClusterName": cluster.spec.name,
        "CreationTime": cluster.created,
        "CurrentVersion": cluster.version,
        "State": str(cluster.state),
        "Tags": dict(cluster.spec.tags),
    }
    if cluster.active_operation is not None:
        identity["ActiveOperationArn"] = cluster.active_operation
    if cluster.state_info is not None:
        identity["StateInfo"] = dict(cluster.state_info)
    return identity


def _provisioned(cluster: Cluster) -> dict[str, Any]:
    # No ZookeeperConnectString: the brokers run KRaft.
    spec = cluster.spec
    info: dict[str, Any] = {
        "BrokerNodeGroupInfo": copy.deepcopy(spec.node_group),
        "ClientAuthentication": copy.deepcopy(spec.security.client_authentication),
        "CurrentBrokerSoftwareInfo": software(cluster),
        "EncryptionInfo": copy.deepcopy(spec.security.encryption),
        "EnhancedMonitoring": spec.enhanced_monitoring,
        "NumberOfBrokerNodes": spec.brokers,
        "OpenMonitoring": copy.deepcopy(spec.open_monitoring),
        "StorageMode": "LOCAL",
        "CustomerActionStatus": "NONE",
    }
    if spec.logging is not None:
        info["LoggingInfo"] = copy.deepcopy(spec.logging)
    return info


def cluster_v1(cluster: Cluster) -> dict[str, Any]:
    """Return the model's `ClusterInfo`."""
    return {**_identity(cluster), **_provisioned(cluster)}


def cluster_v2(cluster: Cluster) -> dict[str, Any]:
    """Return the model's `Cluster`."""
    return {**_identity(cluster), "ClusterType": "PROVISIONED", "Provisioned": _provisioned(cluster)}


def bootstrap(cluster: Cluster) -> dict[str, str]:
    """Return the answer of GetBootstrapBrokers.

    Raises:
        AwsError: the cluster has none now (CREATING, FAILED, DELETING).
    """
    cluster.require_state(
        "get bootstrap broker nodes for a cluster",
        ClusterState.ACTIVE,
        ClusterState.UPDATING,
        ClusterState.REBOOTING_BROKER,
        ClusterState.HEALING,
        ClusterState.MAINTENANCE,
    )
    members = {
        "mtls": "BootstrapBrokerStringTls",
        "scram": "BootstrapBrokerStringSaslScram",
        "iam": "BootstrapBrokerStringSaslIam",
    }
    servers = cluster.bootstrap
    return {member: servers[listener] for listener, member in members.items() if servers.get(listener)}


def nodes(cluster: Cluster, names: Names) -> list[dict[str, Any]]:
    """Return the model's `NodeInfo` of every broker; empty until they are ready.

    `Endpoints` have ports, unlike on AWS: every broker of the embedded target is at the same host.
    """
    if cluster.state is ClusterState.DELETING:
        return []
    return [_node(cluster, names, broker_id, endpoints) for broker_id, endpoints in cluster.endpoints.items()]


def _node(cluster: Cluster, names: Names, broker_id: int, endpoints: list[str]) -> dict[str, Any]:
    info: dict[str, Any] = {
        "BrokerId": float(broker_id),
        "CurrentBrokerSoftwareInfo": software(cluster),
        "Endpoints": endpoints,
    }
    if interface := cluster.interfaces.get(broker_id):
        info["AttachedENIId"] = interface.id
        info["ClientSubnet"] = interface.subnet_id
        info["ClientVpcIpAddress"] = interface.private_ip
    joined = cluster.joined.get(broker_id, cluster.created)
    return {
        "AddedToClusterTime": joined.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "BrokerNodeInfo": info,
        "InstanceType": cluster.spec.node_group["InstanceType"],
        "NodeARN": names.broker(cluster.spec.name, cluster.uuid, broker_id),
        "NodeType": "BROKER",
    }


def operation_v1(operation: Operation) -> dict[str, Any]:
    """Return the model's `ClusterOperationInfo`."""
    info: dict[str, Any] = {
        "ClusterArn": operation.cluster_arn,
        "CreationTime": operation.created,
        "OperationArn": operation.arn,
        "OperationState": operation.state,
        "OperationSteps": [],
        "OperationType": operation.type,
        "SourceClusterInfo": copy.deepcopy(operation.source),
        "TargetClusterInfo": copy.deepcopy(operation.target),
    }
    return {**info, **_end(operation), **_error(operation)}


def operation_v2(operation: Operation) -> dict[str, Any]:
    """Return the model's `ClusterOperationV2`."""
    return {
        **operation_summary(operation),
        **_error(operation),
        "Provisioned": {
            "OperationSteps": [],
            "SourceClusterInfo": copy.deepcopy(operation.source),
            "TargetClusterInfo": copy.deepcopy(operation.target),
        },
    }


def operation_summary(operation: Operation) -> dict[str, Any]:
    """Return the model's `ClusterOperationV2Summary`."""
    return {
        "ClusterArn": operation.cluster_arn,
        "ClusterType": "PROVISIONED",
        "OperationArn": operation.arn,
        "OperationState": operation.state,
        "OperationType": operation.type,
        "StartTime": operation.created,
        **_end(operation),
    }


def _end(operation: Operation) -> dict[str, Any]:
    return {} if operation.ended is None else {"EndTime": operation.ended}


def _error(operation: Operation) -> dict[str, Any]:
    return {} if operation.error is None else {"ErrorInfo": dict(operation.error)}
