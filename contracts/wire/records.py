"""Records as a broker returns them (Apache Kafka documentation, "Message Format": record batches of magic 2)."""

from __future__ import annotations

from contracts.wire import codec
from contracts.wire.connection import BrokerConnection

_FETCH = 1
_MOST_BYTES = 1 << 20
#: Bytes of a batch before its records: base offset and length, then what the length counts.
_BEFORE_LENGTH, _HEADER = 12, 49
_COMPRESSED = 0b111


def fetch_values(connection: BrokerConnection, topic: str, partition: int, offset: int) -> tuple[int, int, list[bytes]]:
    """Return (error code, next offset, values) of what the leader has from an offset on, without waiting for more.

    Raises:
        ValueError: what came back is no uncompressed record batch of magic 2.
    """
    partitions = codec.array([codec.int32(partition) + codec.int64(offset) + codec.int32(_MOST_BYTES)])
    body = codec.int32(-1) + codec.int32(0) + codec.int32(0) + codec.int32(_MOST_BYTES) + codec.int8(0)
    reader = connection.request(_FETCH, 4, body + codec.array([codec.string(topic) + partitions]))
    reader.int32()

    def answer() -> tuple[int, bytes]:
        reader.int32()
        code = reader.int16()
        reader.int64()
        reader.int64()
        reader.array(lambda: (reader.int64(), reader.int64()))
        return code, reader.blob()

    code, data = reader.array(lambda: (reader.string(), reader.array(answer)))[0][1][0]
    following, values = parse(data, offset)
    return code, following, values


def parse(data: bytes, offset: int) -> tuple[int, list[bytes]]:
    """Return the offset after the whole batches in `data`, and the values of their records from `offset` on.

    A broker may cut the last batch short; it comes whole with the next fetch.

    Raises:
        ValueError: a batch is compressed, or of another magic.
    """
    values: list[bytes] = []
    at, following = 0, offset
    while len(data) - at >= _BEFORE_LENGTH + _HEADER:
        base = int.from_bytes(data[at : at + 8], "big", signed=True)
        length = int.from_bytes(data[at + 8 : at + 12], "big")
        batch = data[at + _BEFORE_LENGTH : at + _BEFORE_LENGTH + length]
        if len(batch) < length:
            break
        if batch[4] != 2 or int.from_bytes(batch[9:11], "big") & _COMPRESSED:
            raise ValueError("not an uncompressed record batch of magic 2")
        position = _HEADER
        for _ in range(int.from_bytes(batch[45:49], "big")):
            size, position = _varint(batch, position)
            delta, value = _record(batch[position : position + size])
            position += size
            if base + delta >= offset:
                values.append(value)
        following = max(following, base + int.from_bytes(batch[11:15], "big") + 1)
        at += _BEFORE_LENGTH + length
    return following, values


def _record(data: bytes) -> tuple[int, bytes]:
    """Return a record's offset within its batch and its value; a null value becomes empty."""
    _, position = _varint(data, 1)  # after the attributes: the timestamp's delta
    delta, position = _varint(data, position)
    key, position = _varint(data, position)
    position += max(0, key)
    size, position = _varint(data, position)
    return delta, data[position : position + max(0, size)]


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Decode a zigzag number of variable length; returns it with the position after it."""
    shift = raw = 0
    while True:
        byte = data[position]
        position += 1
        raw |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return (raw >> 1) ^ -(raw & 1), position
        shift += 7
