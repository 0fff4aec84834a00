"""Requests that describe what a cluster holds: ACLs and configuration (Apache Kafka documentation, "Protocol")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.wire import codec
from contracts.wire.connection import BrokerConnection
from contracts.wire.errors import WireError, error_name

_DESCRIBE_ACLS, _DESCRIBE_CONFIGS = 29, 32
_ANY = 1
_TOPIC_RESOURCE, _BROKER_RESOURCE = 2, 4
#: org.apache.kafka.clients.admin.ConfigEntry.ConfigSource: set on the topic itself (KIP-226).
_DYNAMIC_TOPIC_CONFIG = 1
#: Codes of org.apache.kafka.common.{resource,acl}; the names are those that Kafka's own tools print.
RESOURCES = {2: "TOPIC", 3: "GROUP", 4: "CLUSTER", 5: "TRANSACTIONAL_ID", 6: "DELEGATION_TOKEN", 7: "USER"}
PATTERNS = {3: "LITERAL", 4: "PREFIXED"}
OPERATIONS = {
    2: "ALL",
    3: "READ",
    4: "WRITE",
    5: "CREATE",
    6: "DELETE",
    7: "ALTER",
    8: "DESCRIBE",
    9: "CLUSTER_ACTION",
    10: "DESCRIBE_CONFIGS",
    11: "ALTER_CONFIGS",
    12: "IDEMPOTENT_WRITE",
    13: "CREATE_TOKENS",
    14: "DESCRIBE_TOKENS",
}
PERMISSIONS = {2: "DENY", 3: "ALLOW"}


@dataclass(frozen=True, order=True)
class Acl:
    """One access control entry, in the words of Kafka's own tools."""

    principal: str
    operation: str
    resource: str
    name: str
    pattern: str = "LITERAL"
    host: str = "*"
    permission: str = "ALLOW"

    def __str__(self) -> str:
        prefixed = "*" if self.pattern == "PREFIXED" else ""
        place = "" if self.host == "*" else f" from {self.host}"
        return f"{self.permission} {self.principal} {self.operation} on {self.resource} {self.name}{prefixed}{place}"


def describe_acls(connection: BrokerConnection) -> frozenset[Acl]:
    """Return every ACL of the cluster as one broker knows them.

    Raises:
        WireError: the broker refused, or has no authorizer.
    """
    anything = codec.string(None)
    body = codec.int8(_ANY) + anything + codec.int8(_ANY) + anything + anything + codec.int8(_ANY) + codec.int8(_ANY)
    reader = connection.request(_DESCRIBE_ACLS, 1, body)
    reader.int32()
    code, message = reader.int16(), reader.string()
    if code != 0:
        raise WireError(connection.address, f"the ACLs cannot be described: {error_name(code)} {message}".rstrip())

    def resource() -> list[Acl]:
        kind, name, pattern = reader.int8(), reader.string(), reader.int8()

        def entry() -> Acl:
            principal, host, operation, permission = reader.string(), reader.string(), reader.int8(), reader.int8()
            return Acl(
                principal,
                OPERATIONS.get(operation, f"operation {operation}"),
                RESOURCES.get(kind, f"resource {kind}"),
                name,
                PATTERNS.get(pattern, f"pattern {pattern}"),
                host,
                PERMISSIONS.get(permission, f"permission {permission}"),
            )

        return reader.array(entry)

    return frozenset(acl for entries in reader.array(resource) for acl in entries)


@dataclass(frozen=True)
class Setting:
    """A setting as a broker has it.

    Attributes:
        value: its effective value; empty when it is sensitive.
        overridden: whether it was set on the topic itself, and not for the broker or by Kafka's own default.
    """

    value: str
    overridden: bool


def topic_settings(connection: BrokerConnection, topics: Sequence[str]) -> dict[str, dict[str, Setting]]:
    """Return the effective configuration of topics: overrides, else the brokers' and Kafka's defaults.

    Raises:
        WireError: the broker refused one of them.
    """
    return _configs(connection, _TOPIC_RESOURCE, "topic", topics)


def topic_configs(connection: BrokerConnection, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the values of `topic_settings` alone."""
    found = topic_settings(connection, topics)
    return {topic: {name: seen.value for name, seen in settings.items()} for topic, settings in found.items()}


def broker_config(connection: BrokerConnection, broker: int) -> dict[str, str]:
    """Return a broker's effective settings; the connection has to be one to this very broker.

    Raises:
        WireError: the broker refused.
    """
    found = _configs(connection, _BROKER_RESOURCE, "broker", [str(broker)])[str(broker)]
    return {name: seen.value for name, seen in found.items()}


def _configs(connection: BrokerConnection, kind: int, word: str, names: Sequence[str]) -> dict[str, dict[str, Setting]]:
    wanted = codec.array([codec.int8(kind) + codec.string(name) + codec.int32(-1) for name in names])
    reader = connection.request(_DESCRIBE_CONFIGS, 1, wanted + codec.boolean(False))
    reader.int32()

    def setting() -> tuple[str, Setting]:
        name, value = reader.string(), reader.string()
        reader.take(1)  # whether it is read-only
        source = reader.int8()
        reader.take(1)  # whether it is sensitive
        reader.array(lambda: (reader.string(), reader.string(), reader.int8()))  # synonyms
        return name, Setting(value, source == _DYNAMIC_TOPIC_CONFIG)

    def result() -> tuple[str, dict[str, Setting]]:
        code, message = reader.int16(), reader.string()
        reader.int8()
        name = reader.string()
        found = dict(reader.array(setting))
        if code != 0:
            raise WireError(
                connection.address, f"{word} {name} cannot be described: {error_name(code)} {message}".rstrip()
            )
        return name, found

    return dict(reader.array(result))
