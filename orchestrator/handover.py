"""When a command is interrupted: its environment goes to whoever can take the time to remove it.

Removing an environment takes seconds on the embedded target and half an hour on AWS; a cancelled CI job has ten
seconds. So the command writes down that the environment is to go, stops what it was doing, says how to resume, and
ends. The reaper does the rest: its process on the embedded target, its schedule on AWS.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from orchestrator import signals
from orchestrator.errors import EphkError
from orchestrator.lease import Lease, LeaseState
from orchestrator.ledger import Ledger
from orchestrator.progress import Progress
from orchestrator.signals import Interrupted

#: A lease may be written by somebody else between reading and writing.
_ATTEMPTS = 5


def ask_for_release(ledger: Ledger, lease_id: str, reason: str) -> bool:
    """Write down that a lease's environment is to go; whoever wrote to the lease meanwhile keeps what it wrote.

    Returns:
        False when there is no such lease (any more).
    """
    for _ in range(_ATTEMPTS):
        try:
            lease = ledger.find(lease_id)
        except EphkError:
            return False
        if lease.state in (LeaseState.RELEASING, LeaseState.LEAKING):
            return True
        with contextlib.suppress(EphkError):
            ledger.update(lease.releasing(reason))
            return True
    return False


@contextlib.contextmanager
def handed_over_on_interrupt(ledger: Ledger, lease: Lease, progress: Progress) -> Iterator[None]:
    """Mark the lease `releasing` on disk as the first act of an interrupt while the block runs, and say what follows.

    Raises:
        Interrupted: SIGINT or SIGTERM arrived; the lease is in `releasing`, or was never written.
    """
    resume = f"the reaper removes {lease.name}; to see it done: ephk down {lease.name}"
    try:
        with signals.first_on_interrupt(lambda: _mark(ledger, lease), hint=resume):
            yield
    except Interrupted as interrupt:
        signals.written_down()
        progress.note(f"{interrupt}: {resume}")
        raise


def _mark(ledger: Ledger, lease: Lease) -> None:
    ask_for_release(ledger, lease.id, "interrupted")
