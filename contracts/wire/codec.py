"""Kafka's primitive types in their fixed-width encoding (Apache Kafka documentation, "Protocol Primitive Types")."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def int8(value: int) -> bytes:
    """Encode a signed byte."""
    return struct.pack(">b", value)


def int16(value: int) -> bytes:
    """Encode a signed 16-bit integer, big endian."""
    return struct.pack(">h", value)


def int32(value: int) -> bytes:
    """Encode a signed 32-bit integer, big endian."""
    return struct.pack(">i", value)


def int64(value: int) -> bytes:
    """Encode a signed 64-bit integer, big endian."""
    return struct.pack(">q", value)


def boolean(value: bool) -> bytes:
    """Encode a truth value."""
    return b"\x01" if value else b"\x00"


def string(value: str | None) -> bytes:
    """Encode a STRING, or a NULLABLE_STRING for None."""
    if value is None:
        return int16(-1)
    data = value.encode()
    return int16(len(data)) + data


def blob(value: bytes) -> bytes:
    """Encode BYTES."""
    return int32(len(value)) + value


def array(items: Iterable[bytes] | None) -> bytes:
    """Encode an ARRAY of encoded items; None is the null array."""
    if items is None:
        return int32(-1)
    encoded = list(items)
    return int32(len(encoded)) + b"".join(encoded)


class Reader:
    """Decodes a response from its beginning; raises ValueError when it is shorter than it says."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        if size < 0 or self._at + size > len(self._data):
            raise ValueError(f"a response ended after {len(self._data)} bytes, {size} more were expected")
        piece = self._data[self._at : self._at + size]
        self._at += size
        return piece

    def int8(self) -> int:
        """Decode a signed byte."""
        return int(struct.unpack(">b", self.take(1))[0])

    def int16(self) -> int:
        """Decode a signed 16-bit integer."""
        return int(struct.unpack(">h", self.take(2))[0])

    def int32(self) -> int:
        """Decode a signed 32-bit integer."""
        return int(struct.unpack(">i", self.take(4))[0])

    def int64(self) -> int:
        """Decode a signed 64-bit integer."""
        return int(struct.unpack(">q", self.take(8))[0])

    def string(self) -> str:
        """Decode a string; null becomes the empty string."""
        size = self.int16()
        return "" if size < 0 else self.take(size).decode()

    def blob(self) -> bytes:
        """Decode bytes; null becomes empty."""
        size = self.int32()
        return b"" if size < 0 else self.take(size)

    def array(self, item: Callable[[], T]) -> list[T]:
        """Decode an array with `item` for each element; null becomes empty."""
        return [item() for _ in range(max(0, self.int32()))]
