"""The chaos suite's plan: the seed decides everything, and what it injects is a scenario that the cloud accepts."""

from __future__ import annotations

from collections import Counter

import pytest
import yaml

from orchestrator.embedded.scenario import Scenario, parse_scenario
from tests.chaos.plan import plan


def test_a_seed_and_a_number_make_the_same_run_again() -> None:
    assert [plan(7, number) for number in range(50)] == [plan(7, number) for number in range(50)]
    assert plan(7, 3) != plan(8, 3)


def test_every_command_is_interrupted_by_the_death_of_every_victim_that_it_has() -> None:
    seen = Counter((run.command, run.victim) for run in (plan(1, number) for number in range(100)))
    assert {command for command, _ in seen} == {"up", "verify", "down"}
    assert {victim for command, victim in seen if command == "up"} == {"cli", "pulumi", "plugin", "reaper"}
    assert {victim for command, victim in seen if command == "down"} == {"cli", "pulumi", "plugin", "reaper"}


def test_every_victim_of_every_command_comes_within_the_twenty_runs_of_ci() -> None:
    pairs = {(run.command, run.victim) for run in (plan(1, number) for number in range(20))}
    assert len(pairs) == 10
    # `verify` starts neither an engine nor a plugin.
    assert {victim for command, victim in pairs if command == "verify"} == {"cli", "reaper"}


def test_moments_are_spread_over_the_whole_command() -> None:
    moments = [run.moment for run in (plan(1, number) for number in range(100))]
    assert min(moments) < 0.15
    assert max(moments) > 0.85


@pytest.mark.parametrize("seed", [1, 2])
def test_every_kind_of_fault_comes_and_is_one_that_the_cloud_accepts(seed: int) -> None:
    kinds: set[str] = set()
    for number in range(100):
        document = parse_scenario(yaml.safe_dump(plan(seed, number).scenario()))
        for rule in document.rules:
            kinds.add(rule.error.code if rule.error else "drop" if rule.drop else "lose" if rule.lose else "slow")
    assert {"drop", "lose", "slow", "ExpiredToken", "ExpiredTokenException"} <= kinds
    assert {"SlowDown", "RequestLimitExceeded", "InternalError", "ServiceUnavailable"} <= kinds


def test_the_cloud_counts_what_it_injects(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "scenario.yaml"
    file.write_text("rules: [{service: ec2, error: {code: X}, times: 2}, {service: s3, drop: true}]")
    scenario = Scenario(file)
    for service in ("ec2", "ec2", "ec2", "s3", "iam"):
        scenario.outcome(service, "Anything")
    assert scenario.injected == 3
