"""The ledger: where leases are written down, so that teardown depends on no job and no checkout."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from filelock import FileLock
from pydantic import ValidationError

from orchestrator import paths
from orchestrator.errors import EphkError
from orchestrator.files import private_dir, write_private
from orchestrator.lease import Lease
from orchestrator.tags import rfc3339

_LOCK_TIMEOUT_S = 30.0


class Ledger(Protocol):
    """What every ledger offers: the embedded target keeps files, AWS objects in a bucket (`orchestrator.s3_ledger`)."""

    def create(self, lease: Lease) -> None:
        """Write a new lease; raises EphkError when its name is leased already."""
        ...

    def update(self, lease: Lease) -> Lease:
        """Write a change and return it with its new version; raises EphkError when somebody wrote in between."""
        ...

    def find(self, name_or_id: str) -> Lease:
        """Return a lease by name or id; raises EphkError when there is none."""
        ...

    def leases(self) -> list[Lease]:
        """Return every lease, oldest first."""
        ...

    def unreadable(self) -> Sequence[str | Path]:
        """Return what lies where leases are and cannot be understood."""
        ...

    def remove(self, lease: Lease) -> None:
        """Forget a released lease, with everything that this machine keeps of it."""
        ...


def name_taken(other: Lease) -> EphkError:
    """Return the refusal of a second lease with the name of `other`."""
    return EphkError(
        f"the name '{other.name}' is leased already by {other.provenance.owner} until "
        f"{rfc3339(other.expires_at)} (lease {other.id}, {other.state})",
        next_step=f"Choose another with --name, or end that one: ephk down {other.name}",
    )


def vanished(lease: Lease) -> EphkError:
    """Return the refusal to change a lease that is not there."""
    return EphkError(f"lease {lease.name} ({lease.id}) is not in the ledger any more")


def changed_since(lease: Lease, current: Lease) -> EphkError:
    """Return the refusal of an update that knows nothing of what somebody else wrote."""
    return EphkError(
        f"lease {lease.name} ({lease.id}) was changed by another process (now {current.state})",
        next_step=f"Look at it with 'ephk show {lease.name}' and try again.",
    )


class NoSuchLeaseError(EphkError):
    """A ledger has no lease of that name or id."""


def no_such_lease(name_or_id: str, leases: Sequence[Lease]) -> NoSuchLeaseError:
    """Return the answer to a question for a lease that a ledger does not have."""
    names = ", ".join(lease.name for lease in leases) or "none"
    return NoSuchLeaseError(f"there is no lease called '{name_or_id}'", next_step=f"Leases: {names}. See 'ephk list'.")


def forget_directory(leases: Path, lease_id: str) -> None:
    """Remove what this machine keeps of a lease, and the state home's directories when nothing is left in them."""
    shutil.rmtree(leases / lease_id, ignore_errors=True)
    for directory in (leases, leases.parent):
        with contextlib.suppress(OSError):
            directory.rmdir()


class FileLedger:
    """One directory for each lease, one private file in it, one lock for the whole ledger.

    The lock lives in the cache, so that a state home is empty once its last lease is gone.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or paths.leases_dir()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        digest = hashlib.sha256(str(self._directory.absolute()).encode()).hexdigest()[:16]
        lock_path = private_dir(paths.cache_home() / "locks") / f"ledger-{digest}.lock"
        with FileLock(lock_path, timeout=_LOCK_TIMEOUT_S):
            yield

    def _file(self, lease_id: str) -> Path:
        return self._directory / lease_id / "lease.json"

    def create(self, lease: Lease) -> None:
        """Write a new lease, synced to disk before it returns.

        Raises:
            EphkError: the name is leased already; says by whom and until when.
        """
        with self._locked():
            for other in self.leases():
                if other.name == lease.name:
                    raise name_taken(other)
            write_private(self._file(lease.id), lease.model_dump_json(indent=2) + "\n")

    def update(self, lease: Lease) -> Lease:
        """Write a change of a lease.

        Raises:
            EphkError: the lease is gone, or was changed since it was read.
        """
        with self._locked():
            current = self._read(self._file(lease.id))
            if current is None:
                raise vanished(lease)
            if current.version != lease.version:
                raise changed_since(lease, current)
            written = lease.model_copy(update={"version": lease.version + 1})
            write_private(self._file(lease.id), written.model_dump_json(indent=2) + "\n")
            return written

    def find(self, name_or_id: str) -> Lease:
        """Return a lease by name or id.

        Raises:
            EphkError: there is none; lists those that exist.
        """
        leases = self.leases()
        for lease in leases:
            if name_or_id in (lease.name, lease.id):
                return lease
        raise no_such_lease(name_or_id, leases)

    def leases(self) -> list[Lease]:
        """Return every lease that can be read, oldest first."""
        found = [self._read(path) for path in self._directory.glob("*/lease.json")]
        return sorted((lease for lease in found if lease is not None), key=lambda lease: (lease.created_at, lease.id))

    def unreadable(self) -> list[Path]:
        """Return lease files that exist and cannot be understood: they are reported, never skipped in silence."""
        return [path for path in self._directory.glob("*/lease.json") if self._read(path) is None and path.exists()]

    def remove(self, lease: Lease) -> None:
        """Remove the lease's directory, and the state home's directories when nothing is left in them."""
        with self._locked():
            forget_directory(self._directory, lease.id)

    @staticmethod
    def _read(path: Path) -> Lease | None:
        try:
            return Lease.model_validate_json(path.read_text())
        except (OSError, ValidationError, json.JSONDecodeError):
            return None
