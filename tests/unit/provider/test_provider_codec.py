"""Property values on the wire."""

from __future__ import annotations

import pytest
from google.protobuf import json_format, struct_pb2

from orchestrator.embedded.provider.codec import UNKNOWN, Asset, decode, encode

SIGNATURE = "4dabf18193072939515e22adb298388d"


def wire(document: dict[str, object]) -> struct_pb2.Struct:
    return json_format.ParseDict(document, struct_pb2.Struct())


def test_values_survive_the_round_trip() -> None:
    values = {"text": "a", "number": 3, "ratio": 0.5, "flag": False, "list": ["a", {"b": 1}], "map": {"k": ["v"]}}
    decoded = decode(encode(values))
    assert decoded.values == values
    assert isinstance(decoded.values["number"], int)
    assert decoded.secrets == frozenset()


def test_secrecy_is_marked_and_read_back() -> None:
    struct = encode({"password": "p", "name": "n"}, frozenset({"password", "absent"}))
    assert SIGNATURE in struct.fields["password"].struct_value.fields
    assert struct.fields["name"].string_value == "n"
    assert decode(struct).secrets == {"password"}
    assert decode(struct).values == {"password": "p", "name": "n"}


def test_a_nested_secret_makes_the_whole_property_secret() -> None:
    inner = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "value": "s"}
    assert decode(wire({"outer": {"list": [inner]}})).secrets == {"outer"}
    assert decode(wire({"outer": {"list": [inner]}})).values == {"outer": {"list": ["s"]}}


def test_a_secret_does_not_show_in_the_representation() -> None:
    assert "hunter2" not in repr(decode(encode({"password": "hunter2"}, frozenset({"password"}))))


def test_unknown_values_are_recognised_and_written() -> None:
    decoded = decode(wire({"id": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}))
    assert decoded.values["id"] is UNKNOWN
    assert encode({"id": UNKNOWN}).fields["id"].string_value == "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def test_an_output_value_without_a_value_is_unknown() -> None:
    output = {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "secret": True}
    decoded = decode(wire({"id": output}))
    assert decoded.values["id"] is UNKNOWN
    assert decoded.secrets == {"id"}


def test_null_properties_are_left_out() -> None:
    assert decode(wire({"a": None, "b": {"c": None, "d": 1}})).values == {"b": {"d": 1}}
    assert "a" not in encode({"a": None}).fields


def test_a_file_asset_survives_the_round_trip_and_is_compared_by_its_digest() -> None:
    struct = wire({"source": {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "hash": "abc", "path": "/a"}})
    asset = decode(struct).values["source"]
    assert asset == Asset("abc", "/elsewhere")
    assert asset.path == "/a"
    assert encode({"source": asset}) == struct


def test_an_asset_of_the_state_has_lost_its_path() -> None:
    kept = wire({"source": {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "hash": "abc"}})
    assert decode(kept).values["source"] == Asset("abc", "/a")


def test_assets_that_are_no_files_are_refused() -> None:
    with pytest.raises(ValueError, match="not implemented"):
        decode(wire({"file": {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "text": "x"}}))


def test_a_value_that_has_no_form_on_the_wire_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        encode({"a": {1, 2}})
