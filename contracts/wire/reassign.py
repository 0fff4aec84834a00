"""Moving replicas: KIP-455's requests, which exist only in the flexible encoding of KIP-482."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from contracts.wire import codec
from contracts.wire.codec import Reader
from contracts.wire.connection import BrokerConnection

T = TypeVar("T")
_ALTER, _LIST = 45, 46
_NO_TAGS = b"\x00"


@dataclass(frozen=True)
class Moving:
    """A partition whose replicas are on the move."""

    topic: str
    partition: int
    adding: tuple[int, ...]
    removing: tuple[int, ...]


def unsigned(value: int) -> bytes:
    """Encode an UNSIGNED_VARINT."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def read_unsigned(reader: Reader) -> int:
    """Decode an UNSIGNED_VARINT."""
    value = shift = 0
    while True:
        byte = reader.take(1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7


def _array(items: Iterable[bytes]) -> bytes:
    encoded = list(items)
    return unsigned(len(encoded) + 1) + b"".join(encoded)


def _string(value: str) -> bytes:
    return unsigned(len(value.encode()) + 1) + value.encode()


def _read_array(reader: Reader, item: Callable[[], T]) -> list[T]:
    return [item() for _ in range(max(0, read_unsigned(reader) - 1))]


def _read_string(reader: Reader) -> str:
    return reader.take(max(0, read_unsigned(reader) - 1)).decode()


def _skip_tags(reader: Reader) -> None:
    for _ in range(read_unsigned(reader)):
        read_unsigned(reader)
        reader.take(read_unsigned(reader))


def move_partition(
    connection: BrokerConnection, topic: str, partition: int, replicas: Sequence[int], *, timeout_ms: int
) -> tuple[int, str]:
    """Ask for a partition's replicas to be on these brokers, the preferred leader first; return (code, message)."""
    wanted = codec.int32(partition) + _array(codec.int32(broker) for broker in replicas) + _NO_TAGS
    body = codec.int32(timeout_ms) + _array([_string(topic) + _array([wanted]) + _NO_TAGS]) + _NO_TAGS
    reader = connection.request(_ALTER, 0, body, flexible=True)
    reader.int32()
    code, message = reader.int16(), _read_string(reader)

    def answer() -> tuple[int, str]:
        reader.int32()
        found = reader.int16(), _read_string(reader)
        _skip_tags(reader)
        return found

    def topics() -> list[tuple[int, str]]:
        _read_string(reader)
        found = _read_array(reader, answer)
        _skip_tags(reader)
        return found

    answers = [each for found in _read_array(reader, topics) for each in found]
    return (code, message) if code != 0 or not answers else answers[0]


def moving(connection: BrokerConnection) -> tuple[int, tuple[Moving, ...]]:
    """Return (error code, every partition whose replicas are on the move)."""
    reader = connection.request(_LIST, 0, codec.int32(5000) + unsigned(0) + _NO_TAGS, flexible=True)
    reader.int32()
    code = reader.int16()
    _read_string(reader)

    def brokers() -> tuple[int, ...]:
        return tuple(_read_array(reader, reader.int32))

    def topic() -> list[Moving]:
        name = _read_string(reader)

        def partition() -> Moving:
            index = reader.int32()
            brokers()
            found = Moving(name, index, brokers(), brokers())
            _skip_tags(reader)
            return found

        found = _read_array(reader, partition)
        _skip_tags(reader)
        return found

    return code, tuple(each for found in _read_array(reader, topic) for each in found)
