import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator import tags
from orchestrator.errors import EphkError
from orchestrator.lease import Keep, Lease, LeaseState, new_lease
from orchestrator.ledger import FileLedger
from orchestrator.teardown.due import due_leases


def a_lease(name: str = "orders", ttl: timedelta = timedelta(hours=1)) -> Lease:
    return new_lease(
        name=name, target="embedded", ttl=ttl, provenance=tags.Provenance(owner="team orders"), spec={"name": name}
    )


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileLedger:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return FileLedger(tmp_path / "state" / "ephk" / "leases")


def file_of(ledger: FileLedger, lease: Lease) -> Path:
    return ledger._directory / lease.id / "lease.json"


def test_a_lease_is_private_and_can_be_read_back(ledger: FileLedger) -> None:
    lease = a_lease()
    ledger.create(lease)
    assert stat.S_IMODE(file_of(ledger, lease).stat().st_mode) == 0o600
    for directory in file_of(ledger, lease).parents[:4]:  # the lease's, leases, ephk and the state home itself
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert ledger.find("orders") == ledger.find(lease.id) == lease


def test_a_removed_lease_leaves_no_file(ledger: FileLedger, tmp_path: Path) -> None:
    lease = a_lease()
    ledger.create(lease)
    ledger.remove(lease)
    assert list((tmp_path / "state").iterdir()) == []
    with pytest.raises(EphkError, match="there is no lease called 'orders'"):
        ledger.find("orders")


def test_a_lease_that_cannot_be_read_is_reported_and_not_skipped(ledger: FileLedger) -> None:
    lease = a_lease()
    ledger.create(lease)
    file_of(ledger, lease).write_text("{")
    assert ledger.leases() == []
    assert ledger.unreadable() == [file_of(ledger, lease)]


def test_the_file_is_the_old_or_the_new_one_never_a_part(ledger: FileLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = a_lease()
    ledger.create(lease)

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        ledger.update(lease.moved_to(LeaseState.PROVISIONING))
    assert json.loads(file_of(ledger, lease).read_text())["state"] == "requested"
    assert [path.name for path in file_of(ledger, lease).parent.iterdir()] == ["lease.json"]


@pytest.mark.parametrize(
    ("origin", "to"),
    [
        (LeaseState.REQUESTED, LeaseState.READY),
        (LeaseState.READY, LeaseState.PROVISIONING),
        (LeaseState.RELEASED, LeaseState.RELEASING),
        (LeaseState.LEAKING, LeaseState.RELEASED),
    ],
)
def test_transitions_that_do_not_exist_are_refused(origin: LeaseState, to: LeaseState) -> None:
    with pytest.raises(EphkError, match=f"is {origin} and cannot become {to}"):
        a_lease().model_copy(update={"state": origin}).moved_to(to)


def test_ids_are_distinct_and_fit_every_name() -> None:
    ids = {a_lease().id for _ in range(200)}
    assert len(ids) == 200
    assert all(len(i) == 8 and i.isalnum() and i == i.lower() for i in ids)


def at(state: LeaseState, lease: Lease) -> Lease:
    for step in (LeaseState.PROVISIONING, LeaseState.READY):
        lease = lease.moved_to(step)
        if step is state:
            break
    return lease


def test_what_is_due_for_the_reaper() -> None:
    fresh, begun = a_lease("a"), a_lease("c").releasing("down")
    over = at(LeaseState.READY, a_lease("b", ttl=timedelta(0)))
    assert [due.lease for due in due_leases([fresh, over, begun])] == [over, begun]
    assert (fresh.due(), over.due(), begun.due()) == ("", "expired", "down")


def test_the_ttl_counts_from_ready_and_creation_has_a_deadline_of_its_own() -> None:
    creating = at(LeaseState.PROVISIONING, a_lease(ttl=timedelta(minutes=5)))
    after_the_ttl = creating.created_at + timedelta(minutes=89)
    assert creating.due(after_the_ttl) == ""
    assert creating.due(after_the_ttl + timedelta(minutes=1)) == "create-deadline"
    ready = creating.moved_to(LeaseState.READY)
    assert ready.ready_at is not None
    assert ready.expires_at == ready.ready_at + timedelta(minutes=5)
    assert [step.state for step in ready.history] == ["requested", "provisioning", "ready"]


def test_a_keep_mark_holds_the_reaper_off_until_its_end_and_a_release_ends_it() -> None:
    ready = at(LeaseState.READY, a_lease(ttl=timedelta(0)))
    until = ready.expires_at + timedelta(hours=1)
    kept = ready.model_copy(update={"keep": Keep(reason="a heap dump is being taken", until=until, by="team orders")})
    assert kept.due(until - timedelta(seconds=1)) == ""
    assert kept.due(until) == "expired"
    assert kept.releasing("down").due(ready.created_at) == "down"
    with pytest.raises(ValidationError, match="reason"):
        Keep(reason="", until=until, by="team orders")


def test_a_second_release_keeps_the_first_reason() -> None:
    assert a_lease().releasing("interrupted").releasing("expired").due() == "interrupted"


def test_tags_are_complete_and_legal() -> None:
    lease = new_lease(
        name="orders",
        target="embedded",
        ttl=timedelta(hours=1),
        provenance=tags.Provenance(owner="Zoë <z@example.org>;", repository="", commit="x" * 300),
        spec={},
    )
    assert tags.missing(lease.tags) == ()
    assert lease.tags[tags.OWNER] == "Zoë -z@example.org--"
    assert lease.tags[tags.REPOSITORY] == "none"
    assert len(lease.tags[tags.COMMIT]) == 256
    assert tags.missing({**lease.tags, tags.OWNER: ""}) == (tags.OWNER,)
