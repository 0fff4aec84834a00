"""The one place that knows which ledger a lease is in: files for the embedded target, the state bucket for AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import EphkError, UsageError
from orchestrator.lease import Lease
from orchestrator.ledger import FileLedger, Ledger, NoSuchLeaseError, name_taken


@dataclass(frozen=True)
class Seen:
    """What could be read of all ledgers.

    Attributes:
        leases: oldest first.
        unreadable: what could not be read, each with where it is and why.
    """

    leases: tuple[Lease, ...]
    unreadable: tuple[str, ...]


class Ledgers:
    """Both ledgers as one. The shared one is asked only where a state bucket is named, or for a lease on AWS.

    Args:
        files: the embedded target's; None takes the state home's.
        shared: returns AWS's; raises EphkError when it cannot be reached.
        named: whether somebody named a state bucket, so that looking for a lease includes AWS.
    """

    def __init__(
        self,
        files: FileLedger | None = None,
        shared: Callable[[], Ledger] | None = None,
        named: Callable[[], bool] | None = None,
    ) -> None:
        self._files = files or FileLedger()
        self._open_shared = shared or shared_ledger
        self._named = named or _bucket_is_named
        self._shared: Ledger | None = None

    def of(self, target: str) -> Ledger:
        """Return the ledger of a target.

        Raises:
            EphkError: AWS's cannot be reached, or the account was not set up.
        """
        if target != "aws":
            return self._files
        if self._shared is None:
            self._shared = self._open_shared()
        return self._shared

    def _asks_aws(self) -> bool:
        """Tell whether AWS's ledger is asked: somebody named its bucket, or this process has leased there already."""
        return self._shared is not None or self._named()

    def create(self, lease: Lease) -> None:
        """Write a new lease; a name that this machine leases to an embedded environment is refused on AWS, too."""
        if lease.target == "aws":
            for other in self._files.leases():
                if other.name == lease.name:
                    raise name_taken(other)
        self.of(lease.target).create(lease)

    def update(self, lease: Lease) -> Lease:
        """Write a change; see `Ledger.update`."""
        return self.of(lease.target).update(lease)

    def remove(self, lease: Lease) -> None:
        """Forget a released lease; see `Ledger.remove`."""
        self.of(lease.target).remove(lease)

    def find(self, name_or_id: str) -> Lease:
        """Return a lease by name or id: this machine's first, which needs no network, then AWS's.

        Raises:
            EphkError: there is none, or the state bucket that was named cannot be asked.
        """
        try:
            return self._files.find(name_or_id)
        except NoSuchLeaseError as error:
            if not self._asks_aws():
                error.next_step += " One on AWS is found by its state bucket: set EPHK_STATE_BUCKET=s3://BUCKET."
                raise
        return self.of("aws").find(name_or_id)

    def leases(self) -> list[Lease]:
        """Return every lease, oldest first; raises EphkError when the state bucket that was named cannot be asked."""
        found = self._files.leases()
        if self._asks_aws():
            found += self.of("aws").leases()
        return sorted(found, key=lambda lease: (lease.created_at, lease.id))

    def unreadable(self) -> list[str | Path]:
        """Return what lies where leases are and cannot be understood."""
        found: list[str | Path] = list(self._files.unreadable())
        return [*found, *(self.of("aws").unreadable() if self._asks_aws() else ())]

    def look(self) -> Seen:
        """Return what can be read; a ledger that cannot be asked is among what is unreadable, never left out."""
        leases, unreadable = self._files.leases(), [str(path) for path in self._files.unreadable()]
        try:
            if self._asks_aws():
                shared = self.of("aws")
                leases += shared.leases()
                unreadable += map(str, shared.unreadable())
        except UsageError:
            raise
        except EphkError as error:
            unreadable.append(f"the leases on AWS: {error.message}")
        return Seen(tuple(sorted(leases, key=lambda lease: (lease.created_at, lease.id))), tuple(unreadable))


def shared_ledger() -> Ledger:
    """Return AWS's ledger, in the account's state bucket; raises EphkError when it cannot be reached."""
    from orchestrator.s3_ledger import S3Ledger
    from orchestrator.state_bucket import open_bucket

    bucket = open_bucket()
    return S3Ledger(bucket.client, bucket.record.bucket, bucket.record.account_id)


def _bucket_is_named() -> bool:
    from orchestrator.state_bucket import configured

    return configured() is not None
