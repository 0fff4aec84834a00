"""A connector's birth and death: CREATING -> RUNNING or FAILED, DELETING -> gone."""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import time
from typing import Any

from orchestrator.connect_rest import ConnectRest, ConnectRestError, first_cause
from orchestrator.embedded.gateway.service import AwsError, Caller
from orchestrator.embedded.kafkaconnect.model import Connector, ConnectorSpec, ConnectorState, CustomPlugin
from orchestrator.embedded.kafkaconnect.plane import ConnectPlane
from orchestrator.embedded.kafkaconnect.role_access import RoleAccess
from orchestrator.errors import EphkError
from orchestrator.plugin_archives import unpack

_log = logging.getLogger(__name__)

#: Seconds until every task must run.
_RUNNING_S = 60.0
#: Seconds that every task must have been running before the connector is RUNNING: a sink that may not read its topic
#: learns so with its first poll.
_SETTLED_S = 1.5
#: Seconds for which a worker may tell of a failure from before a restart: statuses come through a topic.
_STALE_S = 8.0
#: Seconds after which a connector that runs without any task has nothing to do (a mirror of groups that do not exist
#: yet), rather than tasks that are still to come.
_IDLE_S = 15.0
_POLL_S = 0.1
_MESSAGE_CHARACTERS = 4000


class ConnectorFailedError(EphkError):
    """The connector or a task of it failed; the message has the first cause."""


def create(plane: ConnectPlane, spec: ConnectorSpec, tags: dict[str, str], caller: Caller) -> Connector:
    """Register a connector in CREATING and start its workers in the background; the caller holds the lock."""
    arn = plane.names.arn("connector", spec.name)
    connector_uuid = arn.rsplit("/", 1)[1]
    connector = Connector(
        arn=arn,
        uuid=connector_uuid,
        spec=spec,
        directory=plane.context.cluster_directory(connector_uuid, tags),
        tags=tags,
        owner=caller,
        authorization=secrets.token_urlsafe(32),
        rest_password=secrets.token_urlsafe(24),
    )
    plane.connectors[arn] = connector
    attach(plane, connector, spec.workers)
    plane.spawn(f"create-{spec.name}", lambda: _bring_up(plane, connector))
    return connector


def attach(plane: ConnectPlane, connector: Connector, workers: int) -> None:
    """Have a network interface for each worker, as MSK Connect makes them; the caller holds the lock."""
    moto, vpc = plane.context.moto, connector.spec.request["kafkaCluster"]["apacheKafkaCluster"]["vpc"]
    subnets, groups = vpc["subnets"], vpc.get("securityGroups") or []
    for extra in connector.interfaces[workers:]:
        moto.delete_network_interface(extra)
    del connector.interfaces[workers:]
    for number in range(len(connector.interfaces), workers):
        subnet = subnets[number % len(subnets)]
        made = moto.create_network_interface(
            subnet, groups, f"Amazon MSK Connect network interface for {connector.arn}", {"AmazonMSKConnect": "true"}
        )
        connector.interfaces.append(made.id)


def _bring_up(plane: ConnectPlane, connector: Connector) -> None:
    try:
        _start(plane, connector)
    except Exception as error:  # noqa: BLE001 - whatever it was, the connector is FAILED and says why
        _log.warning("connector %s could not be created: %s", connector.spec.name, error)
        if connector.workers is not None:
            connector.workers.stop()
        with plane.lock:
            connector.state, connector.failure = ConnectorState.FAILED, state_description(error)
        return
    with plane.lock:
        connector.state = ConnectorState.RUNNING


def _start(plane: ConnectPlane, connector: Connector) -> None:
    spec = connector.spec
    with plane.lock:
        plugin = plane.plugin(spec.plugin_arn)
        configuration = plane.configurations.get(spec.worker_configuration_arn or "")
    RoleAccess(plane).session(connector)  # a role that does not trust the service fails here, with AWS's words
    path = connector.directory / "plugins"
    unpack(plugin.data, plugin.content_type, path)
    properties = dict(configuration.values) if configuration else {}
    workers = plane.factory(plane.context, connector, path, properties, declares(plugin, spec))
    secret = json.dumps({"username": "ephk", "password": connector.rest_password})
    with plane.lock:
        if plane.closing.is_set():
            return
        connector.workers = workers
        connector.rest_secret_arn = plane.context.moto.put_service_secret(
            f"kafkaconnect!{spec.name}-{connector.uuid[:8]}", secret, connector.tags
        )
    workers.start()
    configure(connector)
    await_running(plane, connector)


def declares(plugin: CustomPlugin, spec: ConnectorSpec) -> bool:
    """Tell whether the connector is found without scanning the plugin's jars, which costs seconds.

    A class that is not in the plugin at all is either the worker's own or nowhere: scanning would not find it.
    """
    if plugin.contents is None:
        return False
    found = plugin.contents.class_named(spec.configuration["connector.class"])
    return found is None or found in plugin.contents.declared


def configure(connector: Connector) -> None:
    """Give the connector's configuration to the workers; raises ConnectorFailedError when they refuse it."""
    configuration = {**connector.spec.configuration, "name": connector.spec.name}

    def put(rest: ConnectRest) -> None:
        rest.call("PUT", f"/connectors/{connector.spec.name}/config", configuration, timeout_s=30)

    try:
        connector.require_workers().ask(put, deadline_s=30)
    except ConnectRestError as error:
        raise ConnectorFailedError(_shortened(error.message)) from error


def _shortened(message: str) -> str:
    """Leave out what a worker adds for whoever sits in front of it: all its plugins, and one of its paths."""
    return message.partition(", available connectors are:")[0].partition("\nYou can also find")[0]


def await_running(plane: ConnectPlane, connector: Connector, *, stale: str = "") -> None:
    """Wait until the connector and all its tasks have been running for a while.

    Args:
        plane: the control plane.
        connector: the connector.
        stale: the failure from before a restart, which workers still tell for a moment.

    Raises:
        ConnectorFailedError: one failed, or the time is over.
    """
    begun = time.monotonic()
    end = begun + _RUNNING_S
    since, before = begun, 0.0
    while not plane.closing.is_set():
        status = status_of(connector)
        failure = failure_in(status)
        if failure and (failure != stale or time.monotonic() - begun > _STALE_S):
            raise ConnectorFailedError(failure)
        moment = time.monotonic()
        needed = 0.0 if status is None else settled_after(status)
        if needed != before:
            since, before = moment, needed
        if needed and moment - since >= needed:
            return
        if moment >= end:
            raise ConnectorFailedError(f"the connector's tasks were not running after {_RUNNING_S:.0f} s")
        plane.closing.wait(_POLL_S)


def status_of(connector: Connector) -> Any:
    """Return what the workers say about the connector; None while none of them says anything."""
    try:
        return connector.require_workers().ask(lambda rest: rest.status(connector.spec.name), deadline_s=2)
    except ConnectRestError:
        return None


def settled_after(status: Any) -> float:
    """Return for how many seconds a connector must be in this state until it counts as running; 0 when it is not."""
    states = [status["connector"]["state"], *(task["state"] for task in status["tasks"])]
    if any(state != "RUNNING" for state in states):
        return 0.0
    return _SETTLED_S if status["tasks"] else _IDLE_S


def failure_in(status: Any) -> str:
    """Return why the connector or its first failed task failed; empty when none did."""
    if status is None:
        return ""
    if status["connector"]["state"] == "FAILED":
        return f"the connector failed: {first_cause(status['connector'].get('trace', ''))}"
    for task in status["tasks"]:
        if task["state"] == "FAILED":
            return f"task {task['id']} failed: {first_cause(task.get('trace', ''))}"
    return ""


def state_description(error: Exception) -> dict[str, str]:
    """Return the model's `StateDescription`: a code for programs and the cause for people."""
    if isinstance(error, AwsError):
        return {"code": error.code, "message": error.message}
    code = "ConnectorFailed" if isinstance(error, ConnectorFailedError) else type(error).__name__
    return {"code": code, "message": str(error)[:_MESSAGE_CHARACTERS]}


def delete(plane: ConnectPlane, arn: str, version: str | None) -> Connector:
    """Begin to delete a connector; the caller holds the lock; raises AwsError while it is made or changed."""
    connector = plane.connector(arn)
    connector.require_state(
        "delete the connector", ConnectorState.RUNNING, ConnectorState.FAILED, ConnectorState.PAUSED
    )
    if version:
        connector.require_version(version)
    connector.state, connector.failure = ConnectorState.DELETING, None
    plane.spawn(f"delete-{connector.spec.name}", lambda: _tear_down(plane, connector))
    return connector


def _tear_down(plane: ConnectPlane, connector: Connector) -> None:
    try:
        if connector.workers is not None:
            connector.workers.stop()
        if connector.rest_secret_arn is not None:
            plane.context.moto.delete_service_secret(connector.rest_secret_arn)
        shutil.rmtree(connector.directory, ignore_errors=True)
    except Exception as error:  # noqa: BLE001 - whatever it was, the connector is FAILED and says why
        _log.exception("connector %s could not be deleted", connector.spec.name)
        with plane.lock:
            connector.state, connector.failure = ConnectorState.FAILED, state_description(error)
        return
    with plane.lock:
        attach(plane, connector, 0)
        plane.connectors.pop(connector.arn, None)
