"""Connectors: they run as declared, with their plugin, their workers, and their logs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.connect_access import ANSWER_S, connectors, live, rest, undisturbed, with_rest
from contracts.model import Failed, Outcome, Verified, Watch
from contracts.registry import contract
from orchestrator.connect_causes import explained, hop, state_problem
from orchestrator.connect_rest import ConnectRestError, first_cause
from orchestrator.environment import Connector

_GUIDE = "Amazon MSK Developer Guide, Understand connectors"
_POLL_S = 0.2
#: Statuses with which a worker refuses to look at a configuration at all: no such class, or of another kind, or a
#: reference that its configuration provider cannot resolve.
_REFUSED = (400, 404, 500)


def judge_running(seen: Mapping[str, Mapping[str, Any]], statuses: Mapping[str, Any]) -> Outcome:
    """Judge connectors by what the control plane and, where it can be asked, the workers say.

    Args:
        seen: DescribeConnector's answer, by connector.
        statuses: the workers' status, by connector.
    """
    evidence: dict[str, Any] = {}
    for name, answer in seen.items():
        evidence[name] = {"control_plane": answer["connectorState"]}
        if problem := state_problem(answer):
            return Failed(f"{name} {problem}", evidence)
        status = statuses.get(name)
        if status is None:
            continue
        states = {f"task {task['id']}": task["state"] for task in status["tasks"]}
        evidence[name] |= {"connector": status["connector"]["state"], **states}
        if not states:
            return Failed(f"{name} has no task", evidence)
        for part in (status["connector"], *status["tasks"]):
            if part["state"] != "RUNNING":
                what = f"task {part['id']}" if "id" in part else "the connector"
                cause = first_cause(part.get("trace", ""))
                why = explained(cause) if cause else "no trace"
                return Failed(f"{name}: {what} is {part['state']}: {why}", evidence)
    return Verified(evidence)


@contract(
    "connect.connector.running",
    title="Connectors and all their tasks run",
    risk="A connector that shows as running moves nothing, because a task of it has failed",
    statement="The control plane says RUNNING of every connector, and so do the workers of it and of each of its tasks",
    remediation="The reason names the first cause: correct configuration, role or plugin, then restart the connector",
    documentation=_GUIDE,
    needs=("connect",),
)
def running(access: Access, watch: Watch) -> Outcome:
    """Ask the control plane, and the workers where they have REST."""
    with undisturbed(access, watch):
        seen = {connector.name: live(access, connector, watch) for connector in connectors(access.environment)}
        statuses: dict[str, Any] = {}
        for connector in with_rest(access.environment):
            watch.waiting(f"the workers' status of {connector.name}")
            statuses[connector.name] = rest(access, connector, watch).status(connector.full_name)
    return judge_running(seen, statuses)


def judge_plugins(
    wanted: Mapping[str, str],
    states: Mapping[str, str],
    installed: Mapping[str, Mapping[str, str]],
    failures: Mapping[str, str],
) -> Outcome:
    """Judge whether declared plugins are installed.

    Args:
        wanted: the connector class, by connector.
        states: the custom plugin's state, by connector.
        installed: the version by class that the workers know, by connector; absent without REST.
        failures: why the control plane says that a connector failed, by connector.
    """
    evidence = {
        name: {"plugin": states[name], **({"version": installed[name].get(kind)} if name in installed else {})}
        for name, kind in wanted.items()
    }
    for name, kind in wanted.items():
        if states[name] != "ACTIVE":
            return Failed(f"the plugin of {name} is {states[name]}", evidence)
        if hop(failures.get(name, "")) == "class not found":
            return Failed(f"the workers of {name} lack a class: {failures[name]}", evidence)
        if name in installed and kind not in installed[name]:
            return Failed(f"the workers of {name} have no plugin with the class {kind}", evidence)
    return Verified(evidence)


@contract(
    "connect.plugins.present",
    title="Declared plugins are installed",
    risk="A connector runs on a worker without its plugin, or with another version of it",
    statement="Every connector's plugin is ACTIVE, and its workers know the connector's class with a version",
    remediation="Put the class into the archive (jars in the ZIP file), and make the plugin anew: it cannot be changed",
    documentation="Amazon MSK Developer Guide, Create custom plugins; KIP-898, plugin discovery",
    needs=("connect",),
)
def plugins(access: Access, watch: Watch) -> Outcome:
    """Ask the control plane for the plugin, and the workers for their classes."""
    states: dict[str, str] = {}
    failures: dict[str, str] = {}
    client = access.client("kafkaconnect")
    for connector in connectors(access.environment):
        seen = live(access, connector, watch)
        failures[connector.name] = seen.get("stateDescription", {}).get("message", "")
        plugin = seen["plugins"][0]["customPlugin"]
        answer = client.describe_custom_plugin(customPluginArn=plugin["customPluginArn"])
        states[connector.name] = answer["customPluginState"]
    installed: dict[str, dict[str, str]] = {}
    for connector in with_rest(access.environment):
        watch.waiting(f"the workers' plugins of {connector.name}")
        known = rest(access, connector, watch).call("GET", "/connector-plugins")
        installed[connector.name] = {item["class"]: item.get("version", "unknown") for item in known}
    wanted = {connector.name: connector.connector_class for connector in connectors(access.environment)}
    return judge_plugins(wanted, states, installed, failures)


@contract(
    "connect.workers.expected",
    title="As many workers as declared",
    risk="A worker is lost, and the next one that fails takes the connector with it",
    statement="Every connector's capacity is as declared, and so many workers answer and have joined their group",
    remediation="Look at the missing worker's log; set the connector's capacity",
    documentation="Amazon MSK Developer Guide, Understand connector capacity; KIP-1017, health check endpoint",
    needs=("connect",),
)
def workers(access: Access, watch: Watch) -> Outcome:
    """Compare the capacity, and count the workers that say that they are healthy."""
    with undisturbed(access, watch):
        return _count_workers(access, watch)


def _count_workers(access: Access, watch: Watch) -> Outcome:
    evidence: dict[str, Any] = {}
    for connector in connectors(access.environment):
        capacity = live(access, connector, watch)["capacity"].get("provisionedCapacity", {})
        evidence[connector.name] = {"declared": connector.workers, "capacity": capacity.get("workerCount")}
        if capacity.get("workerCount") != connector.workers:
            return Failed(f"{connector.name} has a capacity of {capacity.get('workerCount')} workers", evidence)
        if connector.rest is None:
            continue
        healthy = 0
        for number in range(len(connector.rest.urls)):
            watch.waiting(f"worker {number + 1} of {connector.name}")
            try:
                healthy += rest(access, connector, watch, number).request("GET", "/health")[0] == 200
            except ConnectRestError:
                continue
        evidence[connector.name]["healthy"] = healthy
        if healthy != connector.workers:
            return Failed(f"{healthy} of {connector.workers} workers of {connector.name} are healthy", evidence)
    return Verified(evidence)


def judge_validation(answers: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """Judge the workers' validation of each connector's configuration."""
    evidence: dict[str, Any] = {}
    for name, answer in answers.items():
        errors = {
            item["value"]["name"]: item["value"]["errors"] for item in answer["configs"] if item["value"]["errors"]
        }
        evidence[name] = {"errors": answer["error_count"], **({"fields": errors} if errors else {})}
        if answer["error_count"] or errors:
            field = next(iter(errors), "a field")
            return Failed(f"{name}: {field}: {'; '.join(errors.get(field, ['no message']))}", evidence)
    return Verified(evidence)


@contract(
    "connect.config.valid",
    title="Connector configurations are valid",
    risk="A connector works with a configuration that its plugin would refuse at the next restart",
    statement="The plugin itself finds no error in the live configuration of any connector",
    remediation="Correct the field that is named",
    documentation="Apache Kafka documentation, Kafka Connect: PUT /connector-plugins/{plugin-type}/config/validate",
    needs=("connect", "connect.rest"),
)
def config_valid(access: Access, watch: Watch) -> Outcome:
    """Let the workers validate what is live."""
    answers: dict[str, Mapping[str, Any]] = {}
    for connector in with_rest(access.environment):
        try:
            answers[connector.name] = validation(access, connector, watch)
        except ConnectRestError as error:
            if error.status not in _REFUSED:
                raise
            return Failed(f"{connector.name}: {error.message}", {"valid": sorted(answers)})
    return judge_validation(answers)


def validation(access: Access, connector: Connector, watch: Watch) -> Mapping[str, Any]:
    """Return what the plugin says of a connector's live configuration; asked once.

    Raises:
        ConnectRestError: a worker refused to look at it.
    """

    def ask() -> Mapping[str, Any]:
        configuration = {**live(access, connector, watch)["connectorConfiguration"], "name": connector.full_name}
        watch.waiting(f"the validation of {connector.name}")
        path = f"/connector-plugins/{connector.connector_class}/config/validate"
        answer: Mapping[str, Any] = rest(access, connector, watch).call(
            "PUT", path, configuration, timeout_s=watch.remaining(ANSWER_S)
        )
        return answer

    return access.once(("validation", connector.arn), ask, watch)


@contract(
    "connect.logs.arrive",
    title="Worker logs arrive",
    risk="A connector that fails at night leaves nothing to read",
    statement="The log group has lines of every connector's workers",
    remediation="Enable log delivery, and check the log group's resource policy",
    documentation="Amazon MSK Developer Guide, Logging for MSK Connect",
    needs=("connect", "connect.logs"),
)
def logs_arrive(access: Access, watch: Watch) -> Outcome:
    """Look for a stream of each connector with an event in it."""
    connect = access.environment.connect
    group = connect.log_group if connect is not None else None
    logs = access.client("logs")
    evidence: dict[str, Any] = {"log_group": group}
    for connector in connectors(access.environment):
        watch.waiting(f"a line of {connector.name} in {group}")
        while (stream := _stream_with_lines(logs, group, connector.full_name)) is None:
            if watch.remaining() <= _POLL_S * 5:
                return Failed(f"{group} has no line of {connector.name}", evidence)
            time.sleep(_POLL_S)
        evidence[connector.name] = stream
    return Verified(evidence)


def _stream_with_lines(logs: Any, group: str | None, prefix: str) -> str | None:
    """Return a log stream with this prefix that has an event, or None; also when the group itself is gone."""
    try:
        found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{prefix}-")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None
    for stream in found["logStreams"]:
        name = str(stream["logStreamName"])
        if logs.get_log_events(logGroupName=group, logStreamName=name, limit=1)["events"]:
            return name
    return None
