from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from contracts import catalogue as catalogue_module
from contracts.applicability import IAM_ONLY, NotOn
from contracts.catalogue import GROUP, add_installed, contracts_for, load, not_applicable
from contracts.model import Layer, Verified
from contracts.registry import Member, Registry
from contracts.selection import Selection, as_pattern
from orchestrator.environment import SchemaRegistry
from orchestrator.errors import EphkError, UsageError
from tests.unit.contracts.builders import environment

WORDS: dict[str, Any] = {"title": "t", "risk": "r", "statement": "s", "remediation": "m", "documentation": "d"}
REPOSITORY = Path(__file__).parents[3]


@dataclass(frozen=True)
class Thing:
    id: str
    risk: str
    layers: tuple[Layer, ...]


TLS = Thing("listener.tls.chain", "A stranger's Certificate passes", ("local", "cloud"))
ACL = Thing("acl.a.deny", "Data leaks", ("local",))
KILL = Thing("brokers.replace", "A broker dies", ("production",))


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), [TLS, ACL, KILL]),
        (Selection(ids=("acl.*", "brokers.?eplace")), [ACL, KILL]),
        (Selection(layers=("cloud", "production")), [TLS, KILL]),
        (Selection(risks=("*certificate*",)), [TLS]),
        (Selection(ids=("*",), layers=("local",), risks=("data*",)), [ACL]),
    ],
)
def test_parts_select_together_and_the_order_stays(selection: Selection, expected: list[Thing]) -> None:
    assert selection.choose([TLS, ACL, KILL]) == expected


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        (Selection(ids=("acl.*", "absent")), "no contract of this environment matches 'absent'"),
        (Selection(risks=("nothing*",)), r"no contract's risk matches 'nothing\*'"),
        (Selection(ids=("acl.*",), layers=("production",)), "no contract matches all that was asked for"),
    ],
)
def test_what_selects_nothing_is_a_mistake(selection: Selection, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        selection.choose([TLS, ACL, KILL])


@pytest.mark.parametrize(
    "pattern", ["*", "listener.*", "acl.orders.deny.group", "acl.*.group", "ac*", "brokers.replac?"]
)
def test_what_some_environment_may_have_is_possible(pattern: str) -> None:
    family = Thing("acl.<principal>.deny.group", "Data leaks", ("local",))
    Selection(ids=(pattern,)).require_possible([TLS, family, KILL])


@pytest.mark.parametrize(
    "selection", [Selection(ids=("*", "acls.*")), Selection(ids=("listener.tls",)), Selection(risks=("nothing*",))]
)
def test_what_no_environment_can_have_is_refused_before_there_is_one(selection: Selection) -> None:
    family = Thing("acl.<principal>.deny.group", "Data leaks", ("local",))
    with pytest.raises(UsageError, match="matches"):
        selection.require_possible([TLS, family, KILL])


def test_a_familys_id_becomes_a_pattern_and_the_rest_stays_literal() -> None:
    assert as_pattern("acl.<principal>.allow.<topic>") == "acl.*.allow.*"
    assert fnmatchcase("a[1].x", as_pattern("a[1].<b>"))
    assert not fnmatchcase("a1.x", as_pattern("a[1].<b>"))


def declared() -> Registry:
    registry = Registry()
    registry.contract("a.scram", **WORDS, not_on=IAM_ONLY)(lambda _a, _w: Verified())
    registry.contract("a.tls", **WORDS)(lambda _a, _w: Verified())

    @registry.family("b.<x>", **WORDS, not_on=NotOn(("kafka",), "nobody has it"), deadline_s=7)
    def members(_of: Any) -> list[Member]:
        return [Member("b.one", "s", lambda _a, _w: Verified())]

    return registry


def test_what_does_not_apply_is_declared_and_not_run() -> None:
    serverless = environment(flavour="msk-serverless")
    assert [c.id for c in contracts_for(serverless, registry=declared())] == ["a.tls", "b.one"]
    ((entry, reason),) = not_applicable(serverless, registry=declared())
    assert (entry.id, reason) == ("a.scram", "msk-serverless: MSK Serverless has IAM access control alone")
    assert entry.as_dict()["not_applicable_on"]["flavours"] == ["msk-serverless"]
    assert not_applicable(environment(), registry=declared()) == []


def part(registry: Registry, name: str, *needs: str) -> None:
    registry.contract(name, **WORDS, needs=needs)(lambda _a, _w: Verified())


def test_what_the_spec_does_not_declare_does_not_apply_and_says_how_to_have_it() -> None:
    registry = Registry()
    part(registry, "s.one", "bucket", "schema-registry")
    part(registry, "s.two", "bucket")
    bare = environment(schema_registry=None)
    assert [c.id for c in contracts_for(bare, registry=registry)] == ["s.two"]
    ((entry, reason),) = not_applicable(bare, registry=registry)
    assert entry.id == "s.one"
    assert reason == "the environment has no schema registry; declare schema_registry to have it"
    declared_one = environment(schema_registry=SchemaRegistry(url="https://registry.test"))
    assert [c.id for c in contracts_for(declared_one, registry=registry)] == ["s.one", "s.two"]
    assert not_applicable(declared_one, registry=registry) == []


def test_what_nobody_named_of_somebody_elses_environment_is_not_covered_all_the_same() -> None:
    registry = Registry()
    part(registry, "s.one", "schema-registry")
    theirs = environment(schema_registry=None, adopted=True)
    assert not_applicable(theirs, registry=registry) == []
    assert [c.id for c in contracts_for(theirs, registry=registry)] == ["s.one"]


def test_asking_only_for_what_does_not_apply_is_no_mistake() -> None:
    serverless = environment(flavour="msk-serverless")
    assert contracts_for(serverless, ["a.scram"], declared()) == []
    assert [entry.id for entry, _ in not_applicable(serverless, ["a.scram"], declared())] == ["a.scram"]
    assert not_applicable(serverless, ["a.tls"], declared()) == []


def test_a_contract_may_have_a_deadline_of_its_own() -> None:
    assert [c.deadline_s for c in contracts_for(environment(), registry=declared())] == [None, None, 7]


def test_mechanisms_that_serverless_lacks_do_not_apply_there() -> None:
    serverless = environment(flavour="msk-serverless")
    ids = {entry.id for entry, _ in not_applicable(serverless, registry=load()) if entry.subject == "environment"}
    assert {"auth.scram.accepts", "auth.mtls.accepts"} <= ids
    assert "listener.tls.chain" not in ids


def test_contracts_on_a_plan_are_not_run_on_an_environment() -> None:
    here = environment()
    assert not [one for one in contracts_for(here) if one.id.startswith("terraform.")]
    reasons = {reason for entry, reason in not_applicable(here, registry=load()) if entry.id.startswith("terraform.")}
    assert len(reasons) == 1
    assert "ephk check terraform PLAN.json" in reasons.pop()
    assert contracts_for(here, ["terraform.msk.*"]) == []


def test_the_catalogues_order_does_not_depend_on_what_was_imported_first() -> None:
    registry = Registry()
    for module in ("late", "early", "installed", "late"):
        probe = lambda _a, _w: Verified()  # noqa: E731 - its module is set below
        probe.__module__ = module
        registry.contract(f"{module}.{len(registry.entries())}", **WORDS)(probe)
    registry.arrange(("early", "late"))
    assert [entry.id for entry in registry.entries()] == ["early.1", "late.0", "late.3", "installed.2"]
    order = [entry.module for entry in load().entries()]
    assert order == sorted(order, key=catalogue_module.MODULES.index)


def point(value: str) -> EntryPoint:
    return EntryPoint(name="shop", value=value, group=GROUP)


def test_an_installed_packages_contracts_join_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "examples" / "custom-contracts" / "package"))
    monkeypatch.setattr(catalogue_module, "entry_points", lambda group: [point("shop_contracts:register")])
    monkeypatch.setattr(catalogue_module, "REGISTRY", registry := Registry())
    monkeypatch.setattr(catalogue_module, "MODULES", ())
    assert catalogue_module.load.__wrapped__() is registry
    assert [entry.id for entry in registry.entries()] == ["shop.topics.owned"]


def test_the_examples_judgement_goes_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY / "examples" / "custom-contracts" / "package"))
    shop: Any = __import__("shop_contracts")
    assert isinstance(shop.judge_names({"orders": 0, "payments.in": 0, "ephk-probe-x": 0}), Verified)
    assert shop.judge_names({"orders": 0, "stray": 0}).reason.startswith("topic stray names no team")


@pytest.mark.parametrize("value", ["absent_package:register", "json:absent", "json:loads"])
def test_contracts_that_cannot_be_loaded_are_an_error_and_never_missing(value: str) -> None:
    with pytest.raises(EphkError, match=r"the contracts 'shop' of an unknown package .* cannot be loaded"):
        add_installed(point(value), Registry())
