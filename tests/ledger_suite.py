"""What every ledger must do. One subclass for each kind brings the `open_ledger` fixture; the tests are the same."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from orchestrator import tags
from orchestrator.errors import EphkError
from orchestrator.lease import Lease, LeaseState, new_lease
from orchestrator.ledger import Ledger, NoSuchLeaseError

#: Each call opens the same ledger anew, as another process would.
OpenLedger = Callable[[], Ledger]


def a_lease(name: str = "orders", owner: str = "team orders") -> Lease:
    return new_lease(
        name=name,
        target="embedded",
        ttl=timedelta(hours=1),
        provenance=tags.Provenance(owner=owner),
        spec={"name": name},
    )


class LedgerSuite:
    def test_a_lease_is_found_by_name_and_by_id(self, open_ledger: OpenLedger) -> None:
        lease = a_lease()
        open_ledger().create(lease)
        assert open_ledger().find("orders") == open_ledger().find(lease.id) == lease
        assert open_ledger().leases() == [lease]

    def test_what_is_not_there_is_said_with_what_is(self, open_ledger: OpenLedger) -> None:
        open_ledger().create(a_lease("billing"))
        with pytest.raises(NoSuchLeaseError, match="there is no lease called 'orders'") as caught:
            open_ledger().find("orders")
        assert "billing" in caught.value.next_step

    def test_a_name_is_leased_once_and_the_refusal_says_by_whom_and_until_when(self, open_ledger: OpenLedger) -> None:
        first = a_lease()
        open_ledger().create(first)
        with pytest.raises(EphkError) as caught:
            open_ledger().create(a_lease(owner="somebody else"))
        assert "team orders" in caught.value.message
        assert tags.rfc3339(first.expires_at) in caught.value.message
        assert open_ledger().leases() == [first]

    def test_of_many_jobs_that_want_a_name_at_once_one_gets_it(self, open_ledger: OpenLedger) -> None:
        wanted = [a_lease() for _ in range(8)]

        def claim(lease: Lease) -> bool:
            try:
                open_ledger().create(lease)
            except EphkError as error:
                assert "leased already" in error.message  # noqa: PT017 - every loser must be told why
                return False
            return True

        with ThreadPoolExecutor(max_workers=8) as pool:
            won = list(pool.map(claim, wanted))
        assert won.count(True) == 1
        assert open_ledger().find("orders").id == wanted[won.index(True)].id

    def test_an_update_counts_the_version(self, open_ledger: OpenLedger) -> None:
        lease = a_lease()
        open_ledger().create(lease)
        written = open_ledger().update(lease.moved_to(LeaseState.PROVISIONING))
        assert (written.version, written.state) == (2, LeaseState.PROVISIONING)
        assert open_ledger().find("orders") == written

    def test_an_update_of_an_old_version_is_refused(self, open_ledger: OpenLedger) -> None:
        old = a_lease()
        open_ledger().create(old)
        open_ledger().update(old.moved_to(LeaseState.PROVISIONING))
        with pytest.raises(EphkError, match="changed by another process"):
            open_ledger().update(old.moved_to(LeaseState.RELEASING))
        assert open_ledger().find("orders").state is LeaseState.PROVISIONING

    def test_of_many_updates_of_one_version_one_is_written(self, open_ledger: OpenLedger) -> None:
        lease = a_lease()
        open_ledger().create(lease)
        changes = [lease.model_copy(update={"budget_usd": float(number)}) for number in range(8)]

        def write(change: Lease) -> Lease | None:
            try:
                return open_ledger().update(change)
            except EphkError as error:
                assert "changed by another process" in error.message  # noqa: PT017 - every loser must be told why
                return None

        with ThreadPoolExecutor(max_workers=8) as pool:
            written = [done for done in pool.map(write, changes) if done is not None]
        assert len(written) == 1
        assert open_ledger().find("orders") == written[0]

    def test_a_removed_lease_frees_its_name_and_cannot_be_updated(self, open_ledger: OpenLedger) -> None:
        first = a_lease()
        open_ledger().create(first)
        open_ledger().remove(first)
        assert open_ledger().leases() == []
        with pytest.raises(EphkError, match="not in the ledger any more"):
            open_ledger().update(first.moved_to(LeaseState.PROVISIONING))
        second = a_lease()
        open_ledger().create(second)
        assert open_ledger().find("orders") == second

    def test_a_late_remover_does_not_take_away_the_successor(self, open_ledger: OpenLedger) -> None:
        first, second = a_lease(), a_lease()
        open_ledger().create(first)
        open_ledger().remove(first)
        open_ledger().create(second)
        open_ledger().remove(first)
        with pytest.raises(EphkError, match="not in the ledger any more"):
            open_ledger().update(first.moved_to(LeaseState.PROVISIONING))
        assert open_ledger().find("orders") == second

    def test_leases_come_oldest_first_and_nothing_is_unreadable(self, open_ledger: OpenLedger) -> None:
        leases = [a_lease(name) for name in ("c", "a", "b")]
        aged = [
            lease.model_copy(update={"created_at": lease.created_at - timedelta(hours=hours)})
            for hours, lease in enumerate(leases)
        ]
        for lease in aged:
            open_ledger().create(lease)
        assert [lease.name for lease in open_ledger().leases()] == ["b", "a", "c"]
        assert list(open_ledger().unreadable()) == []
