"""Resources as the API's answers show them."""

from __future__ import annotations

from typing import Any

from orchestrator.embedded.kafkaconnect.model import Connector, CustomPlugin, Operation, WorkerConfiguration

Answer = dict[str, Any]


def _without_none(answer: Answer) -> Answer:
    return {name: value for name, value in answer.items() if value is not None}


def connector(item: Connector) -> Answer:
    """Return DescribeConnector's answer."""
    request = item.spec.request
    return _without_none(
        {
            **connector_summary(item),
            "connectorConfiguration": dict(item.spec.configuration),
            "stateDescription": item.failure,
            "networkType": request.get("networkType", "IPV4"),
        }
    )


def connector_summary(item: Connector) -> Answer:
    """Return a connector as ListConnectors shows it."""
    return _without_none(
        {
            **{name: value for name, value in item.spec.request.items() if name != "capacity"},
            "capacity": item.spec.request["capacity"],
            "connectorArn": item.arn,
            "connectorName": item.spec.name,
            "connectorState": str(item.state),
            "creationTime": item.created,
            "currentVersion": item.version,
        }
    )


def _plugin_revision(item: CustomPlugin) -> Answer:
    return _without_none(
        {
            "contentType": item.content_type,
            "creationTime": item.created,
            "description": item.description,
            "fileDescription": {"fileMd5": item.md5, "fileSize": len(item.data)} if item.md5 else None,
            "location": {"s3Location": item.location},
            "revision": 1,
        }
    )


def plugin(item: CustomPlugin) -> Answer:
    """Return DescribeCustomPlugin's answer."""
    return _without_none({**plugin_summary(item), "stateDescription": item.failure})


def plugin_summary(item: CustomPlugin) -> Answer:
    """Return a plugin as ListCustomPlugins shows it."""
    return _without_none(
        {
            "customPluginArn": item.arn,
            "customPluginState": item.state,
            "creationTime": item.created,
            "description": item.description,
            "latestRevision": _plugin_revision(item),
            "name": item.name,
        }
    )


def configuration(item: WorkerConfiguration) -> Answer:
    """Return DescribeWorkerConfiguration's answer."""
    summary = configuration_summary(item)
    return {**summary, "latestRevision": {**summary["latestRevision"], "propertiesFileContent": item.text}}


def configuration_summary(item: WorkerConfiguration) -> Answer:
    """Return a worker configuration as ListWorkerConfigurations shows it."""
    revision = _without_none({"creationTime": item.created, "description": item.description, "revision": 1})
    return _without_none(
        {
            "creationTime": item.created,
            "description": item.description,
            "latestRevision": revision,
            "name": item.name,
            "workerConfigurationArn": item.arn,
            "workerConfigurationState": "ACTIVE",
        }
    )


def operation_summary(item: Operation) -> Answer:
    """Return an operation as ListConnectorOperations shows it."""
    return _without_none(
        {
            "connectorOperationArn": item.arn,
            "connectorOperationType": item.kind,
            "connectorOperationState": item.state,
            "creationTime": item.created,
            "endTime": item.ended,
        }
    )


def operation(item: Operation) -> Answer:
    """Return DescribeConnectorOperation's answer."""
    return _without_none(
        {
            **operation_summary(item),
            "connectorArn": item.connector_arn,
            "errorInfo": item.error,
            **item.origin,
            **item.target,
        }
    )
