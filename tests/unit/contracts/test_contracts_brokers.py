from __future__ import annotations

import pytest

from contracts.brokers import Trip, judge_trips, percentile
from contracts.model import Failed, Verified
from contracts.probe_topic import assignment

THREE = ["a", "b", "c"]


def trip(stored: list[str] | None = None, read: list[str] | None = None, *refused: str) -> Trip:
    kept = THREE if stored is None else stored
    return Trip(
        stored=kept, refused=list(refused), read=kept if read is None else read, latencies_s=[0.001] * len(kept)
    )


def test_every_broker_is_told_with_its_numbers() -> None:
    outcome = judge_trips({"broker 1": trip(), "broker 2": trip()}, 3)
    assert isinstance(outcome, Verified)
    assert outcome.evidence["broker 2"] == {
        "acknowledged": 3, "lost": 0, "duplicates": 0, "p50 ms": 1.0, "p95 ms": 1.0, "p99 ms": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (trip(["a"], None, "not enough replicas"), "broker 2 acknowledged 1 of 3 records: not enough replicas"),
        (trip(["a", "b"]), "broker 2 acknowledged 2 of 3 records: no acknowledgement came in time"),
        (trip(THREE, ["a", "c"]), "broker 2 lost 1 of 3 acknowledged records"),
        (trip(THREE, ["a", "a", "b", "c"]), "broker 2 gave 1 records back twice"),
        (trip(THREE, ["a", "c", "b"]), "broker 2 gave records back in another order"),
    ],
)
def test_one_bad_broker_is_named(bad: Trip, reason: str) -> None:
    outcome = judge_trips({"broker 1": trip(), "broker 2": bad, "broker 3": trip()}, 3)
    assert isinstance(outcome, Failed)
    assert outcome.reason == reason
    assert outcome.evidence.keys() == {"broker 1", "broker 2", "broker 3"}


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.5) == 7.0


@pytest.mark.parametrize(
    ("brokers", "expected"),
    [
        ([1, 2, 3], [[1, 2, 3], [2, 3, 1], [3, 1, 2]]),
        ([4], [[4]]),
        ([1, 2, 3, 4], [[1, 2, 3], [2, 3, 4], [3, 4, 1], [4, 1, 2]]),
    ],
)
def test_each_broker_leads_one_partition(brokers: list[int], expected: list[list[int]]) -> None:
    assert assignment(brokers) == expected
