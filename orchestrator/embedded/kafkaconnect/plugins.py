"""Custom plugins: copied from the bucket when they are made, and looked into."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.kafkaconnect.model import CustomPlugin
from orchestrator.embedded.kafkaconnect.plane import ConnectPlane
from orchestrator.errors import EphkError
from orchestrator.plugin_archives import inspect

_log = logging.getLogger(__name__)

_BUCKET_ARN = "arn:aws:s3:::"


def create(plane: ConnectPlane, params: dict[str, Any]) -> CustomPlugin:
    """CreateCustomPlugin: the archive is read in the background; the caller holds the lock.

    Raises:
        AwsError: the name is taken, or the location is not one.
    """
    plane.refuse_taken(params["name"], plane.plugins.values())
    location = params["location"]["s3Location"]
    if not location["bucketArn"].startswith(_BUCKET_ARN):
        raise AwsError("BadRequestException", f"The bucket ARN {location['bucketArn']} is not valid.")
    plugin = CustomPlugin(
        arn=plane.names.arn("custom-plugin", params["name"]),
        name=params["name"],
        content_type=params["contentType"],
        location=dict(location),
        description=params.get("description"),
        tags=dict(params.get("tags") or {}),
    )
    plane.plugins[plugin.arn] = plugin
    plane.spawn(f"plugin-{plugin.name}", lambda: _read(plane, plugin))
    return plugin


def _read(plane: ConnectPlane, plugin: CustomPlugin) -> None:
    location = plugin.location
    bucket, key = location["bucketArn"].removeprefix(_BUCKET_ARN), location["fileKey"]
    data = plane.context.moto.s3_object(bucket, key, location.get("objectVersion"))
    try:
        contents = inspect(_existing(data, f"s3://{bucket}/{key}"), plugin.content_type)
    except EphkError as error:
        _log.warning("plugin %s could not be created: %s", plugin.name, error)
        with plane.lock:
            plugin.state = "CREATE_FAILED"
            plugin.failure = {"code": "InvalidInput.PluginArchive", "message": error.message}
        return
    with plane.lock:
        plugin.data, plugin.contents = data or b"", contents
        plugin.md5 = hashlib.md5(plugin.data, usedforsecurity=False).hexdigest()
        plugin.state = "ACTIVE"


def _existing(data: bytes | None, where: str) -> bytes:
    if data is None:
        raise EphkError(f"{where} does not exist, or not at that version")
    return data


def delete(plane: ConnectPlane, arn: str) -> CustomPlugin:
    """DeleteCustomPlugin; the caller holds the lock.

    Raises:
        AwsError: there is none, it is being made, or a connector uses it.
    """
    plugin = plane.plugin(arn)
    if plugin.state == "CREATING":
        raise AwsError("BadRequestException", f"The custom plugin {plugin.name} is being created.")
    users = [connector.spec.name for connector in plane.connectors.values() if connector.spec.plugin_arn == arn]
    if users:
        raise AwsError("BadRequestException", f"The custom plugin is used by the connectors {', '.join(users)}.")
    plugin.state = "DELETING"
    del plane.plugins[arn]
    return plugin
