"""Orphans: what carries a lease's tag, and no lease in the ledger has that id.

Found by tag alone, with or without a Pulumi state. What carries no tag is foreign and never looked at twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator import tags
from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import explain
from orchestrator.teardown.deleters.table import DELETERS
from orchestrator.teardown.direct import Kept, delete_directly
from orchestrator.teardown.found import Found
from orchestrator.teardown.inventory import sweep
from orchestrator.teardown.ownership import Ownership


@dataclass(frozen=True)
class Orphan:
    """The resources of one lease id that nobody leases.

    Attributes:
        lease: the id that their tags name.
        items: the resources, without those that wait for their deletion already.
        created_at: the latest `ephk:created-at` among their tags; None when no tag tells.
        skipped: why they are left alone for now; empty when they are not.
    """

    lease: str
    items: tuple[Found, ...]
    created_at: datetime | None
    skipped: str = ""

    def kinds(self) -> dict[str, int]:
        """Return how many there are of each kind."""
        return dict(sorted(Counter(item.kind for item in self.items).items()))


@dataclass(frozen=True)
class Reaped:
    """What became of an orphan.

    Attributes:
        orphan: as it was found.
        deleted: what is gone.
        kept: what stays, with the reason.
    """

    orphan: Orphan
    deleted: tuple[Found, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def clean(self) -> bool:
        """True when nothing stays that should have gone."""
        return not self.kept

    def document(self) -> dict[str, Any]:
        """Return the orphan as `ephk reap --orphans --json` shows it."""
        return {
            "lease": self.orphan.lease,
            "resources": self.orphan.kinds(),
            "skipped": self.orphan.skipped,
            "deleted": [{"kind": item.kind, "identifier": item.identifier} for item in self.deleted],
            "left": [
                {"kind": kept.item.kind, "identifier": kept.item.identifier, "why": kept.why} for kept in self.kept
            ],
        }


def find_orphans(
    session: AwsSession, leased: Collection[str], *, grace: timedelta, now: datetime | None = None
) -> tuple[list[Orphan], tuple[str, ...]]:
    """Return what nobody leases, and the questions that could not be answered.

    Args:
        session: of somebody who may list.
        leased: ids of every lease in the ledger, in whatever state.
        grace: what is younger is left alone, and with a grace so is what by its own tag has time left: its lease may
            be in a ledger that is not known here. Zero means that this ledger is the only one.
        now: the time, for tests.
    """
    moment = now or datetime.now(UTC)
    seen = sweep(session, None)
    orphans, unanswered = [], list(seen.unanswered)
    for lease, items in sorted(seen.by_lease.items()):
        if lease in leased:
            continue
        left, unread = _marked(session, lease, items)
        unanswered += unread
        if not left:
            continue
        created_at, expires_at = _latest(left, tags.CREATED_AT), _latest(left, tags.EXPIRES_AT)
        orphans.append(Orphan(lease, left, created_at, _skipped(created_at, expires_at, grace, moment)))
    return orphans, tuple(unanswered)


def _marked(session: AwsSession, lease: str, items: Sequence[Found]) -> tuple[tuple[Found, ...], list[str]]:
    """Return what carries the lease's tag, and whose tags could not be read; a name of our shape alone is foreign.

    What services made for an orphan stays with it, although it carries no tag: it is waited for.
    """
    ownership, marked, unread = Ownership(session, lease), [], []
    for item in items:
        if item.pending:
            continue
        try:
            if ownership.proof(item) or (item.kind in DELETERS and DELETERS[item.kind].untagged):
                marked.append(item)
        except (ClientError, BotoCoreError) as error:
            unread.append(f"tags of {item.kind} {item.identifier}: {explain(error)}")
    return tuple(marked), unread


def reap_orphans(session: AwsSession, orphans: Sequence[Orphan], *, patience_s: float) -> list[Reaped]:
    """Delete the orphans that are not skipped, in dependency order, each within `patience_s` seconds of waiting."""
    reaped = []
    for orphan in orphans:
        if orphan.skipped:
            reaped.append(Reaped(orphan))
            continue
        outcome = delete_directly(session, orphan.lease, orphan.items, patience_s=patience_s)
        reaped.append(Reaped(orphan, outcome.deleted, outcome.kept))
    return reaped


def prove_gone(
    session: AwsSession, reaped: Sequence[Reaped], *, settle_s: float
) -> tuple[list[Reaped], tuple[str, ...]]:
    """Ask the cloud what is still there.

    What was reported as deleted and is still there counts as kept; what was kept and is not there any more, another
    process has deleted at the same time.

    Args:
        session: of somebody who may list.
        reaped: what became of the orphans.
        settle_s: seconds in which listings may still show what is gone (they are eventually consistent).

    Returns:
        The orphans as they are, and the questions that could not be answered.
    """
    ids = [one.orphan.lease for one in reaped if one.deleted or one.kept]
    if not ids:
        return list(reaped), ()
    end, pause_s = time.monotonic() + settle_s, 0.2
    while True:
        seen = sweep(session, ids)
        still = {(item.kind, item.identifier) for lease in ids for item in seen.of(lease).left}
        if time.monotonic() >= end or not any((i.kind, i.identifier) in still for one in reaped for i in one.deleted):
            break
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 10.0)
    proved = []
    for one in reaped:
        left = tuple(item for item in one.deleted if (item.kind, item.identifier) in still)
        kept = [kept for kept in one.kept if (kept.item.kind, kept.item.identifier) in still or seen.unanswered]
        kept += [Kept(item, "was reported as deleted, and it is still there") for item in left]
        deleted = tuple(item for item in one.deleted if item not in left)
        proved.append(replace(one, deleted=deleted, kept=tuple(kept)))
    return proved, seen.unanswered


def _latest(items: Sequence[Found], tag: str) -> datetime | None:
    moments = []
    for item in items:
        try:
            moments.append(datetime.fromisoformat(dict(item.tags or ())[tag]).astimezone(UTC))
        except (KeyError, ValueError):
            continue
    return max(moments, default=None)


def _skipped(created_at: datetime | None, expires_at: datetime | None, grace: timedelta, now: datetime) -> str:
    if not grace:
        return ""
    if created_at is None:
        return f"no {tags.CREATED_AT} tag tells its age; '--grace 0s' deletes it nevertheless"
    if now - created_at < grace:
        return f"younger than {int(grace.total_seconds() // 60)} minutes"
    if expires_at is not None and now < expires_at:
        return f"its own tag says that it lives until {tags.rfc3339(expires_at)}"
    return ""
