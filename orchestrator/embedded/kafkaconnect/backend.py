"""The `kafkaconnect` service of the embedded cloud: MSK Connect's control plane over real workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse
from orchestrator.embedded.gateway.service import AwsError, Caller, TaggedResource
from orchestrator.embedded.kafkaconnect import lifecycle, plugins, requests, updates, views, worker_configurations
from orchestrator.embedded.kafkaconnect.model import Connector, CustomPlugin, Operation, WorkerConfiguration
from orchestrator.embedded.kafkaconnect.plane import ConnectPlane, WorkersFactory
from orchestrator.embedded.kafkaconnect.role_access import RoleAccess
from orchestrator.embedded.kafkaconnect.watch import Watch
from orchestrator.embedded.kafkaconnect.workers import real_workers
from orchestrator.embedded.msk.pagination import page

Params = dict[str, Any]


class KafkaConnectBackend:
    """Implements `ServiceBackend` for MSK Connect (API version 2021-09-14).

    Args:
        context: the embedded cloud.
        workers: makes a connector's workers; the default launches real Kafka Connect processes.
    """

    service = "kafkaconnect"

    def __init__(self, context: CloudContext, *, workers: WorkersFactory = real_workers) -> None:
        self._plane = ConnectPlane(context, workers)
        self._access = RoleAccess(self._plane)
        self._plane.spawn("watch", Watch(self._plane).run)

    @property
    def _operations(self) -> Mapping[str, Callable[[Params, Caller], Params]]:
        plane = self._plane
        return {
            "CreateConnector": self._create,
            "DescribeConnector": lambda p, _: views.connector(plane.connector(p["connectorArn"])),
            "ListConnectors": self._list_connectors,
            "UpdateConnector": lambda p, _: updates.update(plane, p),
            "DeleteConnector": self._delete,
            "PauseConnector": lambda p, _: updates.command(plane, "PauseConnector", p),
            "ResumeConnector": lambda p, _: updates.command(plane, "ResumeConnector", p),
            "RestartConnector": lambda p, _: updates.command(plane, "RestartConnector", p),
            "DescribeConnectorOperation": lambda p, _: views.operation(self._operation(p["connectorOperationArn"])),
            "ListConnectorOperations": self._list_operations,
            "CreateCustomPlugin": self._create_plugin,
            "DescribeCustomPlugin": lambda p, _: views.plugin(plane.plugin(p["customPluginArn"])),
            "ListCustomPlugins": self._list_plugins,
            "DeleteCustomPlugin": self._delete_plugin,
            "CreateWorkerConfiguration": self._create_configuration,
            "DescribeWorkerConfiguration": lambda p, _: views.configuration(
                plane.configuration(p["workerConfigurationArn"])
            ),
            "ListWorkerConfigurations": self._list_configurations,
            "DeleteWorkerConfiguration": self._delete_configuration,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": lambda p, _: {"tags": dict(plane.resource(p["resourceArn"]).tags)},
        }

    @property
    def operations(self) -> frozenset[str]:
        """The operations that are implemented."""
        return frozenset(self._operations)

    def invoke(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Carry out one operation.

        Raises:
            AwsError: MSK Connect refuses it.
            NotImplementedError: MSK Connect has the operation and the embedded target does not.
        """
        try:
            handle = self._operations[operation]
        except KeyError:
            raise NotImplementedError(operation) from None
        if operation in {"TagResource", "UntagResource"}:  # the tagging API speaks of them with capitals
            params = {name[:1].lower() + name[1:]: value for name, value in params.items()}
        with self._plane.lock:
            return handle(params, caller)

    def tagged_resources(self) -> list[TaggedResource]:
        """Return every resource that carries a tag. Takes no lock: the tagging API may hold moto's."""
        plane = self._plane
        found: list[Connector | CustomPlugin | WorkerConfiguration] = list(plane.connectors.values())
        found += list(plane.plugins.values())
        found += list(plane.configurations.values())
        return [{"arn": item.arn, "tags": dict(item.tags)} for item in found if item.tags]

    def internal(self, request: HttpRequest, connector_uuid: str, what: str) -> HttpResponse:
        """Answer a worker that asks for what its role gives (`credentials`, `token`)."""
        return self._access.answer(request, connector_uuid, what)

    def rest_document(self, connector_uuid: str) -> dict[str, Any] | None:
        """Return where the REST interface of a connector's workers is, without the password; None while there is none.

        AWS's MSK Connect has no such interface.
        """
        connector = self._plane.by_uuid(connector_uuid)
        if connector is None or connector.workers is None or not connector.workers.urls():
            return None
        return {
            "urls": list(connector.workers.urls()),
            "pids": [pid for _, pid in sorted(connector.workers.pids().items())],
            "ca_pem": connector.workers.ca_pem(),
            "secret_arn": connector.rest_secret_arn,
        }

    def close(self) -> None:
        """End all workers."""
        self._plane.close()

    # Connectors; the lock is held.

    def _create(self, params: Params, caller: Caller) -> Params:
        spec = requests.parse(self._plane, params)
        connector = lifecycle.create(self._plane, spec, dict(params.get("tags") or {}), caller)
        return {"connectorArn": connector.arn, "connectorName": spec.name, "connectorState": str(connector.state)}

    def _delete(self, params: Params, _caller: Caller) -> Params:
        connector = lifecycle.delete(self._plane, params["connectorArn"], params.get("currentVersion"))
        return {"connectorArn": connector.arn, "connectorState": str(connector.state)}

    def _list_connectors(self, params: Params, _caller: Caller) -> Params:
        prefix = params.get("connectorNamePrefix") or ""
        matching = [c for c in self._plane.connectors.values() if c.spec.name.startswith(prefix)]
        chosen, more = _page(matching, params)
        return {"connectors": [views.connector_summary(connector) for connector in chosen], **more}

    def _operation(self, arn: str) -> Operation:
        for connector in self._plane.connectors.values():
            for operation in connector.operations:
                if operation.arn == arn:
                    return operation
        raise AwsError("NotFoundException", f"The connector operation with the ARN {arn} does not exist.", 404)

    def _list_operations(self, params: Params, _caller: Caller) -> Params:
        newest_first = self._plane.connector(params["connectorArn"]).operations[::-1]
        chosen, more = _page(newest_first, params)
        return {"connectorOperations": [views.operation_summary(operation) for operation in chosen], **more}

    # Plugins and worker configurations; the lock is held.

    def _create_plugin(self, params: Params, _caller: Caller) -> Params:
        plugin = plugins.create(self._plane, params)
        return {"customPluginArn": plugin.arn, "customPluginState": plugin.state, "name": plugin.name, "revision": 1}

    def _list_plugins(self, params: Params, _caller: Caller) -> Params:
        prefix = params.get("namePrefix") or ""
        chosen, more = _page([p for p in self._plane.plugins.values() if p.name.startswith(prefix)], params)
        return {"customPlugins": [views.plugin_summary(plugin) for plugin in chosen], **more}

    def _delete_plugin(self, params: Params, _caller: Caller) -> Params:
        plugin = plugins.delete(self._plane, params["customPluginArn"])
        return {"customPluginArn": plugin.arn, "customPluginState": plugin.state}

    def _create_configuration(self, params: Params, _caller: Caller) -> Params:
        plane, name, text = self._plane, params["name"], params["propertiesFileContent"]
        plane.refuse_taken(name, plane.configurations.values())
        made = WorkerConfiguration(
            arn=plane.names.arn("worker-configuration", name),
            name=name,
            text=text,
            values=worker_configurations.parse(text),
            description=params.get("description"),
            tags=dict(params.get("tags") or {}),
        )
        plane.configurations[made.arn] = made
        summary = views.configuration_summary(made)
        return {key: value for key, value in summary.items() if key != "description"}

    def _list_configurations(self, params: Params, _caller: Caller) -> Params:
        prefix = params.get("namePrefix") or ""
        chosen, more = _page([c for c in self._plane.configurations.values() if c.name.startswith(prefix)], params)
        return {"workerConfigurations": [views.configuration_summary(item) for item in chosen], **more}

    def _delete_configuration(self, params: Params, _caller: Caller) -> Params:
        plane, arn = self._plane, params["workerConfigurationArn"]
        plane.configuration(arn)
        users = [c.spec.name for c in plane.connectors.values() if c.spec.worker_configuration_arn == arn]
        if users:
            raise requests.refused(f"The worker configuration is used by the connectors {', '.join(users)}.")
        del plane.configurations[arn]
        return {"workerConfigurationArn": arn, "workerConfigurationState": "DELETING"}

    # Tags; the lock is held.

    def _tag(self, params: Params, _caller: Caller) -> Params:
        if any(key.lower().startswith("aws:") for key in params["tags"]):
            raise requests.refused("Tag keys can't begin with aws:.")
        self._plane.resource(params["resourceArn"]).tags.update(params["tags"])
        return {}

    def _untag(self, params: Params, _caller: Caller) -> Params:
        tags = self._plane.resource(params["resourceArn"]).tags
        for key in params["tagKeys"]:
            tags.pop(key, None)
        return {}


def _page(items: list[Any], params: Params) -> tuple[list[Any], dict[str, str]]:
    """Cut one page; this API's members begin with small letters."""
    asked = {name[:1].upper() + name[1:]: value for name, value in params.items()}
    chosen, more = page(items, asked, key=lambda item: str(item.arn))
    return chosen, {"nextToken": more["NextToken"]} if more else {}
