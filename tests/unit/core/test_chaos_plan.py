"""The chaos suite's plan: every victim comes in turn, and a seed means the same for ever."""

from __future__ import annotations

from orchestrator.embedded.scenario import ScenarioDocument
from tests.chaos.plan import plan


def test_every_victim_of_every_command_comes_within_the_twenty_runs_of_ci() -> None:
    pairs = {(run.command, run.victim) for run in (plan(1, number) for number in range(20))}
    assert len(pairs) == 10
    assert {victim for command, victim in pairs if command == "verify"} == {"cli", "reaper"}


def test_a_hundred_runs_meet_every_kind_of_fault() -> None:
    runs = [plan(1, number) for number in range(100)]
    rules = [rule for run in runs for rule in run.rules]
    codes = {rule["error"]["code"] for rule in rules if "error" in rule}
    assert {"Throttling", "InternalError", "ServiceUnavailable", "ExpiredToken", "ExpiredTokenException"} <= codes
    assert all(any(word in rule for rule in rules) for word in ("drop", "lose", "latency_s"))
    for run in runs:
        ScenarioDocument.model_validate(run.scenario())
        assert 0 <= run.moment < 1


def test_a_run_is_made_again_by_its_seed_and_number() -> None:
    assert plan(7, 12) == plan(7, 12)
    assert plan(7, 12) != plan(8, 12)
