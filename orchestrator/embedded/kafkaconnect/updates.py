"""Changes of a connector: configuration or capacity, pause, resume, restart; each an operation with a known end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.kafkaconnect import lifecycle
from orchestrator.embedded.kafkaconnect.model import Connector, ConnectorSpec, ConnectorState, Operation
from orchestrator.embedded.kafkaconnect.plane import ConnectPlane
from orchestrator.embedded.kafkaconnect.requests import refused, workers_of

_log = logging.getLogger(__name__)

_NOT_HERE = ("plugins", "workerConfiguration", "useDefaultWorkerConfiguration", "skipHealthValidation")


def update(plane: ConnectPlane, params: dict[str, Any]) -> dict[str, Any]:
    """UpdateConnector: either the configuration or the capacity; the caller holds the lock.

    Raises:
        AwsError: both or neither, an old version, or a state in which it cannot be changed.
    """
    connector = plane.connector(params["connectorArn"])
    connector.require_state("update the connector", ConnectorState.RUNNING)
    connector.require_version(params["currentVersion"])
    if asked := [name for name in _NOT_HERE if params.get(name)]:
        raise refused(f"An update of {', '.join(asked)} isn't available on the embedded target.")
    configuration, capacity = params.get("connectorConfiguration"), params.get("capacity")
    if (configuration is None) == (capacity is None):
        raise refused("An update changes either the connector's configuration or its capacity, one of them in a call.")
    before = connector.spec
    if configuration is not None:
        return _begin(
            plane,
            connector,
            "UPDATE_CONNECTOR_CONFIGURATION",
            target=replace(before, configuration=dict(configuration)),
            origin={"originConnectorConfiguration": dict(before.configuration)},
            goal={"targetConnectorConfiguration": dict(configuration)},
            act=lambda: lifecycle.configure(connector),
        )
    workers = workers_of(capacity or {})
    return _begin(
        plane,
        connector,
        "UPDATE_WORKER_SETTING",
        target=replace(before, workers=workers, request={**before.request, "capacity": capacity}),
        origin={"originWorkerSetting": {"capacity": before.request["capacity"]}},
        goal={"targetWorkerSetting": {"capacity": capacity}},
        act=lambda: _scale(plane, connector, connector.spec.workers),
    )


def _scale(plane: ConnectPlane, connector: Connector, workers: int) -> None:
    with plane.lock:
        lifecycle.attach(plane, connector, workers)
    connector.require_workers().scale(workers)


def _begin(
    plane: ConnectPlane,
    connector: Connector,
    kind: str,
    *,
    target: ConnectorSpec,
    origin: dict[str, Any],
    goal: dict[str, Any],
    act: Callable[[], None],
) -> dict[str, Any]:
    """Start an update whose failure brings back what was there, as MSK Connect rolls back."""
    before = connector.spec
    operation = _operation(plane, connector, kind, "UPDATE_IN_PROGRESS")
    operation.origin, operation.target = origin, goal
    connector.spec, connector.state = target, ConnectorState.UPDATING

    def work() -> None:
        try:
            act()
            lifecycle.await_running(plane, connector)
        except Exception as error:  # noqa: BLE001 - the operation tells; the connector goes on as it was
            _log.warning("update of connector %s failed: %s", connector.spec.name, error)
            with plane.lock:
                connector.spec = before
            failure = _roll_back(plane, connector, act)
            with plane.lock:
                operation.end("UPDATE_FAILED", lifecycle.state_description(error))
                connector.state = ConnectorState.FAILED if failure else ConnectorState.RUNNING
                connector.failure = failure
            return
        with plane.lock:
            operation.end("UPDATE_COMPLETE")
            connector.changed()
            connector.state = ConnectorState.RUNNING

    plane.spawn(f"update-{connector.spec.name}", work)
    return {
        "connectorArn": connector.arn,
        "connectorState": str(connector.state),
        "connectorOperationArn": operation.arn,
    }


def _roll_back(plane: ConnectPlane, connector: Connector, act: Callable[[], None]) -> dict[str, str] | None:
    """Do the same with what the connector was before; returns why that failed, too."""
    try:
        act()
        lifecycle.await_running(plane, connector)
    except Exception as error:  # noqa: BLE001 - told in the connector's state
        return lifecycle.state_description(error)
    return None


def _operation(plane: ConnectPlane, connector: Connector, kind: str, state: str) -> Operation:
    operation = Operation(plane.names.operation(connector.arn), connector.arn, kind, state)
    connector.operations.append(operation)
    return operation


#: Of pause, resume and restart: the state before, meanwhile and after, the REST request, and the operation's names.
_VERBS: dict[str, tuple[tuple[ConnectorState, ...], ConnectorState, ConnectorState, str, str, str]] = {
    "PauseConnector": (
        (ConnectorState.RUNNING,), ConnectorState.PAUSING, ConnectorState.PAUSED, "PUT", "pause", "PAUSE"
    ),
    "ResumeConnector": (
        (ConnectorState.PAUSED,), ConnectorState.RESUMING, ConnectorState.RUNNING, "PUT", "resume", "RESUME"
    ),
    "RestartConnector": (
        (ConnectorState.RUNNING, ConnectorState.FAILED), ConnectorState.RESTARTING, ConnectorState.RUNNING,
        "POST", "restart?includeTasks=true", "RESTART",
    ),
}  # fmt: skip


def command(plane: ConnectPlane, name: str, params: dict[str, Any]) -> dict[str, Any]:
    """PauseConnector, ResumeConnector or RestartConnector; the caller holds the lock; raises AwsError."""
    before, meanwhile, after, method, path, word = _VERBS[name]
    if params.get("onlyFailedTasks"):
        path += "&onlyFailed=true"
    connector = plane.connector(params["connectorArn"])
    connector.require_state(f"{word.lower()} the connector", *before)
    workers = connector.require_workers()
    if not workers.urls():
        raise AwsError("BadRequestException", f"No worker of the connector {connector.spec.name} runs.")
    operation = _operation(plane, connector, f"{word}_CONNECTOR", f"{word}_IN_PROGRESS")
    connector.state, connector.failure = meanwhile, None

    def work() -> None:
        try:
            stale = lifecycle.failure_in(lifecycle.status_of(connector))
            workers.ask(lambda rest: rest.call(method, f"/connectors/{connector.spec.name}/{path}", timeout_s=30))
            if after is ConnectorState.RUNNING:
                lifecycle.await_running(plane, connector, stale=stale)
        except Exception as error:  # noqa: BLE001 - told in the operation and in the connector's state
            with plane.lock:
                operation.end(f"{word}_FAILED", lifecycle.state_description(error))
                connector.state, connector.failure = ConnectorState.FAILED, lifecycle.state_description(error)
            return
        with plane.lock:
            operation.end(f"{word}_COMPLETE")
            connector.state = after

    plane.spawn(f"{word.lower()}-{connector.spec.name}", work)
    return {"connectorArn": connector.arn, "connectorOperationArn": operation.arn}
