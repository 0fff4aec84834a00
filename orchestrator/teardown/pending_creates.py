"""Creates that were under way when an engine was killed: looked up in the cloud and deleted, never just forgotten.

Pulumi's state knows them by name only ("pending operations"), and clearing them would forget a resource that may exist
and cost money. A create whose plugin was killed, or whose answer was lost, is not even named there. Nothing can depend
on what was never reported as made, so these go first: destroy then meets no subnet that something unknown is in, and
does not wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import short
from orchestrator.teardown.direct import delete_directly
from orchestrator.teardown.found import Found
from orchestrator.teardown.inventory import take_inventory

if TYPE_CHECKING:  # Pulumi's SDK is loaded where it is used
    from orchestrator.engine.checkpoint import StateResource

#: Made by services, not by a create of ours; they go with what they belong to.
_OF_SERVICES = frozenset({"ec2:network-interface"})
_ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"


@dataclass(frozen=True)
class PendingOutcome:
    """What became of the creates that were under way.

    Attributes:
        deleted: what existed without being known by id, and is gone.
        notes: lines for the receipt.
    """

    deleted: tuple[Found, ...] = ()
    notes: tuple[str, ...] = ()


def delete_pending_creates(
    session: AwsSession,
    lease: str,
    state: Sequence[StateResource],
    *,
    patience_s: float,
    cancelled: threading.Event | None = None,
    suspected: bool = False,
) -> PendingOutcome:
    """Delete what exists of a lease and is known to its state by name only or not at all, if anything.

    Args:
        session: of somebody who may delete.
        lease: the lease's id.
        state: what the stack's state knows.
        patience_s: seconds for all waiting together. A cluster that MSK is still creating is waited for: destroy could
            not delete the network under it either.
        cancelled: ends all waiting.
        suspected: ask also without a pending create, because the creation did not come to its end.

    Returns:
        What was deleted; without pending creates or a suspicion the cloud is not even asked.
    """
    pending = [resource for resource in state if resource.pending == "creating" and not resource.id]
    if not pending and not suspected:
        return PendingOutcome()
    found_now = take_inventory(session, lease).left
    unknown = unknown_to(state, found_now)
    if any(
        resource.type == _ROLE_POLICY for resource in pending
    ):  # a role with a policy that the state does not know is refused by DeleteRole
        unknown += [item for item in found_now if item.kind == "iam:role" and item not in unknown]
    outcome = delete_directly(session, lease, unknown, patience_s=patience_s, cancelled=cancelled)
    notes = []
    if pending:
        names = ", ".join(f"{resource.name} ({resource.type.rsplit(':', 1)[-1]})" for resource in pending)
        notes.append(f"creates that were under way when the engine was ended: {names}")
    if outcome.deleted:
        found = ", ".join(f"{item.kind} {short(item.identifier)}" for item in outcome.deleted)
        notes.append(f"found in the cloud, unknown to Pulumi's state, and deleted: {found}")
    return PendingOutcome(outcome.deleted, tuple(notes))


def unknown_to(state: Iterable[StateResource], found: Iterable[Found]) -> list[Found]:
    """Return what was found and has no id in the state; ARNs and ids of the same thing count as equal."""
    known = {short(resource.id) for resource in state if resource.id}
    return [item for item in found if item.kind not in _OF_SERVICES and short(item.identifier) not in known]
