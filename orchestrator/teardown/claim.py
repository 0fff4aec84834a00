"""Who takes a lease down: one process at a time, wherever it runs.

The claim is the lease's own `holder` in the ledger, so it needs no lock that the ledger does not have already: a write
with a version that somebody else has overtaken is refused. On this machine a holder counts while its very process
lives; one on another machine counts until the time that it named.
"""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.errors import EphkError
from orchestrator.lease import Lease, LeaseState
from orchestrator.ledger import Ledger, NoSuchLeaseError
from orchestrator.processes import ProcessRecord
from orchestrator.tags import rfc3339

_ROLE = "teardown"
#: How long a claim from another machine is honoured: the longest teardown (MSK's states) and a margin.
_HONOURED = timedelta(hours=3)


class ClaimedError(EphkError):
    """Another process is taking the lease down."""


def lives(holder: dict[str, Any] | None, now: datetime | None = None) -> bool:
    """Tell whether a lease's holder is still at work, as far as this machine can know."""
    if not holder:
        return False
    if holder.get("host", platform.node()) != platform.node():
        try:
            return (now or datetime.now(UTC)) < datetime.fromisoformat(str(holder["until"]))
        except (KeyError, ValueError):
            return True  # it cannot be seen from here, and it set no limit
    try:
        return ProcessRecord(int(holder["pid"]), float(holder["create_time"]), "holder").alive()
    except (KeyError, TypeError, ValueError):
        return False


def is_mine(holder: dict[str, Any] | None) -> bool:
    """Tell whether this process is the holder."""
    return bool(holder) and lives(holder) and (holder or {}).get("pid") == os.getpid()


def being_taken_down(lease: Lease) -> str:
    """Return who else is taking a lease down at this moment, or an empty string."""
    holder = lease.holder or {}
    if holder.get("role") != _ROLE or not lives(holder) or is_mine(holder):
        return ""
    return f"process {holder.get('pid')} on {holder.get('host', 'this machine')}"


def claim(ledger: Ledger, lease: Lease, reason: str) -> Lease | None:
    """Mark a lease as releasing, with this process at work on it.

    A process that provisions it is overruled: it finds out with its next write. A lease that is released already was
    proved to be gone: what its teardown had left to do, or was killed before it did, is to forget it.

    Returns:
        The lease as written; None when it is gone from the ledger.

    Raises:
        ClaimedError: another process takes it down.
        EphkError: another process was faster by the blink of an eye.
    """
    other = being_taken_down(lease)
    if not other:
        try:
            return ledger.update(lease.releasing(reason).model_copy(update={"holder": _holder()}))
        except EphkError:  # it has changed since it was read, or it is gone
            pass
    try:
        current = ledger.find(lease.id)
    except NoSuchLeaseError:  # a ledger that cannot be asked is an error of its own
        return None
    if current.state is LeaseState.RELEASED:
        ledger.remove(current)
        return None
    other = being_taken_down(current)
    if other:
        raise ClaimedError(
            f"{lease.name} ({lease.id}) is being taken down by {other}",
            next_step=f"Wait for it, or look at it with 'ephk show {lease.name}'.",
        )
    return ledger.update(current.releasing(reason).model_copy(update={"holder": _holder()}))


def _holder() -> dict[str, Any]:
    own = ProcessRecord.of(os.getpid(), _ROLE)
    return {
        "role": _ROLE,
        "pid": own.pid,
        "create_time": own.create_time,
        "host": platform.node(),
        "until": rfc3339(datetime.now(UTC) + _HONOURED),
    }
