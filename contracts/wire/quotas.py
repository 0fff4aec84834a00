"""Client quotas: KIP-546's requests, in the encoding of their first version; librdkafka has no call for them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.wire import codec
from contracts.wire.connection import BrokerConnection

_DESCRIBE, _ALTER = 48, 49


@dataclass(frozen=True, order=True)
class Quota:
    """The quotas of one entity.

    Attributes:
        entity: (kind, name) pairs, such as `("client-id", "batch")`; an empty name is the default of its kind.
        values: the limit by its key (`producer_byte_rate`, bytes a second at each broker).
    """

    entity: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        who = ", ".join(f"{kind} {name or '(default)'}" for kind, name in self.entity)
        return f"{who}: {', '.join(f'{key}={value:g}' for key, value in self.values)}"


def _float(value: float) -> bytes:
    return struct.pack(">d", value)


def describe_quotas(connection: BrokerConnection) -> tuple[int, str, tuple[Quota, ...]]:
    """Return (error code, message, the quotas of every entity)."""
    reader = connection.request(_DESCRIBE, 0, codec.array([]) + codec.boolean(False))
    reader.int32()
    code, message = reader.int16(), reader.string()

    def entry() -> Quota:
        entity = reader.array(lambda: (reader.string(), reader.string()))
        values = reader.array(lambda: (reader.string(), float(struct.unpack(">d", reader.take(8))[0])))
        return Quota(tuple(sorted(entity)), tuple(sorted(values)))

    return code, message, tuple(sorted(reader.array(entry)))


def alter_quota(
    connection: BrokerConnection, entity: Mapping[str, str | None], values: Mapping[str, float | None]
) -> tuple[int, str]:
    """Set limits of an entity, or remove them where the value is None; return (error code, message).

    Args:
        connection: to any broker.
        entity: names by kind (`client-id`, `user`); None is the default of the kind.
        values: limits by key.
    """
    operations = codec.array(
        codec.string(key) + _float(value or 0.0) + codec.boolean(value is None) for key, value in values.items()
    )
    who = codec.array(codec.string(kind) + codec.string(name) for kind, name in entity.items())
    reader = connection.request(_ALTER, 0, codec.array([who + operations]) + codec.boolean(False))
    reader.int32()
    answers = reader.array(
        lambda: (reader.int16(), reader.string(), reader.array(lambda: (reader.string(), reader.string())))
    )
    return (answers[0][0], answers[0][1]) if answers else (0, "")
