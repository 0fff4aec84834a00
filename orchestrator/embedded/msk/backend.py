"""The `kafka` service of the embedded cloud: Amazon MSK's control plane over real brokers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.service import AwsError, Caller, TaggedResource
from orchestrator.embedded.msk import lifecycle, requests, scram, tagging, updates, views
from orchestrator.embedded.msk.brokers import real_brokers
from orchestrator.embedded.msk.catalog import KAFKA_VERSIONS, upgrade_targets
from orchestrator.embedded.msk.model import Cluster, Operation
from orchestrator.embedded.msk.pagination import page
from orchestrator.embedded.msk.plane import BrokersFactory, ControlPlane
from orchestrator.embedded.msk.watch import Watch

Params = dict[str, Any]


class KafkaBackend:
    """Implements `ServiceBackend` for MSK (API version 2018-11-14).

    Args:
        context: the embedded cloud.
        brokers: makes a cluster's brokers; the default launches real Apache Kafka processes.
    """

    service = "kafka"

    def __init__(self, context: CloudContext, *, brokers: BrokersFactory = real_brokers) -> None:
        self._plane = ControlPlane(context, brokers)
        self._operations = self._table()
        self._plane.spawn("watch", Watch(self._plane).run)

    def held(self) -> list[str]:
        """Return everything that this service holds, for the inventory of the cloud's memory."""
        configurations = [f"configurations/{arn}" for arn in self._plane.configurations.arns()]
        return [*(f"clusters/{arn}" for arn in list(self._plane.clusters)), *configurations]

    def _table(self) -> dict[str, Callable[[Params], Params]]:
        plane, store = self._plane, self._plane.configurations

        def locked(handle: Callable[[Params], Params]) -> Callable[[Params], Params]:
            def call(params: Params) -> Params:
                with plane.lock:
                    return handle(params)

            return call

        def bound(handle: Callable[[ControlPlane, Params], Params]) -> Callable[[Params], Params]:
            return lambda params: handle(plane, params)

        return {
            "CreateConfiguration": locked(store.create),
            "DescribeConfiguration": locked(store.describe),
            "DescribeConfigurationRevision": locked(store.describe_revision),
            "ListConfigurations": locked(store.list_all),
            "ListConfigurationRevisions": locked(store.list_revisions),
            "UpdateConfiguration": locked(store.update),
            "DeleteConfiguration": locked(store.delete),
            "CreateCluster": locked(self._create),
            "CreateClusterV2": locked(self._create_v2),
            "DescribeCluster": locked(lambda params: {"ClusterInfo": views.cluster_v1(self._cluster(params))}),
            "DescribeClusterV2": locked(lambda params: {"ClusterInfo": views.cluster_v2(self._cluster(params))}),
            "ListClusters": locked(self._list),
            "ListClustersV2": locked(self._list_v2),
            "GetBootstrapBrokers": locked(lambda params: views.bootstrap(self._cluster(params))),
            "ListNodes": locked(self._list_nodes),
            "DeleteCluster": locked(self._delete),
            "BatchAssociateScramSecret": bound(scram.associate),
            "BatchDisassociateScramSecret": bound(scram.disassociate),
            "ListScramSecrets": bound(scram.list_secrets),
            "UpdateClusterConfiguration": locked(bound(updates.configuration)),
            "UpdateSecurity": locked(bound(updates.security_settings)),
            "UpdateBrokerCount": locked(bound(updates.broker_count)),
            "UpdateBrokerStorage": locked(bound(updates.broker_storage)),
            "UpdateBrokerType": locked(bound(updates.broker_type)),
            "UpdateMonitoring": locked(bound(updates.monitoring)),
            "UpdateClusterKafkaVersion": locked(bound(updates.kafka_version)),
            "RebootBroker": locked(bound(updates.reboot)),
            "DescribeClusterOperation": locked(
                lambda params: {"ClusterOperationInfo": views.operation_v1(self._operation(params))}
            ),
            "DescribeClusterOperationV2": locked(
                lambda params: {"ClusterOperationInfo": views.operation_v2(self._operation(params))}
            ),
            "ListClusterOperations": locked(lambda params: self._list_operations(params, views.operation_v1)),
            "ListClusterOperationsV2": locked(lambda params: self._list_operations(params, views.operation_summary)),
            "ListKafkaVersions": self._list_versions,
            "GetCompatibleKafkaVersions": locked(self._compatible_versions),
            "PutClusterPolicy": bound(tagging.put_policy),
            "GetClusterPolicy": bound(tagging.get_policy),
            "DeleteClusterPolicy": bound(tagging.delete_policy),
            "TagResource": bound(tagging.tag),
            "UntagResource": bound(tagging.untag),
            "ListTagsForResource": bound(tagging.list_tags),
        }

    @property
    def operations(self) -> frozenset[str]:
        """The operations that are implemented."""
        return frozenset(self._operations)

    def invoke(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:  # noqa: ARG002 - the gateway has authorized the caller
        """Carry out one operation.

        Raises:
            AwsError: MSK refuses it.
            NotImplementedError: MSK has the operation and the embedded target does not.
        """
        try:
            handle = self._operations[operation]
        except KeyError:
            raise NotImplementedError(operation) from None
        return handle(params)

    def tagged_resources(self) -> list[TaggedResource]:
        """Return every cluster that carries a tag. Takes no lock: the tagging API may hold moto's."""
        clusters = list(self._plane.clusters.values())
        return [{"arn": cluster.arn, "tags": dict(cluster.spec.tags)} for cluster in clusters if cluster.spec.tags]

    def ca_pem(self, cluster_uuid: str) -> str:
        """Return the CA that signed a cluster's broker certificates, as PEM text.

        Args:
            cluster_uuid: the last part of the cluster's ARN.

        Raises:
            AwsError: there is no such cluster, or its brokers are not ready yet.
        """
        cluster = self._plane.by_uuid(cluster_uuid)
        if cluster is None or cluster.runner is None or not cluster.ready:
            raise AwsError("NotFoundException", "This cluster does not exist, or has no brokers yet.", 404)
        return cluster.runner.ca_pem()

    def ca_of(self, bootstrap_servers: str) -> str | None:
        """Return the CA (PEM) of the brokers behind bootstrap servers, or None when no cluster here has them."""
        wanted = {server.strip() for server in bootstrap_servers.split(",")}
        for cluster in list(self._plane.clusters.values()):
            mine = {server for servers in cluster.bootstrap.values() for server in servers.split(",")}
            if wanted & mine and cluster.runner is not None:
                return cluster.runner.ca_pem()
        return None

    def authorities(self) -> tuple[str, ...]:
        """Return the CA (PEM) of every cluster whose brokers run; on AWS public ones stand for all of them."""
        runners = [cluster.runner for cluster in list(self._plane.clusters.values()) if cluster.ready]
        return tuple(runner.ca_pem() for runner in runners if runner is not None)

    def cluster_name(self, cluster_uuid: str) -> str | None:
        """Return the name of the cluster whose ARN ends in `cluster_uuid`, or None."""
        cluster = self._plane.by_uuid(cluster_uuid)
        return None if cluster is None else cluster.spec.name

    def cluster_policy(self, arn: str) -> str | None:
        """Return a cluster's resource policy (JSON text), which IAM authorization has to honour, or None."""
        cluster = self._plane.clusters.get(arn)
        return None if cluster is None or cluster.policy is None else cluster.policy[0]

    def close(self) -> None:
        """End all brokers."""
        self._plane.close()

    # Clusters; the lock is held.

    def _cluster(self, params: Params) -> Cluster:
        return self._plane.cluster(params["ClusterArn"])

    def _create(self, params: Params) -> Params:
        plane = self._plane
        spec = requests.parse(params, moto=plane.context.moto, names=plane.names, configurations=plane.configurations)
        cluster = lifecycle.create(plane, spec)
        return {"ClusterArn": cluster.arn, "ClusterName": spec.name, "State": str(cluster.state)}

    def _create_v2(self, params: Params) -> Params:
        return {**self._create(requests.provisioned_part(params)), "ClusterType": "PROVISIONED"}

    def _delete(self, params: Params) -> Params:
        cluster = lifecycle.delete(self._plane, params["ClusterArn"], params.get("CurrentVersion"))
        return {"ClusterArn": cluster.arn, "State": str(cluster.state)}

    def _matching(self, params: Params) -> list[Cluster]:
        prefix = params.get("ClusterNameFilter") or ""
        return [cluster for cluster in self._plane.clusters.values() if cluster.spec.name.startswith(prefix)]

    def _list(self, params: Params) -> Params:
        chosen, more = page(self._matching(params), params, key=lambda cluster: cluster.arn)
        return {"ClusterInfoList": [views.cluster_v1(cluster) for cluster in chosen], **more}

    def _list_v2(self, params: Params) -> Params:
        kind = params.get("ClusterTypeFilter") or "PROVISIONED"
        if kind not in {"PROVISIONED", "SERVERLESS"}:
            raise AwsError(
                "BadRequestException", f"Unsupported ClusterType [{kind}].", InvalidParameter="clusterTypeFilter"
            )
        matching = self._matching(params) if kind == "PROVISIONED" else []
        chosen, more = page(matching, params, key=lambda cluster: cluster.arn)
        return {"ClusterInfoList": [views.cluster_v2(cluster) for cluster in chosen], **more}

    def _list_nodes(self, params: Params) -> Params:
        nodes = views.nodes(self._cluster(params), self._plane.names)
        chosen, more = page(nodes, params, key=lambda node: str(node["NodeARN"]))
        return {"NodeInfoList": chosen, **more}

    def _operation(self, params: Params) -> Operation:
        arn = params["ClusterOperationArn"]
        for cluster in self._plane.clusters.values():
            for operation in cluster.operations:
                if operation.arn == arn:
                    return operation
        raise AwsError(
            "NotFoundException", "This cluster operation does not exist.", 404, InvalidParameter="clusterOperationArn"
        )

    def _list_operations(self, params: Params, view: Callable[[Operation], Params]) -> Params:
        newest_first = list(reversed(self._cluster(params).operations))
        chosen, more = page(newest_first, params, key=lambda operation: operation.arn)
        return {"ClusterOperationInfoList": [view(operation) for operation in chosen], **more}

    def _list_versions(self, params: Params) -> Params:
        chosen, more = page(KAFKA_VERSIONS, params, key=lambda version: version.name)
        return {"KafkaVersions": [{"Version": v.name, "Status": v.status} for v in chosen], **more}

    def _compatible_versions(self, params: Params) -> Params:
        if params.get("ClusterArn"):
            sources = [self._cluster(params).spec.kafka_version]
        else:
            sources = [version.name for version in KAFKA_VERSIONS]
        return {
            "CompatibleKafkaVersions": [
                {"SourceVersion": source, "TargetVersions": targets}
                for source in sources
                if (targets := upgrade_targets(source))
            ]
        }
