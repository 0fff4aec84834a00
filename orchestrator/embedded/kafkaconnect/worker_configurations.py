"""Worker configurations: which properties MSK Connect lets a customer set."""

from __future__ import annotations

import base64
import binascii

from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.msk import properties

_REQUIRED = ("key.converter", "value.converter")
#: "Supported worker configuration properties" (Amazon MSK Developer Guide): everything else is allowed.
_PREFIXES = (
    "access.control.",
    "admin.",
    "client.",
    "connect.",
    "inter.worker.",
    "internal.",
    "listeners.https.",
    "metrics.",
    "rest.",
    "sasl.",
    "security.",
    "socket.",
    "ssl.",
    "topic.tracking.",
    "worker.",
)
_NAMES = frozenset(
    {
        "bootstrap.servers",
        "config.storage.topic",
        "connections.max.idle.ms",
        "connector.client.config.override.policy",
        "group.id",
        "heartbeat.interval.ms",
        "listeners",
        "metric.reporters",
        "plugin.path",
        "rebalance.timeout.ms",
        "response.http.headers.config",
        "scheduled.rebalance.max.delay.ms",
        "send.buffer.bytes",
        "session.timeout.ms",
        "status.storage.topic",
    }
)
_PRODUCER = frozenset(
    {
        "acks",
        "batch.size",
        "buffer.memory",
        "compression.type",
        "enable.idempotence",
        "key.serializer",
        "linger.ms",
        "max.request.size",
        "metadata.max.age.ms",
        "metadata.max.idle.ms",
        "partitioner.class",
        "reconnect.backoff.max.ms",
        "reconnect.backoff.ms",
        "request.timeout.ms",
        "retry.backoff.ms",
        "value.serializer",
    }
)
_CONSUMER = frozenset(
    {
        "allow.auto.create.topics",
        "auto.offset.reset",
        "check.crcs",
        "fetch.max.bytes",
        "fetch.max.wait.ms",
        "fetch.min.bytes",
        "heartbeat.interval.ms",
        "key.deserializer",
        "max.partition.fetch.bytes",
        "max.poll.interval.ms",
        "max.poll.records",
        "metadata.max.age.ms",
        "partition.assignment.strategy",
        "reconnect.backoff.max.ms",
        "reconnect.backoff.ms",
        "request.timeout.ms",
        "retry.backoff.ms",
        "session.timeout.ms",
        "value.deserializer",
    }
)


def parse(content: str) -> dict[str, str]:
    """Read and check a `propertiesFileContent`.

    Args:
        content: properties in base64, as the API wants them.

    Raises:
        AwsError: it is not base64 of properties, lacks a converter, or sets what MSK Connect keeps for itself.
    """
    try:
        text = base64.b64decode(content, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _refused("The propertiesFileContent is not base64 of a properties file.") from error
    values = properties.parse(text)
    for name in _REQUIRED:
        if not values.get(name):
            raise _refused(f"The worker configuration has no {name}.")
    refused = sorted(name for name in values if not _supported(name))
    if refused:
        raise _refused(f"The worker configuration has properties that are not supported: {', '.join(refused)}.")
    return values


def _supported(name: str) -> bool:
    for prefix, allowed in (("producer.", _PRODUCER), ("consumer.", _CONSUMER)):
        if name.startswith(prefix):
            return name.removeprefix(prefix) in allowed
    return name not in _NAMES and not name.startswith(_PREFIXES)


def _refused(message: str) -> AwsError:
    return AwsError("BadRequestException", message)
