"""The budget guard, in both directions, and what a lease carries of its cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cost.estimate import estimate
from orchestrator.cost.guard import (
    Budget,
    OverBudgetError,
    budget_warning,
    budgets_of,
    check_budget,
    check_extension,
    cost_document,
    guard,
    lease_cost,
)
from orchestrator.cost.prices import UnknownPriceError, packaged
from orchestrator.errors import EphkError, ExitCode
from orchestrator.lease import HourlyCost, Lease, new_lease
from orchestrator.policy_file import ProjectPolicy
from orchestrator.spec import EnvironmentSpec
from orchestrator.tags import Provenance

NO_POLICY = ProjectPolicy()


@pytest.fixture(autouse=True)
def _only_packaged_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def spec(**fields: Any) -> EnvironmentSpec:
    return EnvironmentSpec.model_validate({"name": "orders", "auth": ["scram", "iam"], "ttl": "4h", **fields})


def lease(**options: Any) -> Lease:
    return new_lease(
        name="orders", target="aws", ttl=timedelta(hours=4), provenance=Provenance("ci"), spec={}, **options
    )


def test_the_tightest_budget_comes_first() -> None:
    found = budgets_of(spec(budget_usd=9), ProjectPolicy(budget_usd=5))
    assert found == (Budget(5, "ephk-policy.yaml"), Budget(9, "the spec"))
    assert budgets_of(spec(), NO_POLICY) == ()


def test_an_environment_within_its_budget_passes() -> None:
    reckoned = estimate(spec(), packaged())
    check_budget(reckoned, (Budget(reckoned.total.high, "the spec"),))
    check_budget(reckoned, ())


def test_the_high_end_has_to_fit() -> None:
    reckoned = estimate(spec(), packaged())
    between = (reckoned.total.low + reckoned.total.high) / 2
    with pytest.raises(OverBudgetError) as caught:
        check_budget(reckoned, (Budget(between, "the spec"),))
    error = caught.value
    assert error.exit_code == ExitCode.FAILED
    assert f"{reckoned.total.high:.2f} USD in 4h" in error.message
    assert f"{between:.2f} USD" in error.message
    assert any("brokers: 3 x kafka.m7g.large" in detail for detail in error.details)
    assert "last for" in error.next_step


def test_a_budget_below_what_is_charged_once_promises_no_hours() -> None:
    reckoned = estimate(spec(auth=["iam", "mtls"]), packaged())
    with pytest.raises(OverBudgetError) as caught:
        check_budget(reckoned, (Budget(0.5, "the spec"),))
    assert "last for" not in caught.value.next_step


def test_the_guard_hands_the_lease_its_cost() -> None:
    costing = guard(spec(budget_usd=100), "aws", ProjectPolicy(budget_usd=20))
    assert costing.budget_usd == 20
    assert costing.note == ""
    assert costing.hourly_cost is not None
    assert 0.6 < costing.hourly_cost.low < costing.hourly_cost.high


@pytest.mark.parametrize("target", ["aws", "embedded"])
def test_the_guard_refuses_on_both_targets(target: str) -> None:
    with pytest.raises(OverBudgetError, match=r"more than its budget of 1\.00 USD"):
        guard(spec(), target, ProjectPolicy(budget_usd=1))


def test_what_has_no_price_is_within_no_budget() -> None:
    unpriced = {"instance_type": "kafka.m5.12xlarge"}
    with pytest.raises(UnknownPriceError):
        guard(spec(brokers=unpriced, budget_usd=1000), "aws", NO_POLICY)
    without = guard(spec(brokers=unpriced), "aws", NO_POLICY)
    assert without.hourly_cost is None
    assert "no price in us-east-1 for brokers" in without.note


def test_a_damaged_table_stops_an_environment_without_a_budget_too(tmp_path: Path) -> None:
    directory = tmp_path / "ephk" / "prices" / "aws"
    directory.mkdir(parents=True)
    (directory / "us-east-1_20260101T000000Z.json").write_text("{")
    with pytest.raises(EphkError, match="damaged"):
        guard(spec(), "aws", NO_POLICY)


def test_the_cost_so_far() -> None:
    it = lease(hourly_cost=HourlyCost(low=1, high=2, once_low=0.5, once_high=1), budget_usd=10)
    after = it.created_at + timedelta(hours=2)
    span = lease_cost(it, after)
    assert span is not None
    assert (span.low, span.high) == (2.5, 5)
    document = cost_document(it, after)
    assert document is not None
    assert document["estimate"] == {"low": 2.5, "high": 5}
    assert (document["budget"], document["billed"]) == (10, True)


def test_without_an_estimate_there_is_no_cost() -> None:
    it = lease(budget_usd=1)
    assert lease_cost(it) is None
    assert cost_document(it) is None
    assert budget_warning(it, datetime.now(UTC) + timedelta(days=9)) == ""


@pytest.mark.parametrize(("hours", "says"), [(3, ""), (4, "near its budget"), (5, "near its budget"), (6, "over its")])
def test_a_lease_near_its_budget_is_reported(hours: int, says: str) -> None:
    it = lease(hourly_cost=HourlyCost(low=1, high=2), budget_usd=10)
    warning = budget_warning(it, it.created_at + timedelta(hours=hours))
    assert warning.startswith(says)
    assert bool(warning) is bool(says)


def test_an_extension_has_to_stay_within_the_budget() -> None:
    it = lease(hourly_cost=HourlyCost(low=1, high=2), budget_usd=10)
    check_extension(it, it.created_at + timedelta(hours=5))
    with pytest.raises(OverBudgetError, match=r"up to 12\.00 USD by .*more than its budget of 10\.00 USD"):
        check_extension(it, it.created_at + timedelta(hours=6))
    check_extension(lease(budget_usd=1), it.created_at + timedelta(days=6))
    check_extension(lease(hourly_cost=HourlyCost(low=1, high=2)), it.created_at + timedelta(days=6))
