from __future__ import annotations

from typing import Any

import pytest

from contracts.catalogue import catalogue, contracts_for
from contracts.model import Verified
from contracts.registry import Member, Registry
from orchestrator.environment import Grant, Principal
from orchestrator.errors import UsageError
from tests.unit.contracts.builders import WRITER, environment

WORDS: dict[str, Any] = {
    "title": "t",
    "risk": "r",
    "statement": "s",
    "remediation": "m",
    "documentation": "d",
}
ISSUED = {
    "listener.tls.version", "listener.tls.chain", "listener.tls.hostname", "listener.tls.expiry",
    "listener.plaintext.refused", "listener.advertised", "auth.scram.accepts", "auth.scram.wrong-password.refused",
    "auth.mtls.accepts", "auth.mtls.no-certificate.refused", "bucket.encryption", "bucket.public-access",
    "bucket.tls-only", "bucket.round-trip", "network.route.s3-endpoint", "network.private-subnets",
    "network.security-group.least", "tags.complete", "acl.<principal>.allow.produce.<topic>",
    "acl.<principal>.deny.group",
}  # fmt: skip


def test_catalogue_names_every_contract_with_all_that_a_reader_needs() -> None:
    entries = catalogue()
    ids = [entry["id"] for entry in entries]
    assert set(ids) >= ISSUED
    assert len(ids) == len(set(ids))
    for entry in entries:
        for word in ("title", "risk", "statement", "remediation", "documentation"):
            assert entry[word], f"{entry['id']} has no {word}"
        assert set(entry["layers"]) <= {"local", "cloud", "production"}


def test_an_id_is_declared_once() -> None:
    registry = Registry()
    declare = registry.contract("a.b", **WORDS)
    declare(lambda _access, _watch: Verified())
    with pytest.raises(ValueError, match=r"a\.b is declared twice"):
        declare(lambda _access, _watch: Verified())


def test_an_unknown_need_is_refused() -> None:
    with pytest.raises(ValueError, match="needs teapot, which nothing defines"):
        Registry().contract("a.b", **WORDS, needs=("teapot",))(lambda _access, _watch: Verified())


def test_the_matrix_covers_each_principal_topic_and_action_exactly_once() -> None:
    ids = [c.id for c in contracts_for(environment(), ["acl.*.allow.*", "acl.*.deny.*"])]
    assert set(ids) == {
        "acl.writer.allow.produce.orders",
        "acl.writer.deny.produce.audit",
        "acl.writer.deny.consume.orders",
        "acl.writer.deny.consume.audit",
        "acl.writer.deny.group",
        "acl.writer.deny.other-topic",
        "acl.reader.allow.consume.orders",
        "acl.reader.deny.consume.audit",
        "acl.reader.deny.produce.orders",
        "acl.reader.deny.produce.audit",
        "acl.reader.deny.group",
        "acl.reader.deny.other-topic",
    }
    assert len(ids) == 12


def test_a_prefixed_grant_covers_the_topics_that_begin_so() -> None:
    wide = Principal(
        name="wide",
        auth="scram",
        kafka_principal="User:wide",
        grants=(Grant(topic="a", pattern="prefixed", allow=("produce",)),),
    )
    ids = {c.id for c in contracts_for(environment(principals=(wide,)), ["acl.wide.*.produce.*"])}
    assert ids == {"acl.wide.allow.produce.audit", "acl.wide.deny.produce.orders"}


def test_selection_keeps_the_order_of_the_catalogue() -> None:
    everything = [c.id for c in contracts_for(environment())]
    some = [c.id for c in contracts_for(environment(), ["tags.complete", "listener.tls.c*"])]
    assert some == [name for name in everything if name == "tags.complete" or name.startswith("listener.tls.c")]
    assert len(some) == 3


def test_a_pattern_that_selects_nothing_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match=r"no contract of this environment matches 'acl\.nobody'"):
        contracts_for(environment(), ["tags.complete", "acl.nobody"])


def test_families_expand_from_the_environment() -> None:
    registry = Registry()

    @registry.family("x.<principal>", **WORDS)
    def members(of: Any) -> list[Member]:
        return [Member(f"x.{p.name}", f"about {p.name}", lambda _a, _w: Verified()) for p in of.principals]

    made = contracts_for(environment(principals=(WRITER,)), registry=registry)
    assert [(c.id, c.statement, c.title) for c in made] == [("x.writer", "about writer", "t")]
