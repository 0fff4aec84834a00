"""What a ride under load shows, and how the runner keeps disruptive probes apart."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from contracts.model import Contract, Failed, Outcome, ProbeError, Verified
from contracts.registry import Registry
from contracts.resilience import brokers, configuration, load, moves, offsets, scaling
from contracts.resilience.load import Ride, judge_ride, longest_gap
from contracts.runner import run
from contracts.selection import Selection
from contracts.wire import reassign
from contracts.wire.codec import Reader
from tests.unit.contracts.builders import environment


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Failed), outcome
    return outcome.reason


def ride(**changes: Any) -> Ride:
    fields: dict[str, Any] = {
        "acknowledged": {0: (b"a", b"b"), 1: (b"c",)},
        "refused": {},
        "stored": {0: (b"a", b"b"), 1: (b"c",)},
        "stall_s": 1.5,
        "latencies_s": (0.01, 0.02),
    }
    return Ride(**(fields | changes))


def test_a_ride_names_what_was_lost_doubled_refused_or_too_slow() -> None:
    assert isinstance(judge_ride(ride(), 1, "done"), Verified)
    assert "1 acknowledged records were lost" in reason(judge_ride(ride(stored={0: (b"a",), 1: (b"c",)}), 1, "done"))
    twice = {0: (b"a", b"b", b"b"), 1: (b"c",)}
    assert "are there twice" in reason(judge_ride(ride(stored=twice), 1, "done"))
    assert "2 records were refused with _MSG_TIMED_OUT" in reason(
        judge_ride(ride(refused={"_MSG_TIMED_OUT": 2}), 1, "done")
    )
    slow = reason(judge_ride(ride(stall_s=load.STALL_LIMIT_S + 1), 1, "done"))
    assert slow == "producers stood still for 21.0 s, the limit is 20 s"


@pytest.mark.parametrize("before", [0, 3])
def test_a_load_that_did_not_run_before_and_after_shows_nothing(before: int) -> None:
    with pytest.raises(ProbeError, match="did not run before and after"):
        judge_ride(ride(), before, "done")


def test_the_longest_gap() -> None:
    assert longest_gap([]) == longest_gap([1.0]) == 0.0
    assert longest_gap([1.0, 1.5, 4.0, 4.1]) == 2.5


def test_offsets_that_did_not_survive_a_restart_fail_besides_the_ride() -> None:
    rode = judge_ride(ride(), 1, "done")
    assert isinstance(brokers.judge_offsets(rode, {0: 1}, {0: 1}), Verified)
    assert "did not survive the restart" in reason(brokers.judge_offsets(rode, {0: 1, 1: 2}, {0: 1, 1: -1001}))
    lost = judge_ride(ride(stored={0: (b"a",), 1: (b"c",)}), 1, "done")
    assert brokers.judge_offsets(lost, {0: 1}, {}) is lost


def test_a_change_that_was_not_taken_up_or_not_taken_back_fails() -> None:
    rode = judge_ride(ride(), 1, "done")
    old, new = {1: "3000", 2: "3000"}, {1: "2999", 2: "2999"}
    sound = configuration.judge_rollback(rode, old, new, old, "c revision 1")
    assert isinstance(sound, Verified)
    assert (sound.evidence["checkpoint"], sound.evidence["lost"]) == ("c revision 1", 0)
    half = configuration.judge_rollback(rode, old, {1: "2999", 2: "3000"}, old, "c revision 1")
    assert "broker 2 did not take the change up" in reason(half)
    stuck = configuration.judge_rollback(rode, old, new, new, "c revision 1")
    assert reason(stuck) == "the brokers did not return to the checkpoint c revision 1"
    lost = judge_ride(ride(stored={0: (b"a",), 1: (b"c",)}), 1, "done")
    assert "were lost" in reason(configuration.judge_rollback(lost, old, new, old, "c revision 1"))


def test_a_partition_that_stayed_or_did_not_return_fails() -> None:
    rode = judge_ride(ride(), 1, "done")
    assert isinstance(moves.judge_move(rode, 1, 2, [1, 3], [3, 1]), Verified)
    assert "broker 1 still leads" in reason(moves.judge_move(rode, 1, 1, [1, 3], [1, 3]))
    assert "did not return to brokers 1, 3" in reason(moves.judge_move(rode, 1, 2, [1, 3], [2, 3]))


def test_brokers_that_were_not_added_not_used_or_not_left_again_fail() -> None:
    rode = judge_ride(ride(), 1, "done")
    home, grown = [1, 2, 3], [1, 2, 3, 4]
    assert isinstance(scaling.judge_growth(rode, home, grown, 4, [3, 2, 1], home), Verified)
    assert "no more brokers" in reason(scaling.judge_growth(rode, home, home, 1, home, home))
    assert "broker 2 leads" in reason(scaling.judge_growth(rode, home, grown, 2, home, home))
    assert "did not return" in reason(scaling.judge_growth(rode, home, grown, 4, [4, 2, 3], home))
    slow = judge_ride(ride(stall_s=load.STALL_LIMIT_S + 1), 1, "done")
    assert "stood still" in reason(scaling.judge_growth(slow, home, grown, 4, home, home))


def test_recovered_offsets() -> None:
    good = {0: 4, 1: 4}
    assert isinstance(offsets.judge_recovery(good, good, {0: "0-4", 1: "1-4"}), Verified)
    assert "are not those of the backup" in reason(offsets.judge_recovery(good, {0: 4}, {0: "0-4", 1: "1-4"}))
    assert reason(offsets.judge_recovery(good, good, {0: "0-0", 1: "1-4"})) == (
        "partition 0 goes on with record 0-0, not 4"
    )
    with pytest.raises(ProbeError, match="nothing to back up"):
        offsets.judge_recovery({}, {}, {})


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**31 - 1])
def test_unsigned_varints(value: int) -> None:
    assert reassign.read_unsigned(Reader(reassign.unsigned(value))) == value


def test_an_unsigned_varint_is_as_short_as_protocol_buffers_make_it() -> None:
    assert [reassign.unsigned(value).hex() for value in (0, 127, 128, 300)] == ["00", "7f", "8001", "ac02"]


# -- the runner -------------------------------------------------------------------------------------

WORDS: dict[str, Any] = {
    "title": "t", "risk": "r", "statement": "s", "remediation": "m", "documentation": "d",
}  # fmt: skip


class Seen:
    """Which probes ran beside which."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.running: set[str] = set()
        self.beside: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def declare(self, name: str, *, disruptive: bool = False) -> None:
        def probe(_access: object, _watch: object) -> Outcome:
            with self._lock:
                self.running.add(name)
                self.beside[name] = set(self.running)
            time.sleep(0.02)  # long enough for a neighbour to begin, if there were one
            with self._lock:
                self.running.discard(name)
            return Verified()

        self.registry.contract(name, **WORDS, disruptive=disruptive, layers=("production",))(probe)

    def run(self, select: Any = ()) -> dict[str, str]:
        access: Any = type("Nothing", (), {"environment": environment(), "redact": staticmethod(lambda value: value)})()
        results = run(environment(), access, select=select, registry=self.registry)
        return {result.id: f"{result.status} {result.reason}".strip() for result in results}


@pytest.fixture
def seen() -> Seen:
    found = Seen()
    found.declare("x.first", disruptive=True)
    found.declare("x.second")
    found.declare("x.third", disruptive=True)
    found.declare("x.fourth")
    return found


def test_what_disturbs_runs_only_when_it_is_asked_for(seen: Seen) -> None:
    results = seen.run()
    assert list(results) == ["x.first", "x.second", "x.third", "x.fourth"]
    assert results["x.second"] == results["x.fourth"] == "verified"
    assert results["x.first"].startswith("not_covered it disturbs the cluster, so it has to be asked for: ephk verify")
    assert seen.beside.keys() == {"x.second", "x.fourth"}


@pytest.mark.parametrize("select", [("x.*",), Selection(layers=("production",))])
def test_what_disturbs_runs_alone_and_last(seen: Seen, select: Any) -> None:
    assert set(seen.run(select).values()) == {"verified"}
    assert seen.beside["x.first"] == {"x.first"}
    assert seen.beside["x.third"] == {"x.third"}
    assert list(seen.beside)[2:] == ["x.first", "x.third"]


def test_a_contract_carries_whether_it_disturbs(seen: Seen) -> None:
    (member,) = [entry for entry in seen.registry.entries() if entry.id == "x.first"]
    (contract,) = member.expand(environment())
    assert isinstance(contract, Contract)
    assert contract.disruptive
    assert member.as_dict()["disruptive"]
