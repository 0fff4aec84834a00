from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.model import Contract, Failed, NotCovered, ProbeError, Result, Verified, Watch
from contracts.pace import Pace
from contracts.registry import Registry
from contracts.runner import _overdue, run
from orchestrator.processes import wait_until
from tests.unit.contracts.builders import environment, fake_access

_CONTRACT = Contract(
    "slow", "t", "r", ("local",), "s", "m", "d", (), "this machine", lambda _a, _w: Verified()
)  # fmt: skip
WORDS: dict[str, Any] = {"title": "t", "risk": "r", "statement": "s", "remediation": "m", "documentation": "d"}


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """Something that does not happen while a test looks; released afterwards."""
    event = threading.Event()
    yield event
    event.set()


def results(registry: Registry, *, deadline_s: float = 5.0, **changes: Any) -> dict[str, Result]:
    env = environment(**changes)
    return {r.id: r for r in run(env, fake_access(env), deadline_s=deadline_s, registry=registry)}


def test_outcomes_become_results() -> None:
    registry = Registry()
    registry.contract("a", **WORDS)(lambda _a, _w: Verified({"seen": 1}))
    registry.contract("b", **WORDS)(lambda _a, _w: Failed("it is open", {"port": 9092}))
    registry.contract("c", **WORDS)(lambda _a, _w: NotCovered("nobody can look"))
    found = results(registry)
    assert (found["a"].status, found["a"].evidence, found["a"].reason) == ("verified", {"seen": 1}, "")
    assert (found["b"].status, found["b"].evidence, found["b"].reason) == ("failed", {"port": 9092}, "it is open")
    assert (found["c"].status, found["c"].reason) == ("not_covered", "nobody can look")


def test_an_exception_is_an_error_with_its_cause_and_without_secrets() -> None:
    registry = Registry()

    @registry.contract("a", **WORDS)
    def broken(_access: Any, _watch: Watch) -> Verified:
        raise RuntimeError("password hunter22 is odd")

    @registry.contract("b", **WORDS)
    def unsure(_access: Any, _watch: Watch) -> Verified:
        raise ProbeError("cannot tell", {"saw": "hunter22"})

    found = results(registry)
    assert (found["a"].status, found["a"].reason) == ("error", "RuntimeError: password *** is odd")
    assert (found["b"].status, found["b"].reason, found["b"].evidence) == ("error", "cannot tell", {"saw": "***"})


def test_an_exit_inside_a_probe_does_not_end_the_run() -> None:
    registry = Registry()

    @registry.contract("a", **WORDS)
    def leaves(_access: Any, _watch: Watch) -> Verified:
        raise SystemExit(3)

    assert results(registry)["a"].status == "error"


def test_a_probe_that_never_answers_is_an_error_that_says_what_it_waited_for(never: threading.Event) -> None:
    registry = Registry()

    @registry.contract("slow", **WORDS)
    def slow(_access: Any, watch: Watch) -> Verified:
        watch.waiting("broker 2 to answer")
        never.wait()
        return Verified()

    registry.contract("quick", **WORDS)(lambda _a, _w: Verified())
    found = results(registry, deadline_s=0.2)
    assert found["slow"].status == "error"
    assert found["slow"].reason == "no answer within 0.2 s; it was waiting for broker 2 to answer"
    assert found["quick"].status == "verified"


def test_time_that_a_busy_machine_takes_away_does_not_count(never: threading.Event) -> None:
    registry, pace, both = Registry(), Pace(), threading.Event()

    @registry.contract("late", **WORDS)
    def late(_access: Any, watch: Watch) -> Verified:
        assert both.wait(30)
        assert watch.remaining() <= 0.5
        pace.note(100.0, 16.0)  # this machine was busy: three times the deadline is added, and no more
        assert 1.0 < watch.remaining() <= 2.0
        assert wait_until(lambda: time.monotonic() - watch.started > 0.6, deadline_s=5)
        return Verified()

    @registry.contract("stuck", **WORDS)
    def stuck(_access: Any, watch: Watch) -> Verified:
        both.set()
        watch.waiting("broker 2 to answer")
        never.wait()
        return Verified()

    env = environment()
    found = {r.id: r for r in run(env, fake_access(env), deadline_s=0.5, registry=registry, pace=pace)}
    assert found["late"].status == "verified", found["late"].reason
    assert found["stuck"].status == "error"
    assert found["stuck"].duration_s >= 2.0


def test_an_overdue_probe_on_a_busy_machine_says_so() -> None:
    env, pace = environment(), Pace()
    watch = Watch(2.0, pace)
    watch.waiting("broker 2 to answer")
    idle = _overdue(env, _CONTRACT, watch, fake_access(env))
    assert idle.reason == "no answer within 2 s; it was waiting for broker 2 to answer"
    pace.note(8.0, 13.0)
    busy = _overdue(env, _CONTRACT, watch, fake_access(env))
    assert "It got 6 s more, since the machine was busy with something else" in busy.reason
    assert "--deadline" in busy.reason


def test_a_deadline_that_was_asked_for_lengthens_and_never_shortens_what_a_contract_declares() -> None:
    registry, seen = Registry(), {}
    for name, declared in (("short", None), ("long", 90.0)):

        @registry.contract(name, **WORDS, deadline_s=declared)
        def probe(_access: Any, watch: Watch, name: str = name) -> Verified:
            seen[name] = watch.deadline_s
            return Verified()

    results(registry, deadline_s=30.0)
    assert seen == {"short": 30.0, "long": 90.0}
    results(registry, deadline_s=120.0)
    assert seen == {"short": 120.0, "long": 120.0}


def test_more_stuck_probes_than_threads_do_not_stop_the_others(never: threading.Event) -> None:
    registry = Registry()

    def stuck(_access: Any, _watch: Watch) -> Verified:
        never.wait()
        return Verified()

    for number in range(9):
        registry.contract(f"stuck.{number}", **WORDS)(stuck)
    registry.contract("last", **WORDS)(lambda _a, _w: Verified())
    found = results(registry, deadline_s=0.2)
    assert found["last"].status == "verified"
    assert [found[f"stuck.{n}"].status for n in range(9)] == ["error"] * 9


def test_results_come_in_the_order_of_the_catalogue_and_arrive_as_they_are_ready() -> None:
    registry, first_may_end = Registry(), threading.Event()

    @registry.contract("first", **WORDS)
    def first(_access: Any, _watch: Watch) -> Verified:
        assert first_may_end.wait(30)
        return Verified()

    registry.contract("second", **WORDS)(lambda _a, _w: Verified())
    arrived: list[str] = []

    def on_result(result: Result) -> None:
        arrived.append(result.id)
        first_may_end.set()

    env = environment()
    found = run(env, fake_access(env), registry=registry, on_result=on_result)
    assert arrived == ["second", "first"]
    assert [result.id for result in found] == ["first", "second"]


def test_what_is_slow_begins_first_and_what_disturbs_comes_last() -> None:
    registry, begun = Registry(), []
    how: dict[str, dict[str, bool]] = {"disturbs": {"disruptive": True}, "slow": {"slow": True}}
    for name in ("disturbs", *(f"quick.{n}" for n in range(8)), "slow"):

        @registry.contract(name, **WORDS, **how.get(name, {}))
        def probe(_access: Any, _watch: Watch, name: str = name) -> Verified:
            begun.append(name)
            return Verified()

    env = environment()
    found = run(env, fake_access(env), registry=registry, select=["*"])
    assert (begun[0], begun[-1]) == ("slow", "disturbs")
    assert found[0].id == "disturbs"


def test_what_the_environment_lacks_is_not_covered() -> None:
    registry = Registry()
    registry.contract("a", **WORDS, needs=("bucket",))(lambda _a, _w: Verified())
    found = results(registry, bucket=None)
    assert (found["a"].status, found["a"].reason) == ("not_covered", "the environment has no bucket")


@pytest.mark.parametrize(
    ("target", "layers", "layer"),
    [
        ("embedded", ("local", "cloud"), "local"),
        ("embedded", ("cloud",), "local"),
        ("embedded", ("cloud", "production"), "local"),
        ("embedded", ("production",), "production"),  # a rehearsal, which the scorecard marks
        ("aws", ("local", "cloud"), "cloud"),
        ("aws", ("production",), "production"),
    ],
)
def test_an_embedded_result_never_counts_as_cloud(target: str, layers: tuple[Any, ...], layer: str) -> None:
    registry = Registry()
    registry.contract("a", **WORDS, layers=layers)(lambda _a, _w: Verified())
    assert results(registry, target=target)["a"].layer == layer


def test_a_result_has_the_shape_of_the_report() -> None:
    registry = Registry()
    registry.contract("a", **WORDS)(lambda _a, _w: Verified())
    assert list(results(registry)["a"].as_dict()) == [
        "id", "title", "risk", "layer", "status", "statement", "vantage", "evidence", "reason", "duration_s",
        "remediation", "documentation",
    ]  # fmt: skip
