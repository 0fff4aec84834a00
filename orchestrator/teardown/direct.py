"""Direct deletion of what an inventory found, without Pulumi: ownership first, then kind by kind."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import Deleter, RefusedError, Work, explain, is_gone
from orchestrator.teardown.deleters.table import DELETERS, order
from orchestrator.teardown.found import Found
from orchestrator.teardown.ownership import Ownership


@dataclass(frozen=True)
class Kept:
    """Something that was found and not deleted.

    Attributes:
        item: what it is.
        why: the reason, for whoever has to act.
    """

    item: Found
    why: str


@dataclass(frozen=True)
class Outcome:
    """What direct deletion did.

    Attributes:
        deleted: what is gone, or scheduled to go.
        kept: what stays, each with its reason.
    """

    deleted: tuple[Found, ...] = ()
    kept: tuple[Kept, ...] = ()


def delete_directly(
    session: AwsSession,
    lease: str,
    items: Sequence[Found],
    *,
    in_state: Collection[str] = (),
    patience_s: float,
    cancelled: threading.Event | None = None,
) -> Outcome:
    """Delete what is a lease's; never raises for a resource that stays.

    Args:
        session: of somebody who may delete.
        lease: the lease's id.
        items: what the inventory found; what is pending already is passed over.
        in_state: ids that the lease's Pulumi state names.
        patience_s: seconds for all waiting together.
        cancelled: set from outside to end all waiting.
    """
    ownership = Ownership(session, lease, in_state)
    work = Work(session, patience_s, lambda item: bool(ownership.proof(item)), cancelled=cancelled or threading.Event())
    deleted: list[Found] = []
    kept: list[Kept] = []
    place = {kind: index for index, kind in enumerate(order())}
    for item in sorted((i for i in items if not i.pending), key=lambda i: place.get(i.kind, -1)):
        if work.cancelled.is_set():
            break
        why = _delete(work, item)
        if why:
            kept.append(Kept(item, why))
            work.kept.add(item.kind)
        else:
            deleted.append(item)
    return Outcome(tuple(deleted), tuple(kept))


def _delete(work: Work, item: Found) -> str:
    """Delete one resource; returns why it stays, or an empty string."""
    deleter: Deleter | None = DELETERS.get(item.kind)
    if deleter is None:
        return f"there is no deleter for {item.kind}: delete it by hand"
    try:
        if not deleter.untagged and not work.owns(item):
            return "does not carry the lease's tag, and no state of the lease names it: it was not touched"
        deleter.delete(work, item)
    except RefusedError as refusal:
        return str(refusal)
    except ClientError as error:
        return "" if is_gone(error) else explain(error)
    except BotoCoreError as error:
        return explain(error)
    return ""
