"""Which ledger a lease is in, and what happens when the one on AWS cannot be asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from conditional_store import ConditionalStore

from orchestrator import state_bucket, tags
from orchestrator.errors import EphkError, UsageError
from orchestrator.lease import Lease, LeaseState, new_lease
from orchestrator.ledger import FileLedger, Ledger, NoSuchLeaseError
from orchestrator.ledgers import Ledgers
from orchestrator.s3_ledger import S3Ledger
from orchestrator.state_bucket import configured, parse_name


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv(state_bucket.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)


def lease_on(target: str, name: str = "orders") -> Lease:
    return new_lease(
        name=name,
        target=target,  # type: ignore[arg-type]
        ttl=timedelta(hours=1),
        provenance=tags.Provenance(owner="team orders"),
        spec={"name": name, "region": "eu-west-1"},
    )


@pytest.fixture
def store() -> ConditionalStore:
    return ConditionalStore()


@pytest.fixture
def both(store: ConditionalStore) -> Ledgers:
    return Ledgers(shared=lambda: S3Ledger(store, "state", wait_s=0.001), named=lambda: True)


def unreachable() -> Ledger:
    raise EphkError("there are no AWS credentials", next_step="Sign in.")


def test_each_lease_goes_to_the_ledger_of_its_target(both: Ledgers, store: ConditionalStore) -> None:
    here, there = lease_on("embedded", "here"), lease_on("aws", "there")
    both.create(here)
    both.create(there)
    assert FileLedger().leases() == [here]
    assert list(store.objects) == ["leases/there.json"]
    assert {lease.name for lease in both.leases()} == {"here", "there"}
    moved = both.update(both.find("there").moved_to(LeaseState.PROVISIONING))
    assert both.find(there.id) == moved
    both.remove(moved)
    assert [lease.name for lease in both.leases()] == ["here"]


def test_an_embedded_lease_is_found_without_asking_aws() -> None:
    ledgers = Ledgers(shared=unreachable, named=lambda: True)
    FileLedger().create(lease_on("embedded"))
    assert ledgers.find("orders").target == "embedded"


def test_nobody_is_asked_when_no_bucket_is_named() -> None:
    ledgers = Ledgers(shared=unreachable)
    assert ledgers.leases() == []
    with pytest.raises(NoSuchLeaseError) as caught:
        ledgers.find("orders")
    assert "EPHK_STATE_BUCKET" in caught.value.next_step


def test_what_this_process_leased_on_aws_is_found_although_nobody_named_the_bucket(store: ConditionalStore) -> None:
    ledgers = Ledgers(shared=lambda: S3Ledger(store, "state", wait_s=0.001))
    lease = lease_on("aws")
    ledgers.create(lease)
    assert ledgers.find(lease.id) == lease


def test_a_ledger_that_cannot_be_asked_is_never_taken_for_empty() -> None:
    ledgers = Ledgers(shared=unreachable, named=lambda: True)
    FileLedger().create(lease_on("embedded"))
    with pytest.raises(EphkError, match="no AWS credentials"):
        ledgers.leases()
    with pytest.raises(EphkError, match="no AWS credentials"):
        ledgers.find("another")
    seen = ledgers.look()
    assert [lease.name for lease in seen.leases] == ["orders"]
    assert seen.unreadable == ("the leases on AWS: there are no AWS credentials",)


def test_a_name_of_this_machine_is_not_taken_on_aws(both: Ledgers) -> None:
    both.create(lease_on("embedded"))
    with pytest.raises(EphkError, match="leased already by team orders"):
        both.create(lease_on("aws"))


def test_the_bucket_is_named_by_the_environment_before_the_policy_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configured() is None
    (tmp_path / "ephk-policy.yaml").write_text("state: s3://from-policy\n")
    assert configured() == "from-policy"
    monkeypatch.setenv(state_bucket.VARIABLE, "s3://from-environment/")
    assert configured() == "from-environment"


@pytest.mark.parametrize("text", ["s3://bucket/path", "https://bucket", "", "UPPER", "a"])
def test_what_is_no_bucket_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a state bucket"):
        parse_name(text)
