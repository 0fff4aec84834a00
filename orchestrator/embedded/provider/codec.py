"""Pulumi's property values on the wire, as plain Python values.

A provider receives and returns protobuf structs in which a secret and an unknown value are marked by signatures
("Property values", Pulumi provider protocol). Secrecy is kept for each top-level property: a property that holds a
secret anywhere is secret as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import struct_pb2  # type: ignore[import-untyped]  # has no types

_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's constant
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
_UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWN_TEXTS: Final = frozenset(
    {
        _UNKNOWN_STRING,  # what the Python SDK sends for every type; the others come from the engine
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)


class _Unknown:
    """A value that is known only after apply."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Asset:
    """A file of this machine that becomes a resource's content; two with the same digest are the same.

    Attributes:
        digest: SHA-256 of the content, as the engine computed it.
        path: where the file is; empty in what the engine kept in its state.
    """

    digest: str
    path: str = field(compare=False)


@dataclass(frozen=True)
class Properties:
    """Decoded properties.

    Attributes:
        values: plain Python values; null ones are left out, unknown ones are `UNKNOWN`.
        secrets: the names of the top-level properties that hold a secret.
    """

    values: dict[str, Any] = field(repr=False)
    secrets: frozenset[str] = frozenset()


def decode(struct: struct_pb2.Struct) -> Properties:
    """Read a struct as the engine sends it."""
    values: dict[str, Any] = {}
    secrets: set[str] = set()
    for name, wire in struct.fields.items():
        value, secret = _decode(wire)
        if value is None:
            continue
        values[name] = value
        if secret:
            secrets.add(name)
    return Properties(values, frozenset(secrets))


def encode(values: dict[str, Any], secrets: frozenset[str] = frozenset()) -> struct_pb2.Struct:
    """Write properties as the engine reads them; those named in `secrets` are marked secret."""
    struct = struct_pb2.Struct()
    for name, value in values.items():
        if value is None:
            continue
        wire = _encode(value)
        if name in secrets:
            marked = struct_pb2.Struct(
                fields={_SIGNATURE: struct_pb2.Value(string_value=_SECRET), "value": wire},
            )
            wire = struct_pb2.Value(struct_value=marked)
        struct.fields[name].CopyFrom(wire)
    return struct


def _decode(wire: struct_pb2.Value) -> tuple[Any, bool]:
    kind = wire.WhichOneof("kind")
    if kind == "string_value":
        return (UNKNOWN if wire.string_value in _UNKNOWN_TEXTS else wire.string_value), False
    if kind == "bool_value":
        return wire.bool_value, False
    if kind == "number_value":
        number = wire.number_value
        return (int(number) if number.is_integer() else number), False
    if kind == "list_value":
        items = [_decode(item) for item in wire.list_value.values]
        return [value for value, _ in items], any(secret for _, secret in items)
    if kind == "struct_value":
        return _decode_struct(wire.struct_value)
    return None, False


def _decode_struct(struct: struct_pb2.Struct) -> tuple[Any, bool]:
    signature = struct.fields[_SIGNATURE].string_value if _SIGNATURE in struct.fields else ""
    if signature == _SECRET:
        return _decode(struct.fields["value"])[0], True
    if signature == _OUTPUT:
        secret = struct.fields["secret"].bool_value if "secret" in struct.fields else False
        return (_decode(struct.fields["value"])[0] if "value" in struct.fields else UNKNOWN), secret
    if signature == _ASSET and not any(name in struct.fields for name in ("text", "uri")):
        return Asset(struct.fields["hash"].string_value, struct.fields["path"].string_value), False
    if signature:
        raise ValueError("assets that are no files, archives and resource references are not implemented")
    decoded = {name: _decode(wire) for name, wire in struct.fields.items()}
    values = {name: value for name, (value, _) in decoded.items() if value is not None}
    return values, any(secret for _, secret in decoded.values())


def _encode(value: Any) -> struct_pb2.Value:
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=_UNKNOWN_STRING)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Asset):
        texts = {_SIGNATURE: _ASSET, "hash": value.digest, "path": value.path}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields={k: _encode(v) for k, v in texts.items()}))
    if isinstance(value, list | tuple):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_encode(item) for item in value]))
    if isinstance(value, dict):
        fields = {name: _encode(item) for name, item in value.items() if item is not None}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
    raise TypeError(f"a property cannot hold a {type(value).__name__}")
