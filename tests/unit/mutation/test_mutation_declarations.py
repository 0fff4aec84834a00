"""The declarations of tests/mutation are sound, and every contract is shown in both directions."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from typing import Any, cast

import pytest

from contracts.catalogue import contracts_for, load
from contracts.model import Result, Status
from tests import directions
from tests.mutation.__main__ import chosen
from tests.mutation.catalogue import MUTATIONS
from tests.mutation.declared import declared_environment
from tests.mutation.model import Mutation, judge
from tests.mutation.scene import literal, widened

IDS = [contract.id for contract in contracts_for(declared_environment())]


def test_there_are_enough_and_each_is_there_once() -> None:
    assert len(MUTATIONS) >= 40
    assert [name for name, count in Counter(m.id for m in MUTATIONS).items() if count > 1] == []
    assert all(mutation.what and mutation.caught for mutation in MUTATIONS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.id)
def test_a_mutation_names_contracts_that_exist_and_are_run(mutation: Mutation) -> None:
    for pattern in mutation.caught:
        meant = [name for name in IDS if fnmatchcase(name, pattern)]
        assert meant, f"no contract matches {pattern}"
        left_out = [name for name in meant if any(fnmatchcase(name, other) for other in mutation.leaves_out)]
        assert left_out == [], "what must find it is not run"
    for pattern in (*mutation.blocked, *mutation.leaves_out):
        known = [*IDS, *(entry.id for entry in load().entries())]
        assert any(fnmatchcase(name, pattern) for name in known), f"no contract matches {pattern}"


def test_every_contract_is_shown_in_both_directions() -> None:
    """If one is not: add a mutation, or a test that names its id and `failed`, or a marker (see tests.directions)."""
    assert directions.gaps() == {}


def test_what_is_judged_alone_is_in_the_catalogue_and_says_why() -> None:
    assert set(directions.JUDGED_ALONE) <= {entry.id for entry in load().entries()}
    assert all(directions.JUDGED_ALONE.values())


# -- the judge -----------------------------------------------------------------------------------


def result(identifier: str, status: Status, reason: str = "") -> Result:
    return Result(identifier, "t", "r", "local", status, "s", "this machine", reason=reason)


def mutation(*caught: str, blocked: tuple[str, ...] = ()) -> Mutation:
    return Mutation("m", "something is wrong", cast(Any, None), caught, blocked)


def test_the_right_contracts_alone_is_sound() -> None:
    verdict = judge(mutation("a.*"), [result("a.x", "failed"), result("a.y", "failed"), result("b", "verified")])
    assert verdict.sound
    assert verdict.caught == ("a.x", "a.y")


def test_one_that_says_nothing_is_missed() -> None:
    verdict = judge(mutation("a.*"), [result("a.x", "failed"), result("a.y", "verified"), result("b", "verified")])
    assert not verdict.sound
    assert verdict.missed == {"a.y": "verified"}
    error = judge(mutation("a.x"), [result("a.x", "error", "no answer")])
    assert error.missed == {"a.x": "error no answer"}


def test_one_that_was_not_even_run_is_missed() -> None:
    assert judge(mutation("a.x", "c.*"), [result("a.x", "failed")]).missed == {"c.*": "no such contract"}


def test_an_unrelated_failure_is_unexpected() -> None:
    verdict = judge(mutation("a"), [result("a", "failed"), result("b", "failed", "it is open")])
    assert not verdict.sound
    assert verdict.unexpected == {"b": "failed: it is open"}


def test_what_cannot_be_run_may_be_declared_and_must_not_fail() -> None:
    broken = mutation("a", blocked=("b.*",))
    fine = judge(broken, [result("a", "failed"), result("b.x", "error"), result("c", "not_covered")])
    assert (fine.sound, fine.blocked) == (True, 1)
    assert judge(broken, [result("a", "failed"), result("b.x", "failed", "?")]).unexpected == {"b.x": "failed: ?"}
    assert judge(broken, [result("a", "failed"), result("d", "error", "?")]).unexpected == {"d": "error: ?"}


def test_mutations_are_chosen_by_pattern() -> None:
    assert chosen([]) == list(MUTATIONS)
    assert [m.id for m in chosen(["igw", "bpa-*"])] == ["igw", "bpa-deleted", "bpa-one-off"]


def test_small_things() -> None:
    assert literal("acl.[a].*") == "acl.[[]a].[*]"
    assert widened({"Version": "x", "Statement": [{"Sid": "a"}]}, {"Sid": "b"}) == (
        '{"Version": "x", "Statement": [{"Sid": "a"}, {"Sid": "b"}]}'
    )
