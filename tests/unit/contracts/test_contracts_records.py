from __future__ import annotations

import struct

import pytest

from contracts.wire.records import parse


def zigzag(value: int) -> bytes:
    raw, out = (value << 1) ^ (value >> 63), bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    return bytes([*out, raw])


def batch(base: int, *values: bytes, attributes: int = 0, magic: int = 2, key: bytes | None = b"k") -> bytes:
    records = b""
    for delta, value in enumerate(values):
        named = zigzag(-1) if key is None else zigzag(len(key)) + key
        record = b"\0" + zigzag(delta * 300) + zigzag(delta) + named + zigzag(len(value)) + value + zigzag(0)
        records += zigzag(len(record)) + record
    after = struct.pack(">hiqqqhii", attributes, len(values) - 1, 1, 1, -1, -1, -1, len(values)) + records
    inner = struct.pack(">ibI", 0, magic, 0) + after
    return struct.pack(">qi", base, len(inner)) + inner


def test_values_of_all_whole_batches_come_out_in_order() -> None:
    data = batch(5, b"a", b"b" * 200) + batch(7, b"", key=None)
    assert parse(data, 5) == (8, [b"a", b"b" * 200, b""])


def test_records_before_the_offset_are_left_out() -> None:
    assert parse(batch(5, b"a", b"b", b"c"), 6) == (8, [b"b", b"c"])


def test_a_batch_that_was_cut_short_waits_for_the_next_fetch() -> None:
    whole, cut = batch(0, b"a"), batch(1, b"b")[:-1]
    assert parse(whole + cut, 0) == (1, [b"a"])
    assert parse(b"", 3) == (3, [])


@pytest.mark.parametrize("bad", [batch(0, b"a", attributes=4), batch(0, b"a", magic=1)])
def test_what_this_cannot_read_is_said_so(bad: bytes) -> None:
    with pytest.raises(ValueError, match="not an uncompressed record batch of magic 2"):
        parse(bad, 0)
