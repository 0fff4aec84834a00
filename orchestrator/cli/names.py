"""Which lease a command means."""

from __future__ import annotations

from orchestrator.errors import UsageError
from orchestrator.lease import Lease
from orchestrator.ledger import Ledger


def the_lease(ledger: Ledger, name: str | None) -> Lease:
    """Return the lease called `name`, or the only one when no name was given.

    Raises:
        UsageError: no name was given and there is not exactly one lease.
        EphkError: there is no lease of that name.
    """
    if name is not None:
        return ledger.find(name)
    leases = ledger.leases()
    if len(leases) == 1:
        return leases[0]
    if not leases:
        raise UsageError("there is no environment", next_step="Bring one up with: ephk up")
    names = ", ".join(lease.name for lease in leases)
    raise UsageError(f"there are {len(leases)} environments: {names}", next_step="Say which one.")
