from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator import tags
from orchestrator.lease import Lease, LeaseState, new_lease
from orchestrator.ledger import FileLedger
from orchestrator.processes import ProcessRecord
from orchestrator.tags import Provenance
from orchestrator.teardown import orphans
from orchestrator.teardown.claim import ClaimedError, being_taken_down, claim, lives
from orchestrator.teardown.due import due_leases
from orchestrator.teardown.found import Found
from orchestrator.teardown.heartbeat import Heartbeat, load_heartbeat, read_heartbeat, remove_heartbeat, write_heartbeat

DEAD = {"pid": 2**22 + 1, "create_time": 1.0}


def a_lease(name: str = "pr-1", **changes: Any) -> Lease:
    made = new_lease(name=name, target="embedded", ttl=timedelta(hours=1), provenance=Provenance("me"), spec={})
    return made.model_copy(update=changes)


def parent() -> dict[str, Any]:
    """Return a living process that is not this one."""
    import os

    record = ProcessRecord.of(os.getppid(), "teardown")
    return {"role": "teardown", "pid": record.pid, "create_time": record.create_time}


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileLedger:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return FileLedger()


def test_a_claim_is_written_before_anything_is_deleted(ledger: FileLedger) -> None:
    lease = a_lease()
    ledger.create(lease)
    claimed = claim(ledger, lease, "down")
    assert claimed is not None
    written = ledger.find(lease.id)
    assert (written.state, written.holder) == (LeaseState.RELEASING, claimed.holder)
    assert written.release is not None
    assert written.release.reason == "down"


def test_a_lease_that_a_living_process_takes_down_is_left_to_it(ledger: FileLedger) -> None:
    lease = a_lease(holder=parent(), state=LeaseState.RELEASING)
    ledger.create(lease)
    with pytest.raises(ClaimedError, match="being taken down by process"):
        claim(ledger, lease, "expired")
    assert ledger.find(lease.id).version == lease.version


def test_a_lease_whose_teardown_was_killed_before_it_forgot_it_is_due_and_forgotten(ledger: FileLedger) -> None:
    lease = a_lease()
    ledger.create(lease)
    claimed = claim(ledger, lease, "down")
    assert claimed is not None
    released = ledger.update(claimed.moved_to(LeaseState.RELEASED, holder=None))
    assert [(due.lease.id, due.skipped) for due in due_leases(ledger.leases())] == [(lease.id, "")]
    assert claim(ledger, released, "down") is None
    assert ledger.leases() == []


def test_a_claim_read_before_another_s_is_refused(ledger: FileLedger) -> None:
    read_before = a_lease()
    ledger.create(read_before)
    ledger.update(read_before.releasing("down").model_copy(update={"holder": parent()}))
    with pytest.raises(ClaimedError):
        claim(ledger, read_before, "expired")


def test_a_claim_of_a_dead_process_is_taken_over(ledger: FileLedger) -> None:
    lease = a_lease(holder={**DEAD, "role": "teardown"}, state=LeaseState.RELEASING)
    ledger.create(lease)
    assert claim(ledger, lease, "expired") is not None


def test_a_lease_that_is_gone_needs_no_claim(ledger: FileLedger) -> None:
    assert claim(ledger, a_lease(), "expired") is None


def test_a_claim_from_another_machine_counts_until_its_time() -> None:
    now = datetime.now(UTC)
    there = {**DEAD, "role": "teardown", "host": "elsewhere", "until": (now + timedelta(minutes=1)).isoformat()}
    assert lives(there, now)
    assert not lives(there, now + timedelta(minutes=2))
    assert being_taken_down(a_lease(holder=there))


def test_an_up_that_died_before_ready_is_due_at_once_and_one_that_lives_is_not() -> None:
    dead = a_lease("a", holder=DEAD, state=LeaseState.PROVISIONING)
    alive = a_lease("b", holder={**parent(), "role": "up"}, state=LeaseState.PROVISIONING)
    assert [(due.lease.name, due.reason) for due in due_leases([dead, alive])] == [("a", "owner-gone")]


def test_a_release_whose_worker_died_is_due_and_one_at_work_is_said_to_be() -> None:
    begun = a_lease().releasing("down")
    dead, alive = (begun.model_copy(update={"holder": h}) for h in ({**DEAD, "role": "teardown"}, parent()))
    assert [due.skipped for due in due_leases([dead])] == [""]
    assert "being taken down" in due_leases([alive])[0].skipped


def test_a_ready_lease_is_due_when_its_cloud_is_gone_and_only_then() -> None:
    ready = a_lease().moved_to(LeaseState.PROVISIONING).moved_to(LeaseState.READY)
    assert [due.reason for due in due_leases([ready], cloud_gone=lambda _: True)] == ["cloud-gone"]
    assert due_leases([ready], cloud_gone=lambda _: False) == []


def found(created_at: datetime | None, expires_at: datetime | None = None) -> Found:
    carried = [(tags.LEASE, "bcdfghjk")]
    for name, moment in ((tags.CREATED_AT, created_at), (tags.EXPIRES_AT, expires_at)):
        if moment is not None:
            carried.append((name, tags.rfc3339(moment)))
    return Found("ec2:vpc", "vpc-1", "test", tags=tuple(carried), lease="bcdfghjk")


@pytest.mark.parametrize(
    ("age", "left", "grace", "says"),
    [
        (timedelta(minutes=5), timedelta(0), timedelta(minutes=30), "younger than 30 minutes"),
        (timedelta(hours=5), timedelta(hours=1), timedelta(minutes=30), "lives until"),
        (timedelta(hours=5), -timedelta(hours=1), timedelta(minutes=30), ""),
        (None, None, timedelta(minutes=30), "no ephk:created-at"),
        (None, None, timedelta(0), ""),
    ],
)
def test_an_orphan_has_a_grace_period(
    age: timedelta | None, left: timedelta | None, grace: timedelta, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    item = found(None if age is None else now - age, None if left is None else now + left)

    class Seen:
        by_lease = {"bcdfghjk": (item,)}
        unanswered = ()

    monkeypatch.setattr(orphans, "sweep", lambda *_: Seen)
    (orphan,), _ = orphans.find_orphans(None, (), grace=grace, now=now)  # type: ignore[arg-type]
    assert says in orphan.skipped
    assert bool(orphan.skipped) == bool(says)
    assert orphans.find_orphans(None, {"bcdfghjk"}, grace=grace, now=now)[0] == []  # type: ignore[arg-type]


def test_a_heartbeat_that_is_old_or_whose_process_died_does_not_beat(ledger: FileLedger) -> None:
    assert read_heartbeat() is None
    record = ProcessRecord.of(parent()["pid"], "reaper")
    write_heartbeat(record)
    heartbeat = load_heartbeat()
    assert heartbeat is not None
    assert heartbeat.at == read_heartbeat()
    assert heartbeat.beating()
    assert not heartbeat.beating(heartbeat.at + timedelta(minutes=1))
    assert not Heartbeat(heartbeat.at, ProcessRecord(DEAD["pid"], 1.0, "reaper")).beating()  # type: ignore[arg-type]
    remove_heartbeat()
    assert read_heartbeat() is None
