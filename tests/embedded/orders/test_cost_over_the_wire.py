"""Prices and bills through boto3, the gateway's permissions and the command, against the running cloud."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.aws import AwsSession
from orchestrator.cost.actual import Actual, NotBilled, billed_for
from orchestrator.cost.answers import RefusedError
from orchestrator.cost.prices import packaged, refreshed_directory, table_for
from orchestrator.cost.refresh import refresh
from orchestrator.progress import SilentProgress
from orchestrator.tags import LEASE
from tests.embedded.conftest import EPHK, Orders
from tests.embedded.orders.conftest import Limited


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetched table would be used by every other test of this machine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def ephk(orders: Orders, *arguments: str) -> Any:
    variables = {**orders.world.variables, "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"]}
    command = [str(EPHK), "cost", *arguments, "--json"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def fetch(session: AwsSession) -> Any:
    return refresh(session, "embedded", "us-east-1", SilentProgress())


def test_the_fetched_table_holds_what_the_packaged_one_does(orders: Orders) -> None:
    done = ephk(orders, "--refresh")
    assert done["skipped"] == []
    ours = {key: price.usd for key, price in packaged().prices.items() if key[0] == "us-east-1"}
    theirs = table_for("embedded", "us-east-1")
    assert theirs.version == done["version"]
    assert {key: price.usd for key, price in theirs.prices.items() if key[0] == "us-east-1"} == ours
    estimate = ephk(orders)
    assert estimate["price_table"] == done["version"]
    assert all("sample" in line["source"]["title"] for line in estimate["lines"])


def test_a_caller_without_the_permission_is_refused_and_with_it_is_not(limited: Limited) -> None:
    with pytest.raises(RefusedError, match="refuses pricing:GetProducts") as caught:
        fetch(limited("ephk-test-no-prices", "pricing:DescribeServices"))
    assert "Allow pricing:GetProducts" in caught.value.next_step
    assert not refreshed_directory("embedded").exists()
    assert fetch(limited("ephk-test-prices", "pricing:GetProducts")).priced > 20


def set_tag(administrator: AwsSession, status: str) -> None:
    administrator.client("ce").update_cost_allocation_tags_status(
        CostAllocationTagsStatus=[{"TagKey": LEASE, "Status": status}]
    )


@pytest.fixture
def inactive(administrator: AwsSession) -> None:
    """Setting an account up activates the tag, and another test may have done so."""
    set_tag(administrator, "Inactive")


@pytest.mark.usefixtures("inactive")
def test_the_bill_of_a_lease_needs_an_active_tag_and_is_zero(orders: Orders, administrator: AwsSession) -> None:
    before = ephk(orders, "--actual", "orders")
    assert before["billed"] is None
    assert "not an active cost-allocation tag" in before["reason"]
    set_tag(administrator, "Active")
    after = ephk(orders, "--actual", "orders")
    assert after["lease"] == orders.lease["id"]
    assert (after["billed"]["usd"], after["billed"]["final"]) == (0, False)


@pytest.mark.usefixtures("inactive")
def test_a_caller_who_may_see_no_costs_is_refused(limited: Limited) -> None:
    now = datetime.now(UTC)
    begin = now - timedelta(hours=1)
    with pytest.raises(RefusedError, match="refuses ce:GetCostAndUsage"):
        billed_for(limited("ephk-test-no-costs", "ce:GetTags"), "bcdfghjk", begin, now)
    answer = billed_for(limited("ephk-test-costs", "ce:GetCostAndUsage"), "bcdfghjk", begin, now)
    assert isinstance(answer, Actual)
    assert "could not be read" in answer.notes[0]
    allowed = limited("ephk-test-tags", "ce:GetCostAndUsage", "ce:ListCostAllocationTags")
    assert isinstance(billed_for(allowed, "bcdfghjk", begin, now), NotBilled)
