"""Writing down that an environment is to go, whoever else writes to its lease."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator import signals, tags
from orchestrator.errors import EphkError
from orchestrator.handover import ask_for_release, handed_over_on_interrupt
from orchestrator.lease import Lease, LeaseState, new_lease
from orchestrator.ledger import FileLedger
from orchestrator.progress import SilentProgress


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileLedger:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return FileLedger(tmp_path / "leases")


@pytest.fixture
def lease(ledger: FileLedger) -> Lease:
    made = new_lease(
        name="orders", target="embedded", ttl=timedelta(hours=1), provenance=tags.Provenance(owner="us"), spec={}
    )
    ledger.create(made)
    return made


def test_the_lease_is_releasing_with_the_reason(ledger: FileLedger, lease: Lease) -> None:
    assert ask_for_release(ledger, lease.id, "interrupted")
    found = ledger.find("orders")
    assert found.state is LeaseState.RELEASING
    assert found.release is not None
    assert found.release.reason == "interrupted"


def test_who_wrote_in_between_keeps_what_it_wrote(
    ledger: FileLedger, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, others = ledger.find, [LeaseState.PROVISIONING]

    def found_and_then_overtaken(name: str) -> Lease:
        seen = find(name)
        if others:
            ledger.update(seen.moved_to(others.pop()))
        return seen

    monkeypatch.setattr(ledger, "find", found_and_then_overtaken)
    assert ask_for_release(ledger, lease.id, "interrupted")
    states = [step.state for step in find("orders").history]
    assert states[-2:] == [LeaseState.PROVISIONING, LeaseState.RELEASING]


def test_a_teardown_under_way_is_not_touched(ledger: FileLedger, lease: Lease) -> None:
    ledger.update(lease.releasing("expired"))
    before = ledger.find("orders")
    assert ask_for_release(ledger, lease.id, "interrupted")
    assert ledger.find("orders") == before


def test_a_lease_that_was_never_written_needs_no_release(ledger: FileLedger) -> None:
    assert not ask_for_release(ledger, "unknown", "interrupted")


def test_an_interrupt_is_passed_on_and_an_error_changes_nothing(ledger: FileLedger, lease: Lease) -> None:
    with pytest.raises(EphkError), handed_over_on_interrupt(ledger, lease, SilentProgress()):
        raise EphkError("no")
    assert ledger.find("orders").state is LeaseState.REQUESTED
    with pytest.raises(signals.Interrupted), handed_over_on_interrupt(ledger, lease, SilentProgress()):
        raise signals.Interrupted(2)
