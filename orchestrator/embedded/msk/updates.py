"""Updates of a cluster: ACTIVE -> UPDATING (or REBOOTING_BROKER) -> ACTIVE, each recorded as a cluster operation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.msk import lifecycle, network, requests, security
from orchestrator.embedded.msk.catalog import require_instance_type, upgrade_targets
from orchestrator.embedded.msk.model import Brokers, Cluster, ClusterSpec, ClusterState, Security
from orchestrator.embedded.msk.operations import nothing, run
from orchestrator.embedded.msk.plane import ControlPlane

_DOING = "update cluster"


def _roll(runner: Brokers) -> None:
    """Restart every broker, one after the other, as MSK does when it replaces what they run on."""
    for node in list(runner.nodes()):
        runner.restart_broker(node.id)


def _begin(plane: ControlPlane, params: dict[str, Any]) -> Cluster:
    cluster = plane.active(params["ClusterArn"], _DOING)
    cluster.require_version(params["CurrentVersion"])
    return cluster


def _refuse(message: str, parameter: str) -> AwsError:
    return AwsError("BadRequestException", message, InvalidParameter=parameter)


def configuration(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateClusterConfiguration: every broker is restarted in turn with the properties of another revision."""
    cluster = _begin(plane, params)
    reference = requests.configuration_reference(params["ConfigurationInfo"], plane.configurations)
    target = replace(cluster.spec, configuration=reference)
    old, new = (lifecycle.configured_properties(plane, spec) for spec in (cluster.spec, target))
    return run(
        plane,
        cluster,
        "UPDATE_CLUSTER_CONFIGURATION",
        target=target,
        before=_configuration_info(cluster.spec),
        after=_configuration_info(target),
        action=lambda runner: runner.apply_configuration(new),
        undo=lambda runner: runner.apply_configuration(old),
    )


def _configuration_info(spec: ClusterSpec) -> dict[str, Any]:
    if spec.configuration is None:
        return {}
    arn, revision = spec.configuration
    return {"ConfigurationInfo": {"Arn": arn, "Revision": revision}}


def security_settings(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateSecurity: listeners appear and disappear, every broker is restarted in turn."""
    cluster = _begin(plane, params)
    moto = plane.context.moto
    wanted = security.changed(cluster.spec.security, params, moto=moto, names=plane.names)
    current = cluster.spec.security
    old_ca, new_ca = (security.client_ca_pem(settings, moto) for settings in (current, wanted))
    return run(
        plane,
        cluster,
        "UPDATE_SECURITY",
        target=replace(cluster.spec, security=wanted),
        before=_security_info(current),
        after=_security_info(wanted),
        action=lambda runner: runner.set_listeners(scram=wanted.scram, iam=wanted.iam, client_ca_pem=new_ca),
        undo=lambda runner: runner.set_listeners(scram=current.scram, iam=current.iam, client_ca_pem=old_ca),
    )


def _security_info(settings: Security) -> dict[str, Any]:
    return {"ClientAuthentication": settings.client_authentication, "EncryptionInfo": settings.encryption}


def broker_count(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateBrokerCount: more brokers, evenly over the zones. Existing partitions stay where they are."""
    cluster = _begin(plane, params)
    current, wanted = cluster.spec.brokers, int(params["TargetNumberOfBrokerNodes"])
    requests.require_broker_count(wanted, len(cluster.spec.subnets), "targetNumberOfBrokerNodes")
    if wanted <= current:
        raise _refuse(
            f"The target number of broker nodes ({wanted}) must be greater than the current number ({current}): the "
            "embedded target adds brokers, it does not remove them.",
            "targetNumberOfBrokerNodes",
        )

    def grow(runner: Brokers) -> None:
        runner.add_brokers(wanted - current)
        with plane.lock:
            network.attach(plane, cluster, wanted)

    return run(
        plane,
        cluster,
        "INCREASE_BROKER_COUNT",
        target=replace(cluster.spec, brokers=wanted),
        before={"NumberOfBrokerNodes": current},
        after={"NumberOfBrokerNodes": wanted},
        action=grow,
    )


def broker_type(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateBrokerType: every broker is restarted in turn, as on AWS, where it moves to another machine."""
    cluster = _begin(plane, params)
    current, wanted = cluster.spec.node_group["InstanceType"], require_instance_type(params["TargetInstanceType"])
    if wanted == current:
        raise _refuse(f"The cluster's brokers already have the type {wanted}.", "targetInstanceType")
    return run(
        plane,
        cluster,
        "UPDATE_BROKER_TYPE",
        target=replace(cluster.spec, node_group={**cluster.spec.node_group, "InstanceType": wanted}),
        before={"InstanceType": current},
        after={"InstanceType": wanted},
        action=_roll,
    )


def broker_storage(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateBrokerStorage: all brokers' volumes grow; they never shrink."""
    cluster = _begin(plane, params)
    volumes = params["TargetBrokerEBSVolumeInfo"]
    storage = cluster.spec.node_group["StorageInfo"]["EbsStorageInfo"]
    current = int(storage["VolumeSize"])
    if len(volumes) != 1 or volumes[0]["KafkaBrokerNodeId"] != "All":
        raise _refuse("Specify All as the only KafkaBrokerNodeId.", "targetBrokerEBSVolumeInfo")
    wanted = int(volumes[0].get("VolumeSizeGB") or current)
    throughput = volumes[0].get("ProvisionedThroughput")
    requests.require_volume_size(wanted)
    if wanted < current or (wanted == current and throughput == storage.get("ProvisionedThroughput")):
        raise _refuse(f"The target volume size must be greater than the current one, {current} GiB.", "volumeSizeGB")
    resized = {**storage, "VolumeSize": wanted, **({"ProvisionedThroughput": throughput} if throughput else {})}
    return run(
        plane,
        cluster,
        "UPDATE_BROKER_STORAGE",
        target=replace(
            cluster.spec, node_group={**cluster.spec.node_group, "StorageInfo": {"EbsStorageInfo": resized}}
        ),
        before={"BrokerEBSVolumeInfo": [{"KafkaBrokerNodeId": "All", "VolumeSizeGB": current}]},
        after={"BrokerEBSVolumeInfo": volumes},
        action=nothing,
    )


def monitoring(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateMonitoring: metrics' level, exporters and log delivery; brokers are not restarted."""
    cluster = _begin(plane, params)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    target = cluster.spec
    if params.get("EnhancedMonitoring"):
        before["EnhancedMonitoring"] = target.enhanced_monitoring
        target = replace(target, enhanced_monitoring=params["EnhancedMonitoring"])
        after["EnhancedMonitoring"] = target.enhanced_monitoring
    if params.get("OpenMonitoring"):
        before["OpenMonitoring"] = target.open_monitoring
        target = replace(target, open_monitoring=requests.open_monitoring(params["OpenMonitoring"]))
        after["OpenMonitoring"] = target.open_monitoring
    if params.get("LoggingInfo"):
        if target.logging is not None:
            before["LoggingInfo"] = target.logging
        target = replace(target, logging=requests.logging(params["LoggingInfo"], plane.context.moto))
        after["LoggingInfo"] = target.logging
    if target == cluster.spec:
        raise _refuse(
            "The request does not include any updates to the monitoring of the cluster.", "enhancedMonitoring"
        )
    return run(plane, cluster, "UPDATE_MONITORING", target=target, before=before, after=after, action=nothing)


def kafka_version(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateClusterKafkaVersion: upwards only; every broker is restarted in turn, with a new configuration if asked."""
    cluster = _begin(plane, params)
    current, wanted = cluster.spec.kafka_version, params["TargetKafkaVersion"]
    targets = upgrade_targets(current)
    if wanted not in targets:
        raise _refuse(
            f"Unsupported KafkaVersion [{wanted}]. Valid values after {current}: [{', '.join(targets)}]",
            "targetKafkaVersion",
        )
    target = replace(cluster.spec, kafka_version=wanted)
    if params.get("ConfigurationInfo"):
        reference = requests.configuration_reference(params["ConfigurationInfo"], plane.configurations)
        target = replace(target, configuration=reference)
    old, new = (lifecycle.configured_properties(plane, spec) for spec in (cluster.spec, target))
    return run(
        plane,
        cluster,
        "UPDATE_CLUSTER_KAFKA_VERSION",
        target=target,
        before={"KafkaVersion": current, **_configuration_info(cluster.spec)},
        after={"KafkaVersion": wanted, **_configuration_info(target)},
        action=lambda runner: runner.apply_configuration(new),
        undo=lambda runner: runner.apply_configuration(old),
    )


def reboot(plane: ControlPlane, params: dict[str, Any]) -> dict[str, Any]:
    """RebootBroker: really restarts one broker ("only supports rebooting one broker at a time", Developer Guide)."""
    cluster = plane.active(params["ClusterArn"], "reboot broker in a cluster")
    ids = list(params["BrokerIds"])
    if len(ids) != 1:
        raise _refuse("You can reboot one broker at a time.", "brokerIds")
    known = {str(node.id): node.id for node in cluster.require_runner().nodes()}
    if ids[0] not in known:
        raise _refuse(f"The broker {ids[0]} doesn't exist. Valid values: [{', '.join(known)}]", "brokerIds")
    broker_id = known[ids[0]]
    return run(
        plane,
        cluster,
        "REBOOT_NODE",
        target=cluster.spec,
        before={},
        after={},
        action=lambda runner: runner.restart_broker(broker_id),
        state=ClusterState.REBOOTING_BROKER,
        prefix="REBOOT",
    )
