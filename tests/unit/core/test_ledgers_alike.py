"""The suite of all ledgers on files and on a conditional store in memory, and what is S3's alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conditional_store import ConditionalStore, refusal

from orchestrator.errors import EphkError
from orchestrator.lease import LeaseState
from orchestrator.ledger import FileLedger
from orchestrator.s3_ledger import S3Ledger
from tests.ledger_suite import LedgerSuite, OpenLedger, a_lease


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


class TestFileLedger(LedgerSuite):
    @pytest.fixture
    def open_ledger(self) -> OpenLedger:
        return FileLedger


class TestS3Ledger(LedgerSuite):
    @pytest.fixture
    def open_ledger(self, store: ConditionalStore) -> OpenLedger:
        return lambda: S3Ledger(store, "state", store.owner, wait_s=0.001)


@pytest.fixture
def store() -> ConditionalStore:
    return ConditionalStore()


@pytest.fixture
def ledger(store: ConditionalStore) -> S3Ledger:
    return S3Ledger(store, "state", store.owner, wait_s=0.001)


def test_a_conflict_is_tried_again_as_s3_says(store: ConditionalStore, ledger: S3Ledger) -> None:
    store.conflicts = 3
    lease = a_lease()
    ledger.create(lease)
    store.conflicts = 3
    assert ledger.update(lease.moved_to(LeaseState.PROVISIONING)).version == 2
    store.conflicts = 3
    ledger.remove(lease)
    assert ledger.leases() == []


def test_a_conflict_without_end_is_an_error_and_not_a_success(store: ConditionalStore, ledger: S3Ledger) -> None:
    store.conflicts = 100
    with pytest.raises(EphkError, match="ConditionalRequestConflict"):
        ledger.create(a_lease())
    assert store.objects == {}


def test_a_write_whose_answer_was_lost_counts(store: ConditionalStore, ledger: S3Ledger) -> None:
    lease = a_lease()
    store.lost_answers = 1
    ledger.create(lease)
    store.lost_answers = 1
    assert ledger.update(lease.moved_to(LeaseState.PROVISIONING)).version == 2
    assert ledger.find("orders").version == 2


def test_a_bucket_of_another_account_is_never_used(store: ConditionalStore) -> None:
    with pytest.raises(EphkError, match="AccessDenied"):
        S3Ledger(store, "state", "999999999999").create(a_lease())
    assert store.objects == {}


def test_a_released_lease_leaves_its_last_record(store: ConditionalStore, ledger: S3Ledger) -> None:
    lease = a_lease()
    ledger.create(lease)
    ledger.remove(lease)
    (key,) = store.objects
    assert key.startswith("released/")
    assert key.endswith(f"/orders-{lease.id}.json")
    assert json.loads(store.objects[key])["id"] == lease.id


def test_an_object_that_is_no_lease_is_reported_and_its_name_is_not_given_away(
    store: ConditionalStore, ledger: S3Ledger
) -> None:
    store.objects["leases/orders.json"] = b"{"
    assert ledger.leases() == []
    assert ledger.unreadable() == ["s3://state/leases/orders.json"]
    with pytest.raises(EphkError, match="not a lease that this version can read"):
        ledger.create(a_lease())
    assert store.objects["leases/orders.json"] == b"{"


def test_a_bucket_that_is_not_there_names_bootstrap(
    store: ConditionalStore, ledger: S3Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_bucket(**_: object) -> None:
        raise refusal("PutObject", "NoSuchBucket", 404)

    monkeypatch.setattr(store, "put_object", no_bucket)
    with pytest.raises(EphkError, match="NoSuchBucket") as caught:
        ledger.create(a_lease())
    assert "ephk bootstrap" in caught.value.next_step
