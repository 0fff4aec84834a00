"""`ephk list`, `show`, `extend`, `keep`: what they show and what they refuse, on a ledger of files."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orchestrator import tags
from orchestrator.cli import main
from orchestrator.lease import HourlyCost, Keep, Lease, LeaseState, new_lease
from orchestrator.lease_view import cost_so_far, heartbeat_warning, money, warning_of
from orchestrator.ledger import FileLedger
from orchestrator.reports.console import span
from orchestrator.tags import rfc3339

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("EPHK_STATE_BUCKET", raising=False)
    # A real one would take the expired leases of these tests for its own.
    monkeypatch.setattr("orchestrator.teardown.reaper_process.ensure_reaper", lambda: None)
    monkeypatch.chdir(tmp_path)


def a_lease(state: LeaseState = LeaseState.READY, ttl: timedelta = timedelta(hours=4), **changes: Any) -> Lease:
    lease = new_lease(
        name="orders",
        target="aws",  # no cloud of this machine's is asked about it
        ttl=ttl,
        provenance=tags.Provenance(owner="team orders", pull_request="42", branch="topic", job="https://ci/1"),
        spec={"name": "orders", "region": "us-east-1"},
        max_lifetime=timedelta(days=1),
        hourly_cost=HourlyCost(low=1.0, high=1.5),
    )
    for step in (LeaseState.PROVISIONING, LeaseState.READY, LeaseState.RELEASING):
        if lease.state is state:
            break
        lease = lease.moved_to(step)
    return lease.model_copy(update=changes)


class Desk:
    """The ledger of files with one lease, and the command line."""

    def __init__(self) -> None:
        self.ledger = FileLedger()

    def put(self, lease: Lease) -> Lease:
        # Written as an embedded one, so that it is kept in files.
        stored = lease.model_copy(update={"target": "embedded"})
        self.ledger.create(stored)
        return stored

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, list(words))

    @property
    def lease(self) -> Lease:
        return self.ledger.find("orders")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_list_shows_owner_branch_time_left_and_cost(desk: Desk) -> None:
    desk.put(a_lease(LeaseState.PROVISIONING, created_at=datetime.now(UTC) - timedelta(hours=2)))
    shown = desk.run("list")
    assert shown.exit_code == 0
    for part in ("orders", "provisioning", "team orders", "topic", "2h", "$2.00-3.00"):
        assert part in shown.stdout
    document = json.loads(desk.run("list", "--json").stdout)["leases"][0]
    assert document["cost_so_far_usd"]["low"] == pytest.approx(2.0, abs=0.01)
    assert document["provenance"]["job"] == "https://ci/1"


def test_unknown_cost_is_a_dash_and_not_nothing() -> None:
    assert money(cost_so_far(a_lease(hourly_cost=None))) == "-"
    assert money(HourlyCost(low=0.5, high=0.5)) == "$0.50"


@pytest.mark.parametrize(
    ("lease", "says"),
    [
        (a_lease(), ""),
        (a_lease(ttl=timedelta(minutes=14)), "ends in 1"),
        (a_lease(ttl=timedelta(0)), "expired"),
        (a_lease(LeaseState.PROVISIONING, create_deadline=NOW - timedelta(seconds=1)), "was not created in time"),
        (a_lease(LeaseState.RELEASING), "teardown is not finished"),
        (
            a_lease(ttl=timedelta(0), keep=Keep(reason="heap dump", until=NOW + timedelta(days=9), by="zoe")),
            "kept by zoe until",
        ),
    ],
)
def test_warnings(lease: Lease, says: str) -> None:
    # The leases were made when this file was read, which may be long ago.
    warning = warning_of(lease, NOW + timedelta(seconds=1), span)
    assert warning.startswith(says)
    assert bool(warning) is bool(says)


def test_extend_moves_the_end_and_never_past_the_maximum(desk: Desk) -> None:
    lease = desk.put(a_lease())
    assert desk.run("extend", "orders", "--ttl", "2h").exit_code == 0
    left = desk.lease.expires_at - datetime.now(UTC)
    assert timedelta(hours=1, minutes=58) < left <= timedelta(hours=2)
    limited = desk.run("extend", "orders", "--ttl", "30d")
    assert "its maximum" in limited.stdout
    assert desk.lease.expires_at == lease.latest_end
    assert json.loads(desk.run("extend", "orders", "--ttl", "30d", "--json").stdout)["limited"] is True


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (LeaseState.PROVISIONING, "its ttl begins when it is ready"),
        (LeaseState.RELEASING, "its teardown has begun"),
    ],
)
def test_extend_refuses_what_has_no_end_to_move(desk: Desk, state: LeaseState, says: str) -> None:
    before = desk.put(a_lease(state))
    done = desk.run("extend", "orders", "--ttl", "2h")
    assert done.exit_code == 1
    assert says in done.output
    assert desk.lease == before


def test_keep_needs_a_reason_and_an_end_and_can_be_taken_away(desk: Desk) -> None:
    desk.put(a_lease(ttl=timedelta(0)))
    assert desk.lease.due() == "expired"
    done = desk.run("keep", "orders", "--reason", "a heap dump is read", "--until", "8h")
    assert done.exit_code == 0, done.output
    keep = desk.lease.keep
    assert keep is not None
    assert (keep.reason, desk.lease.due()) == ("a heap dump is read", "")
    assert rfc3339(keep.until) in done.stdout
    assert desk.run("keep", "orders", "--off").exit_code == 0
    assert (desk.lease.keep, desk.lease.due()) == (None, "expired")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give --reason and --until, or --off"),
        (["--reason", "x"], "give --reason and --until, or --off"),
        (["--until", "8h"], "give --reason and --until, or --off"),
        (["--reason", " ", "--until", "8h"], "give --reason and --until, or --off"),
        (["--off", "--reason", "x"], "give --reason and --until, or --off"),
        (["--reason", "x", "--until", "2020-01-01T00:00:00Z"], "is over"),
        (["--reason", "x", "--until", "for ever"], "neither a duration"),
    ],
)
def test_a_keep_mark_that_is_refused_changes_nothing(desk: Desk, words: list[str], says: str) -> None:
    before = desk.put(a_lease())
    done = desk.run("keep", "orders", *words)
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())
    assert desk.lease == before


def test_what_is_going_cannot_be_kept(desk: Desk) -> None:
    desk.put(a_lease(LeaseState.RELEASING))
    done = desk.run("keep", "orders", "--reason", "x", "--until", "8h")
    assert (done.exit_code, "cannot be taken back" in done.output) == (1, True)


def test_show_says_who_when_why_and_what_it_costs(desk: Desk) -> None:
    desk.put(a_lease(LeaseState.PROVISIONING))
    desk.run("keep", "orders", "--reason", "a heap dump is read", "--until", "8h")
    shown = desk.run("show", "orders").stdout
    for part in ("https://ci/1", "topic", "cost so far", "a heap dump is read", "at the latest"):
        assert part in shown


def test_a_reaper_that_stopped_is_a_warning(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert heartbeat_warning(NOW, NOW, span) == ""
    assert "5m" in heartbeat_warning(NOW - timedelta(minutes=5), NOW, span)
    assert heartbeat_warning(None, NOW, span) == ""
    desk.put(a_lease(LeaseState.PROVISIONING))
    beat = NOW - timedelta(hours=1)
    monkeypatch.setattr("orchestrator.cli.leases.reaper_heartbeat", lambda: beat)
    shown = desk.run("list", "--json")
    assert json.loads(shown.stdout)["reaper"]["heartbeat"] == rfc3339(beat)
    assert "the reaper last reported" in desk.run("list").output
