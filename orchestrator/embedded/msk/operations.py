"""Cluster operations: an update that goes on in the background, recorded with its states and its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from orchestrator.embedded.msk import lifecycle
from orchestrator.embedded.msk.arns import new_version
from orchestrator.embedded.msk.model import Brokers, Cluster, ClusterSpec, ClusterState, Operation
from orchestrator.embedded.msk.plane import ControlPlane

_log = logging.getLogger(__name__)


def nothing(_: Brokers) -> None:
    """Do nothing: the part of the brokers in an update that they do not notice."""


def run(
    plane: ControlPlane,
    cluster: Cluster,
    kind: str,
    *,
    target: ClusterSpec,
    before: dict[str, Any],
    after: dict[str, Any],
    action: Callable[[Brokers], None],
    undo: Callable[[Brokers], None] = nothing,
    state: ClusterState = ClusterState.UPDATING,
    prefix: str = "UPDATE",
) -> dict[str, Any]:
    """Start an operation in the background; the caller holds the lock.

    Args:
        plane: the control plane.
        cluster: in a state that allows the update.
        kind: the OperationType.
        target: what the cluster's spec becomes when `action` has succeeded; it stays as it was when not.
        before: what changes, as it is (`MutableClusterInfo`).
        after: what changes, as it will be.
        action: what the brokers have to do.
        undo: what brings them back when `action` has failed in the middle.
        state: the cluster's state meanwhile.
        prefix: of the operation's states (`UPDATE_IN_PROGRESS`, `REBOOT_COMPLETE`).
    """
    operation = Operation(
        plane.names.operation(cluster.spec.name, cluster.uuid), cluster.arn, kind, source=before, target=after
    )
    runner = cluster.require_runner()
    cluster.operations.append(operation)
    cluster.active_operation = operation.arn
    cluster.state = state
    scenario = plane.context.scenario.msk
    due = time.monotonic() + scenario.update_s

    def work() -> None:
        operation.state = f"{prefix}_IN_PROGRESS"
        failure: dict[str, str] | None = None
        try:
            lifecycle.raise_fault(scenario.update_error)
            action(runner)
        except Exception as error:  # noqa: BLE001 - whatever it was, the operation has failed and says why
            _log.warning("%s of cluster %s failed: %s", kind, cluster.spec.name, error)
            failure = lifecycle.state_info(error)
            _take_back(plane, cluster, runner, undo)
        plane.rest_until(due)
        with plane.lock:
            operation.ended = datetime.now(UTC)
            if failure is None:
                # Tags may have changed meanwhile: they are not part of an update.
                cluster.spec = replace(target, tags=cluster.spec.tags)
                lifecycle.note_brokers(cluster)
                cluster.version = new_version()
                operation.state = f"{prefix}_COMPLETE"
            else:
                operation.state = f"{prefix}_FAILED"
                operation.error = {"ErrorCode": failure["Code"], "ErrorString": failure["Message"]}
            cluster.active_operation = None
            cluster.state = ClusterState.ACTIVE

    plane.spawn(f"{kind.lower()}-{cluster.spec.name}", work)
    return {"ClusterArn": cluster.arn, "ClusterOperationArn": operation.arn}


def _take_back(plane: ControlPlane, cluster: Cluster, runner: Brokers, undo: Callable[[Brokers], None]) -> None:
    if plane.closing.is_set():
        return
    try:
        undo(runner)
    except Exception:  # noqa: BLE001 - the update's own failure is the one to tell; the cluster is healed afterwards
        _log.exception("cluster %s could not be brought back after a failed update", cluster.spec.name)
