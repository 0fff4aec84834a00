"""Quotas on the wire, and how they are judged."""

from __future__ import annotations

import struct
from typing import cast

from contracts.clients.quotas import judge_quotas, judge_throttling
from contracts.model import Failed, Verified
from contracts.wire import BrokerConnection, codec
from contracts.wire.codec import Reader
from contracts.wire.quotas import Quota, alter_quota, describe_quotas

BATCH = Quota((("client-id", "batch"),), (("producer_byte_rate", 1000.0),))
EVERYBODY = Quota((("user", ""),), (("consumer_byte_rate", 5.0),))


class _Broker:
    """Answers one request and remembers its body."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.body = b""

    def request(self, _api_key: int, _version: int, body: bytes) -> Reader:
        self.body = body
        return Reader(self._answer)


def entry(kind: str, name: str | None, key: str, value: float) -> bytes:
    entity = codec.array([codec.string(kind) + codec.string(name)])
    return entity + codec.array([codec.string(key) + struct.pack(">d", value)])


def test_every_quota_is_read_and_a_default_is_told_as_one() -> None:
    entries = [entry("user", None, "consumer_byte_rate", 5), entry("client-id", "batch", "producer_byte_rate", 1000)]
    answer = codec.int32(0) + codec.int16(0) + codec.string(None) + codec.array(entries)
    code, _, quotas = describe_quotas(cast(BrokerConnection, _Broker(answer)))
    assert (code, quotas) == (0, (BATCH, EVERYBODY))
    assert [str(quota) for quota in quotas] == [
        "client-id batch: producer_byte_rate=1000",
        "user (default): consumer_byte_rate=5",
    ]


def test_a_limit_is_set_or_removed_and_a_refusal_is_told() -> None:
    entity = codec.array([codec.string("client-id") + codec.string("batch")])
    refused = codec.int32(0) + codec.array([codec.int16(31) + codec.string("no") + entity])
    broker = _Broker(refused)
    assert alter_quota(cast(BrokerConnection, broker), {"client-id": "batch"}, {"producer_byte_rate": None}) == (
        31,
        "no",
    )
    operation = codec.string("producer_byte_rate") + struct.pack(">d", 0.0) + codec.boolean(True)
    assert broker.body == codec.array([entity + codec.array([operation])]) + codec.boolean(False)


def test_every_broker_has_to_make_the_client_pause() -> None:
    assert isinstance(judge_throttling({1: 900, 2: 4}, [1, 2], 10, 100), Verified)
    outcome = judge_throttling({1: 900}, [1, 2], 10, 100)
    assert isinstance(outcome, Failed)
    assert outcome.reason == "broker 2 took 100 bytes at once from a client whose quota is 10 bytes/s"


def test_a_quota_that_nobody_declared_fails_and_a_probes_own_does_not() -> None:
    own = Quota((("client-id", "ephk-probe-l-quota"),), (("producer_byte_rate", 1.0),))
    assert isinstance(judge_quotas({1: [own], 2: []}, "ephk-probe-l"), Verified)
    outcome = judge_quotas({1: [own], 2: [BATCH]}, "ephk-probe-l")
    assert isinstance(outcome, Failed)
    assert outcome.reason == "broker 2 has a quota that nobody declared: client-id batch: producer_byte_rate=1000"
