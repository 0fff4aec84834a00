"""Judgements about a mirror: each way in which it can be wrong, and none that lag could hide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.mirror.cutover import judge_rehearsal
from contracts.mirror.offsets import judge_move, judge_records
from contracts.mirror.rehearsal import Crossing, _matches, _Movement, exact_offsets
from contracts.mirror.sides import Record, linked_environment
from contracts.model import Failed, Verified
from contracts.needs import MIRROR_CLASSES, unmet
from orchestrator.environment import Connector, KafkaConnect, Link
from tests.unit.contracts.builders import environment


def record(number: int, *, shift: int = 0) -> Record:
    return Record(f"r-{number:02d}", (b"v", b"h", 1000 + number), number % 2, number // 2 + shift)


SENT = [record(number) for number in range(8)]
ARRIVED = [record(number, shift=100) for number in range(8)]
READ = SENT[:4]
EXACT = {0: 102, 1: 102}
CROSSING = Crossing(SENT, READ, ARRIVED, EXACT, EXACT)


def test_what_is_kept_and_read_is_verified_and_the_reread_is_counted() -> None:
    outcome = judge_move(CROSSING, ARRIVED[4:], {})
    assert isinstance(outcome, Verified)
    assert (outcome.evidence["read_after"], outcome.evidence["read_again"]) == (4, 0)
    behind = replace(CROSSING, translated={0: 100, 1: 102})
    outcome = judge_move(behind, [ARRIVED[0], ARRIVED[2], *ARRIVED[4:]], {})
    assert isinstance(outcome, Verified)
    assert outcome.evidence["read_again"] == 2


def test_the_exact_offset_is_behind_the_last_record_that_was_read() -> None:
    assert exact_offsets(READ, ARRIVED) == EXACT


@pytest.mark.parametrize(
    ("arrived", "words"),
    [
        (ARRIVED[:-1], "record r-07 did not arrive"),
        ([], "record r-00 did not arrive"),  # an idle mirror, whose lag is 0
        ([replace(ARRIVED[0], content=(b"v", b"aGg=", 1000)), *ARRIVED[1:]], "another value, header, timestamp"),
        ([replace(ARRIVED[0], partition=1), *ARRIVED[1:]], "another value, header, timestamp or partition"),
        ([replace(ARRIVED[0], offset=150), *ARRIVED[1:]], "the records of partition 0 arrived in another order"),
    ],
)
def test_records_that_are_not_as_they_were_fail(arrived: list[Record], words: str) -> None:
    wrong = judge_records(replace(CROSSING, arrived=arrived))
    assert wrong is not None
    assert words in wrong.reason


def test_a_record_that_arrives_twice_is_at_least_once() -> None:
    assert judge_records(replace(CROSSING, arrived=[*ARRIVED, replace(ARRIVED[0], offset=150)])) is None


def test_an_offset_that_is_ahead_fails_even_before_anything_is_lost() -> None:
    outcome = judge_move(replace(CROSSING, translated={0: 103, 1: 102}), ARRIVED[4:], {})
    assert outcome == Failed("the translated offset of partition 0 is 1 records ahead: they are lost", outcome.evidence)


def test_a_record_that_nobody_read_fails() -> None:
    outcome = judge_move(CROSSING, ARRIVED[5:], {})
    assert isinstance(outcome, Failed)
    assert outcome.reason == "1 of 8 records were read on neither side"


def test_a_rehearsal_loses_nothing_in_any_phase() -> None:
    over, back = [record(number) for number in (20, 21)], [record(number) for number in (30, 31)]
    sent = {"before": SENT, "over": over, "back": back}
    read = {"before": READ, "over": [*ARRIVED[3:], *over], "back": [*SENT[4:], *back]}
    outcome = judge_rehearsal(sent, read, {})
    assert isinstance(outcome, Verified)
    assert outcome.evidence["over"] == {"sent": 2, "read": 7, "read_again": 1}
    assert outcome.evidence["back"]["read_again"] == 4
    outcome = judge_rehearsal(sent, {**read, "back": back[:1]}, {})
    assert isinstance(outcome, Failed)
    assert outcome.reason == "1 of 2 records sent back were never read"


def test_patterns_are_mirrormaker_s() -> None:
    assert _matches("orders, ephk.*", "ephk-mirror")
    assert not _matches("orders,ephk", "ephk-mirror")


def test_a_number_that_stands_still_has_ended() -> None:
    now = [0.0]
    moved = _Movement(lambda: now[0])
    assert not moved.ended(1, 5)
    now[0] = 4.0
    assert not moved.ended(2, 5)
    now[0] = 8.0
    assert not moved.ended(2, 5)
    now[0] = 9.5
    assert moved.ended(2, 5)


def test_a_mirror_takes_both_connectors_and_the_canary() -> None:
    own = environment()
    link = Link(environment="primary", lease_id="cd34", alias="p", cluster=own.cluster, operator_arn="arn:o")
    with_canary = link.model_copy(update={"topics": ("ephk-mirror",)})
    base = Connector(
        name="m", arn="a", full_name="f", connector_class=MIRROR_CLASSES[0], plugin="p", role_arn="r", config={},
        tasks=1, workers=1, link=with_canary,
    )  # fmt: skip
    other = base.model_copy(update={"connector_class": MIRROR_CLASSES[1]})

    def reason(*connectors: Connector) -> str | None:
        return unmet(own.model_copy(update={"connect": KafkaConnect(connectors=connectors)}), ("connect.mirror",))

    assert reason(base, other) is None
    assert "no pair of MirrorMaker connectors" in (reason(base) or "")
    assert reason(base, other.model_copy(update={"link": link})) is not None
    there = linked_environment(own, with_canary)
    assert (there.name, there.lease_id, there.roles) == ("primary", "cd34", {"operator": "arn:o"})
    assert there.bucket is None
