"""A cluster's birth and death: CREATING -> ACTIVE or FAILED, DELETING -> gone."""

from __future__ import annotations

import logging
import shutil
import time
from datetime import UTC, datetime

from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.msk import network, scram, security
from orchestrator.embedded.msk.arns import new_uuid
from orchestrator.embedded.msk.model import Brokers, Cluster, ClusterSpec, ClusterState
from orchestrator.embedded.msk.plane import ControlPlane
from orchestrator.embedded.msk.properties import broker_properties
from orchestrator.embedded.scenario import Fault
from orchestrator.errors import EphkError

_log = logging.getLogger(__name__)

#: StateInfo.Message is for a person who waits for the cluster: the cause and the dying broker's last words.
_MESSAGE_CHARACTERS = 4000


def create(plane: ControlPlane, spec: ClusterSpec) -> Cluster:
    """Register a cluster in CREATING and start its brokers at once, in the background; the caller holds the lock.

    Raises:
        AwsError: the name is taken.
    """
    if any(existing.spec.name == spec.name for existing in plane.clusters.values()):
        raise AwsError(
            "ConflictException", "A resource with this name already exists.", 409, InvalidParameter="clusterName"
        )
    cluster_uuid = new_uuid()
    cluster = Cluster(
        arn=plane.names.cluster(spec.name, cluster_uuid),
        uuid=cluster_uuid,
        spec=spec,
        directory=plane.context.cluster_directory(cluster_uuid, spec.tags),
    )
    network.attach(plane, cluster, spec.brokers)
    plane.clusters[cluster.arn] = cluster
    plane.spawn(f"create-{spec.name}", lambda: _bring_up(plane, cluster))
    return cluster


def configured_properties(plane: ControlPlane, spec: ClusterSpec) -> dict[str, str]:
    """Return the properties that a cluster's brokers run with; the caller holds the lock.

    Raises:
        AwsError: the configuration does not exist any more.
    """
    values: dict[str, str] = {}
    if spec.configuration is not None:
        arn, revision = spec.configuration
        values = plane.configurations.get(arn).revision(revision).values
    return broker_properties(values, zones=len(spec.subnets), brokers=spec.brokers)


def _bring_up(plane: ControlPlane, cluster: Cluster) -> None:
    scenario = plane.context.scenario.msk
    due = time.monotonic() + scenario.create_s
    try:
        raise_fault(scenario.create_error)
        with plane.lock:
            properties = configured_properties(plane, cluster.spec)
            client_ca = security.client_ca_pem(cluster.spec.security, plane.context.moto)
        runner = plane.factory(plane.context, cluster, properties, client_ca)
        with plane.lock:
            if plane.closing.is_set():
                return
            cluster.runner = runner
        runner.start()
    except Exception as error:  # noqa: BLE001 - whatever it was, the cluster is FAILED and says why
        _log.warning("cluster %s could not be created: %s", cluster.spec.name, error)
        _end_processes(cluster.runner)
        plane.rest_until(due)
        _be_busy(plane, cluster)
        with plane.lock:
            cluster.state = ClusterState.FAILED
            cluster.state_info = state_info(error)
        return
    plane.rest_until(due)
    _be_busy(plane, cluster)
    with plane.lock:
        note_brokers(cluster)
        cluster.ready = True
        cluster.state = ClusterState.ACTIVE


def _be_busy(plane: ControlPlane, cluster: Cluster) -> None:
    """Let the cluster be in the state that the scenario wants for a while."""
    scenario = plane.context.scenario.msk
    if scenario.busy_s:
        with plane.lock:
            cluster.state = ClusterState(scenario.busy_state)
        plane.rest_until(time.monotonic() + scenario.busy_s)


def raise_fault(fault: Fault | None) -> None:
    """Raise the fault that the scenario wants here, if it wants one.

    Raises:
        AwsError: the fault.
    """
    if fault is not None:
        raise AwsError(fault.code, fault.message)


def note_brokers(cluster: Cluster) -> None:
    """Note where the brokers are, now that all of them are ready; the caller holds the lock."""
    runner, now = cluster.require_runner(), datetime.now(UTC)
    cluster.bootstrap = {str(listener): servers for listener, servers in runner.bootstrap().items()}
    cluster.endpoints = {node.id: sorted(node.endpoints.values()) for node in runner.nodes()}
    for broker_id in cluster.endpoints:
        cluster.joined.setdefault(broker_id, now)


def state_info(error: Exception) -> dict[str, str]:
    """Return the model's `StateInfo` (or `ErrorInfo`'s content) for a failure: its code, its message and details."""
    if isinstance(error, AwsError):
        return {"Code": error.code, "Message": error.message}
    lines = [str(error)]
    if isinstance(error, EphkError):
        lines.extend(error.details)
        if error.next_step:
            lines.append(error.next_step)
    return {"Code": type(error).__name__, "Message": "\n".join(lines)[-_MESSAGE_CHARACTERS:]}


def delete(plane: ControlPlane, arn: str, version: str | None) -> Cluster:
    """Begin to delete a cluster; the caller holds the lock.

    Raises:
        AwsError: it is in a state in which MSK does not delete (CREATING, HEALING, MAINTENANCE, UPDATING, ...), or
            `version` is not its current one.
    """
    cluster = plane.cluster(arn)
    cluster.require_state("delete cluster", ClusterState.ACTIVE, ClusterState.FAILED)
    if version:
        cluster.require_version(version)
    cluster.state = ClusterState.DELETING
    cluster.state_info = None
    plane.spawn(f"delete-{cluster.spec.name}", lambda: _tear_down(plane, cluster))
    return cluster


def _tear_down(plane: ControlPlane, cluster: Cluster) -> None:
    due = time.monotonic() + plane.context.scenario.msk.delete_s
    try:
        if cluster.runner is not None:
            cluster.runner.stop()
        if cluster.directory.exists():
            shutil.rmtree(cluster.directory)
    except Exception as error:  # noqa: BLE001 - whatever it was, the cluster is FAILED and says why
        _log.exception("cluster %s could not be deleted", cluster.spec.name)
        with plane.lock:
            cluster.state = ClusterState.FAILED
            cluster.state_info = state_info(error)
        return
    plane.rest_until(due)
    with plane.lock:
        scram.release_all(plane, cluster)
        network.detach(plane, cluster)
        plane.clusters.pop(cluster.arn, None)


def _end_processes(runner: Brokers | None) -> None:
    if runner is None:
        return
    try:
        runner.stop()
    except Exception:  # noqa: BLE001 - the first failure is the one to tell
        _log.exception("brokers of a failed cluster could not be ended")
