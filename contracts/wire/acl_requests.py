"""Listing and making ACLs over a connection (Apache Kafka documentation, "Protocol": DescribeAcls, CreateAcls)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.wire import codec
from contracts.wire.connection import BrokerConnection

_DESCRIBE_ACLS, _CREATE_ACLS = 29, 30
_ANY = 1
_TYPES = {2: "topic", 3: "group", 4: "cluster", 5: "transactional-id", 6: "delegation-token", 7: "user"}
_PATTERNS = {3: "literal", 4: "prefixed"}
_OPERATIONS = {
    2: "ALL", 3: "READ", 4: "WRITE", 5: "CREATE", 6: "DELETE", 7: "ALTER", 8: "DESCRIBE", 9: "CLUSTER_ACTION",
    10: "DESCRIBE_CONFIGS", 11: "ALTER_CONFIGS", 12: "IDEMPOTENT_WRITE",
}  # fmt: skip
_DENY, _ALLOW = 2, 3


@dataclass(frozen=True)
class Acl:
    """One ACL as the brokers hold it.

    Attributes:
        kind: `topic`, `group`, `cluster`, `transactional-id`, ... or a number that is not known.
        name: the resource's name, or the beginning of it.
        pattern: `literal` or `prefixed`.
        principal: such as `User:orders-producer`, or `User:*`.
        operation: Kafka's name, or a number that is not known.
        deny: whether it forbids.
    """

    kind: str
    name: str
    pattern: str
    principal: str
    host: str
    operation: str
    deny: bool


def describe_acls(connection: BrokerConnection) -> tuple[int, list[Acl]]:
    """Return (error code, every ACL); it needs DESCRIBE on the cluster."""
    nothing = codec.string(None)
    wanted = codec.int8(_ANY) + nothing + codec.int8(_ANY) + nothing + nothing + codec.int8(_ANY) + codec.int8(_ANY)
    reader = connection.request(_DESCRIBE_ACLS, 1, wanted)
    reader.int32()  # throttle time
    code = reader.int16()
    reader.string()  # message

    def entry() -> tuple[str, str, int, int]:
        return reader.string(), reader.string(), reader.int8(), reader.int8()

    def resource() -> list[Acl]:
        kind, name, pattern = reader.int8(), reader.string(), reader.int8()
        return [
            Acl(
                _TYPES.get(kind, str(kind)),
                name,
                _PATTERNS.get(pattern, str(pattern)),
                principal,
                host,
                _OPERATIONS.get(operation, str(operation)),
                permission == _DENY,
            )
            for principal, host, operation, permission in reader.array(entry)
        ]

    return code, [acl for found in reader.array(resource) for acl in found]


def create_acls(connection: BrokerConnection, acls: Sequence[Acl]) -> list[tuple[int, str]]:
    """Make ACLs and return (error code, message) for each, in their order; it needs ALTER on the cluster.

    Raises:
        KeyError: an ACL has a kind, a pattern or an operation that is not known.
    """
    wanted = [
        codec.int8(_code(_TYPES, acl.kind))
        + codec.string(acl.name)
        + codec.int8(_code(_PATTERNS, acl.pattern))
        + codec.string(acl.principal)
        + codec.string(acl.host)
        + codec.int8(_code(_OPERATIONS, acl.operation))
        + codec.int8(_DENY if acl.deny else _ALLOW)
        for acl in acls
    ]
    reader = connection.request(_CREATE_ACLS, 1, codec.array(wanted))
    reader.int32()  # throttle time
    return reader.array(lambda: (reader.int16(), reader.string()))


def _code(names: Mapping[int, str], wanted: str) -> int:
    for code, name in names.items():
        if name == wanted:
            return code
    raise KeyError(wanted)
