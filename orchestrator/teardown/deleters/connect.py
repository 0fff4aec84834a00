"""MSK Connect: connectors first, then what they use.

A connector is deleted in RUNNING or FAILED; a custom plugin and a worker configuration are refused while a connector
uses them ("DeleteConnector", "DeleteCustomPlugin", Amazon MSK Connect API Reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import Deleter, RefusedError, Work, found_or_none
from orchestrator.teardown.found import Found

_DELETABLE = ("RUNNING", "FAILED")


def _tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    client = session.client("kafkaconnect")
    answer = found_or_none(lambda: client.list_tags_for_resource(resourceArn=item.identifier))
    return dict(answer.get("tags") or {}) if answer else {}


def _state(session: AwsSession, arn: str) -> str | None:
    client = session.client("kafkaconnect")
    answer: dict[str, Any] | None = found_or_none(lambda: client.describe_connector(connectorArn=arn))
    return str(answer["connectorState"]) if answer else None


def _delete_connector(work: Work, item: Found) -> None:
    """Wait for a state in which MSK Connect deletes, delete, and wait until it is gone."""
    client, arn = work.client("kafkaconnect"), item.identifier
    seen = work.delete_in(
        _DELETABLE, lambda: _state(work.session, arn), lambda: client.delete_connector(connectorArn=arn)
    )
    if seen is not None:
        raise RefusedError(
            f"is {seen}, and MSK Connect deletes a connector in {' or '.join(_DELETABLE)} alone; 'ephk reap' goes on"
        )


def _delete_plugin(work: Work, item: Found) -> None:
    work.retrying(lambda: work.client("kafkaconnect").delete_custom_plugin(customPluginArn=item.identifier))


def _delete_worker_configuration(work: Work, item: Found) -> None:
    client = work.client("kafkaconnect")
    work.retrying(lambda: client.delete_worker_configuration(workerConfigurationArn=item.identifier))


_CONNECTOR = "kafkaconnect:connector"
DELETERS = (
    Deleter(_CONNECTOR, _delete_connector, _tags),
    Deleter("kafkaconnect:custom-plugin", _delete_plugin, _tags, (_CONNECTOR,)),
    Deleter("kafkaconnect:worker-configuration", _delete_worker_configuration, _tags, (_CONNECTOR,)),
)
