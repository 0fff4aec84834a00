from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.embedded.daemon import IdleWatch
from orchestrator.embedded.scenario import NOTHING, Scenario, parse_scenario
from orchestrator.errors import UsageError


def scenario(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    return Scenario(path)


def test_no_file_does_nothing(tmp_path: Path) -> None:
    assert Scenario(tmp_path / "none.yaml").outcome("s3", "PutObject") is NOTHING
    assert Scenario().msk.create_s == 0


def test_after_and_times(tmp_path: Path) -> None:
    it = scenario(
        tmp_path, "rules: [{service: s3, operation: Put*, error: {code: SlowDown, status: 503}, after: 1, times: 2}]"
    )
    seen = [it.outcome("s3", "PutObject").error for _ in range(5)]
    assert [fault.code if fault else None for fault in seen] == [None, "SlowDown", "SlowDown", None, None]
    assert it.outcome("s3", "GetObject") == NOTHING
    assert it.outcome("kafka", "PutClusterPolicy") == NOTHING


def test_latencies_add_up_and_the_first_fault_wins(tmp_path: Path) -> None:
    it = scenario(
        tmp_path,
        "rules: [{latency_s: 0.5}, {latency_s: 0.25, drop: true}, {error: {code: X}}]",
    )
    outcome = it.outcome("ec2", "DescribeVpcs")
    assert (outcome.latency_s, outcome.drop, outcome.error) == (0.75, True, None)


def test_probability_is_repeatable(tmp_path: Path) -> None:
    text = "{seed: 5, rules: [{probability: 0.5, latency_s: 1}]}"
    first = [scenario(tmp_path, text).outcome("a", "b").latency_s for _ in range(1)]
    one, two = scenario(tmp_path, text), scenario(tmp_path, text)
    answers = [one.outcome("a", "b").latency_s for _ in range(50)]
    assert answers == [two.outcome("a", "b").latency_s for _ in range(50)]
    assert answers[:1] == first
    assert 0 < sum(answers) < 50


def test_read_again_when_it_changes_and_kept_when_it_breaks(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    it = Scenario(path)
    path.write_text("msk: {create_s: 3}")
    assert it.msk.create_s == 3
    path.write_text("msk: {create_s: minus}")
    os.utime(path, ns=(1, 1))
    assert it.msk.create_s == 3
    path.unlink()
    assert it.msk.create_s == 0


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("rules: [{service: s3}]", "rules.0"),
        ("rules: [{latency_s: -1}]", "rules.0.latency_s"),
        ("rules: [{error: {code: X, status: 200}}]", "rules.0.error.status"),
        ("rules: [{error: {code: X}, drop: true}]", "rules.0"),
        ("rules: [{drop: true, lose: true}]", "rules.0"),
        ("rules: [{operation: CreateVpc, pretend: true}]", "rules.0"),
        ("rulez: []", "rulez"),
        ("msk: {create: 1}", "msk.create"),
        ("[1, 2]", "(file)"),
        ("a: [", "not YAML"),
    ],
)
def test_invalid_ones_name_the_place(text: str, where: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_scenario(text)
    assert where in caught.value.message


def test_the_cloud_waits_for_its_first_lease() -> None:
    watch = IdleWatch(0)
    assert not watch.unneeded(59, leases=0, busy=False, keep=False)
    assert watch.unneeded(60, leases=0, busy=False, keep=False)


def test_the_cloud_ends_soon_after_its_last_lease() -> None:
    watch = IdleWatch(0)
    assert not watch.unneeded(100, leases=1, busy=False, keep=False)
    assert not watch.unneeded(101, leases=0, busy=False, keep=False)
    assert not watch.unneeded(101.5, leases=0, busy=True, keep=False)
    assert watch.unneeded(103.5, leases=0, busy=False, keep=False)


def test_a_cloud_that_is_to_stay_stays() -> None:
    watch = IdleWatch(0)
    assert not watch.unneeded(1e6, leases=0, busy=False, keep=True)


def test_enforcement_is_on_unless_a_scenario_says_otherwise(tmp_path: Path) -> None:
    assert Scenario().enforces_iam()
    it = scenario(tmp_path, "iam: {enforced: false}")
    assert not it.enforces_iam()
    (tmp_path / "scenario.yaml").unlink()
    assert it.enforces_iam()
    with pytest.raises(UsageError):
        parse_scenario("iam: {enforce: false}")
