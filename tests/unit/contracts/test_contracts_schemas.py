"""The judgements of the schema contracts, in both directions."""

from __future__ import annotations

import json
import struct

import pytest

from contracts.model import Failed, ProbeError, Verified
from contracts.schemas.endpoint import judge_answer, judge_auth
from contracts.schemas.evolution import NOTE, ORDER, judge_incompatible, judge_registered, record
from contracts.schemas.registry_access import Answer, address_of
from contracts.schemas.serialization import judge_round_trip, judge_unknown
from orchestrator.environment import SchemaRegistry

NOBODY = {"nobody who reads": 401, "nobody who writes": 403}


def test_an_answer_must_be_a_list_of_subjects() -> None:
    assert judge_answer(Answer(200, b'["a"]')) == Verified({"status": 200, "subjects": 1})
    assert isinstance(judge_answer(Answer(200, b"<html>")), Failed)
    assert isinstance(judge_answer(Answer(404, b"[]")), Failed)
    refused = judge_answer(Answer(401, b""))
    assert isinstance(refused, Failed)
    assert "own user" in refused.reason


def test_a_door_is_judged_by_who_comes_in() -> None:
    assert isinstance(judge_auth(NOBODY, 200), Verified)
    served = judge_auth(NOBODY | {"a wrong password": 204}, 200)
    assert isinstance(served, Failed)
    assert "a wrong password" in served.reason
    assert isinstance(judge_auth(NOBODY, 401), Failed)
    with pytest.raises(ProbeError, match="no refusal"):  # an error is not a deny
        judge_auth({"nobody who reads": 500}, 200)


def test_a_registration_must_be_stable_and_unchanged() -> None:
    text = record(ORDER)
    assert isinstance(judge_registered(text, json.dumps(json.loads(text), indent=2), 7, 7), Verified)
    assert isinstance(judge_registered(text, record(ORDER, NOTE), 7, 7), Failed)
    assert isinstance(judge_registered(text, text, 7, 8), Failed)


def test_only_a_conflict_refuses_a_schema_as_incompatible() -> None:
    assert isinstance(judge_incompatible("409 Incompatible artifact", "BACKWARD"), Verified)
    accepted = judge_incompatible("", "NONE")
    assert isinstance(accepted, Failed)
    assert "compatibility NONE" in accepted.reason
    with pytest.raises(ProbeError, match="not as incompatible"):
        judge_incompatible("403 forbidden", "BACKWARD")


def test_a_round_trip_needs_the_wire_format_the_id_and_the_value() -> None:
    stored = b"\x00" + struct.pack(">I", 7) + b"value"
    assert judge_round_trip({"a": 1}, stored, {"a": 1}, 7) == Verified({"schema_id": 7, "bytes": 10})
    for changed in ((b"value", {"a": 1}, 7), (stored, {"a": 2}, 7), (stored, {"a": 1}, 8), (b"\x01" + stored, {}, 7)):
        assert isinstance(judge_round_trip({"a": 1}, *changed), Failed)


def test_an_unknown_id_is_refused_by_404_alone() -> None:
    assert isinstance(judge_unknown(404, 9), Verified)
    assert isinstance(judge_unknown(None, 9), Failed)
    with pytest.raises(ProbeError, match="not with 404"):
        judge_unknown(401, 9)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://registry.example.com/apis", "registry.example.com:443"),
        ("http://localhost:8081", "localhost:8081"),
        ("https://localhost:9443/apis/ccompat/v7", "localhost:9443"),
    ],
)
def test_where_a_registry_listens(url: str, address: str) -> None:
    assert str(address_of(SchemaRegistry(url=url))) == address
