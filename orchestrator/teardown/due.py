"""Which leases are to be taken down now, and why."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.lease import Lease, LeaseState
from orchestrator.teardown.claim import being_taken_down, lives

_BEFORE_READY = (LeaseState.REQUESTED, LeaseState.PROVISIONING)


@dataclass(frozen=True)
class Due:
    """A lease that is to be taken down.

    Attributes:
        lease: the lease.
        reason: as in `orchestrator.lease.Release.reason`.
        skipped: why it is left alone for the moment, empty when it is not.
    """

    lease: Lease
    reason: str
    skipped: str = ""


def due_leases(
    leases: Iterable[Lease],
    *,
    now: datetime | None = None,
    cloud_gone: Callable[[Lease], bool] | None = None,
    job_ended: Callable[[Lease], bool] | None = None,
) -> list[Due]:
    """Return what is due, also what another process takes down at this moment (with `skipped` saying so).

    Args:
        leases: the ledger's.
        now: the time, for tests.
        cloud_gone: tells whether the cloud that a ready lease lives in ended; None when that cannot happen.
        job_ended: tells whether the CI job that began a lease has ended for certain; asked only about one that is not
            ready and whose process cannot be seen from this machine. None when nobody can be asked.
    """
    moment = now or datetime.now(UTC)
    found = []
    for lease in leases:
        reason = lease.due(moment) or _abandoned(lease, cloud_gone, job_ended)
        if reason:
            other = being_taken_down(lease)
            found.append(Due(lease, reason, f"is being taken down by {other}" if other else ""))
    return found


def _abandoned(
    lease: Lease, cloud_gone: Callable[[Lease], bool] | None, job_ended: Callable[[Lease], bool] | None
) -> str:
    """Say why a lease that has time left is due nevertheless: whoever provisioned it died, or its cloud did."""
    if lease.state in _BEFORE_READY:
        if lease.holder and not lives(lease.holder):
            return "owner-gone"
        elsewhere = not lease.holder or lease.holder.get("host") not in (None, platform.node())
        return "job-ended" if elsewhere and job_ended is not None and job_ended(lease) else ""
    if lease.state is LeaseState.READY and cloud_gone is not None and cloud_gone(lease):
        return "cloud-gone"
    return ""
