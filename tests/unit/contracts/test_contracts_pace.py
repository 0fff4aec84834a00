from __future__ import annotations

import threading

import pytest

from contracts.memo import Memo
from contracts.model import ProbeError, Watch
from contracts.pace import MOST, Pace
from orchestrator.processes import wait_until


def test_an_idle_machine_loses_nothing() -> None:
    pace = Pace()
    for _ in range(40):
        pace.note(0.25, 1.2)  # a thread wakes a moment late
    assert (pace.lost_s, pace.slowdown) == (0.0, pytest.approx(1.2, abs=0.01))


def test_one_late_sample_is_no_busy_machine_and_several_are() -> None:
    pace = Pace()
    pace.note(0.25, 2.0)
    assert pace.lost_s == 0.0
    for _ in range(20):
        pace.note(0.25, 3.0)
    # Everything takes three times as long: two thirds of these five seconds were somebody else's, once it is known.
    assert 2.5 < pace.lost_s < 5 * 2 / 3


def test_a_machine_that_is_free_again_is_soon_taken_for_idle() -> None:
    pace = Pace()
    for _ in range(20):
        pace.note(0.25, 10.0)
    assert pace.slowdown == MOST
    lost = pace.lost_s
    for _ in range(12):
        pace.note(0.25, 1.0)
    assert pace.slowdown < 1.5
    assert pace.lost_s - lost < 2


def test_the_machine_is_really_measured() -> None:
    with Pace() as pace:
        noted = threading.Event()
        note = pace.note

        def listen(passed_s: float, slowdown: float) -> None:
            note(passed_s, slowdown)
            if passed_s > 0 and slowdown > 0:
                noted.set()

        pace.note = listen  # type: ignore[method-assign]
        assert noted.wait(30)
    assert pace.slowdown >= 1


def test_short_limits_grow_with_a_slow_machine_and_a_deadline_stays_one() -> None:
    pace = Pace()
    watch = Watch(30, pace)
    assert watch.remaining(8) == 8
    for _ in range(40):
        pace.note(0.0, 3.0)
    assert watch.remaining(8) == pytest.approx(24, abs=0.1)
    assert watch.remaining(100) <= 30


def test_a_failure_of_a_probe_whose_time_is_over_is_not_everybodys() -> None:
    memo, late = Memo(), Watch(0.0)
    assert wait_until(lambda: late.over, deadline_s=30)

    def times_out() -> str:
        raise TimeoutError("no answer")

    with pytest.raises((TimeoutError, ProbeError)):
        memo.get("address", times_out, late)
    assert memo.get("address", lambda: "found", Watch(5)) == "found"


def test_a_refusal_is_kept_for_everybody() -> None:
    memo = Memo()

    def refuses() -> str:
        raise ProbeError("refused")

    for find in (refuses, lambda: "found"):
        with pytest.raises(ProbeError, match="refused"):
            memo.get("address", find, Watch(5))
