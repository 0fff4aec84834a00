"""Listing and making ACLs on the wire."""

from __future__ import annotations

from typing import cast

import pytest

from contracts.iam.decoys import prefix
from contracts.wire import BrokerConnection, codec
from contracts.wire.acl_requests import Acl, create_acls, describe_acls
from contracts.wire.codec import Reader


class _Broker:
    """Answers one request and remembers it."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.asked: tuple[int, int, bytes] | None = None

    def request(self, api_key: int, version: int, body: bytes) -> Reader:
        self.asked = (api_key, version, body)
        return Reader(self._answer)


def ask(answer: bytes) -> tuple[tuple[int, list[Acl]], _Broker]:
    broker = _Broker(answer)
    return describe_acls(cast(BrokerConnection, broker)), broker


def test_every_acl_is_asked_for_and_read() -> None:
    def entry(principal: str, operation: int, permission: int) -> bytes:
        return codec.string(principal) + codec.string("*") + codec.int8(operation) + codec.int8(permission)

    def resource(kind: int, name: str, pattern: int, *entries: bytes) -> bytes:
        return codec.int8(kind) + codec.string(name) + codec.int8(pattern) + codec.array(entries)

    resources = [
        resource(2, "orders", 3, entry("User:a", 4, 3), entry("User:*", 3, 2)),
        resource(3, "group-", 4, entry("User:b", 99, 3)),
    ]
    (code, acls), broker = ask(codec.int32(0) + codec.int16(0) + codec.string(None) + codec.array(resources))
    assert code == 0
    assert acls == [
        Acl("topic", "orders", "literal", "User:a", "*", "WRITE", False),
        Acl("topic", "orders", "literal", "User:*", "*", "READ", True),
        Acl("group", "group-", "prefixed", "User:b", "*", "99", False),
    ]
    assert broker.asked == (29, 1, b"\x01\xff\xff\x01\xff\xff\xff\xff\x01\x01")


def test_a_refusal_is_its_code() -> None:
    (code, acls), _ = ask(codec.int32(0) + codec.int16(31) + codec.string("no") + codec.array([]))
    assert (code, acls) == (31, [])


def test_acls_are_made_in_one_request_and_answered_one_by_one() -> None:
    answers = [codec.int16(0) + codec.string(None), codec.int16(31) + codec.string("no")]
    broker = _Broker(codec.int32(0) + codec.array(answers))
    wanted = [
        Acl("topic", "o", "literal", "User:a", "*", "WRITE", False),
        Acl("group", "g", "prefixed", "User:b", "*", "READ", True),
    ]
    assert create_acls(cast(BrokerConnection, broker), wanted) == [(0, ""), (31, "no")]
    first = b"\x02\x00\x01o\x03\x00\x06User:a\x00\x01*\x04\x03"
    second = b"\x03\x00\x01g\x04\x00\x06User:b\x00\x01*\x03\x02"
    assert broker.asked == (30, 1, b"\x00\x00\x00\x02" + first + second)


def test_an_acl_that_kafka_does_not_know_is_not_sent() -> None:
    broker = _Broker(b"")
    with pytest.raises(KeyError, match="99"):
        create_acls(cast(BrokerConnection, broker), [Acl("group", "g", "literal", "User:b", "*", "99", False)])
    assert broker.asked is None


def test_the_name_of_a_decoy_leads_from_the_lease_and_does_not_contain_it() -> None:
    assert prefix("bcdfghjk") == prefix("bcdfghjk") != prefix("bcdfghjm")
    assert "bcdfghjk" not in prefix("bcdfghjk")
    assert prefix("bcdfghjk").startswith("ephk-decoy-")
