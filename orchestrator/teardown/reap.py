"""Reaping: the leases that are due, then, when asked for, what nobody leases.

Idempotent, and safe from several places at once: every lease is claimed in the ledger first.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from orchestrator import ci_jobs
from orchestrator.lease import Lease
from orchestrator.lease_access import session_of
from orchestrator.ledger import Ledger
from orchestrator.progress import Progress
from orchestrator.target import target_named
from orchestrator.target_interface import CloudGoneError, TargetName
from orchestrator.teardown.due import Due, due_leases
from orchestrator.teardown.inventory import sweep
from orchestrator.teardown.orphans import Orphan, Reaped, find_orphans, prove_gone, reap_orphans
from orchestrator.teardown.receipt import Receipt
from orchestrator.teardown.way import PATIENCE_S, SETTLE_S, Teardown

#: What is younger may belong to a lease that this ledger does not show yet. On the embedded target there is one ledger,
#: on the same disk, written before the first resource.
GRACE: dict[TargetName, timedelta] = {"embedded": timedelta(0), "aws": timedelta(minutes=30)}


@dataclass(frozen=True)
class Planned:
    """What a dry run says of one lease.

    Attributes:
        due: the lease, why, and who is at it already.
        resources: how many of each kind the cloud has; None when it cannot be asked.
    """

    due: Due
    resources: dict[str, int] | None

    def document(self) -> dict[str, Any]:
        """Return the lease as `ephk reap --dry-run --json` shows it."""
        lease = self.due.lease
        return {
            "name": lease.name,
            "id": lease.id,
            "state": lease.state,
            "reason": self.due.reason,
            "skipped": self.due.skipped,
            "resources": self.resources,
        }


@dataclass(frozen=True)
class OrphanReport:
    """What was found that nobody leases.

    Attributes:
        reaped: each orphan with what became of it; nothing is deleted in a dry run.
        unanswered: questions that could not be asked: there may be more.
    """

    reaped: tuple[Reaped, ...] = ()
    unanswered: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """True when all questions were answered and nothing stays that should have gone."""
        return not self.unanswered and all(reaped.clean for reaped in self.reaped)


class Reaper:
    """Takes down what is due in one ledger.

    Args:
        ledger: the leases.
        progress: where long work is reported.
        patience_s: see `Teardown`.
    """

    def __init__(self, ledger: Ledger, progress: Progress, *, patience_s: float | None = None) -> None:
        self._ledger, self._progress, self._patience_s = ledger, progress, patience_s

    def due(self) -> list[Due]:
        """Return what is due now; the CI is asked for jobs on machines that cannot be seen from here."""
        return due_leases(self._ledger.leases(), cloud_gone=cloud_gone, job_ended=self._job_ended)

    def _job_ended(self, lease: Lease) -> bool:
        if lease.ci_job is None:
            return False
        state = ci_jobs.state_of(lease.ci_job)
        if state.known == "not known":
            self._progress.note(f"whether the CI job of {lease.name} ({lease.id}) has ended is not known: {state.why}")
        return state.known == "ended"

    def plan(self) -> list[Planned]:
        """Return what `reap` would take down, with one sweep of each cloud; nothing is changed."""
        due = self.due()
        counts: dict[str, dict[str, int]] = {}
        for target in {one.lease.target for one in due}:
            ids = [one.lease.id for one in due if one.lease.target == target]
            try:
                seen = sweep(target_named(target).session(), ids)
            except CloudGoneError:
                continue
            counts |= {lease: Orphan(lease, seen.of(lease).left, None).kinds() for lease in ids}
        return [Planned(one, counts.get(one.lease.id)) for one in due]

    def reap(self, only: Collection[str] | None = None) -> tuple[list[Receipt], list[tuple[Lease, str]]]:
        """Take down what is due.

        Args:
            only: ids of the leases to look at; None for all.

        Returns:
            The receipts, and the leases that were left alone, each with the reason.
        """
        due = [one for one in self.due() if only is None or one.lease.id in only]
        teardown = Teardown(self._ledger, self._progress, patience_s=self._patience_s)
        receipts, skipped = teardown.take_down_all([(one.lease, one.reason) for one in due if not one.skipped])
        return receipts, [(one.lease, one.skipped) for one in due if one.skipped] + skipped

    def orphans(self, target: TargetName, *, grace: timedelta | None, dry_run: bool) -> OrphanReport:
        """Find what nobody leases and, unless it is a dry run, delete it and look again.

        May run in several places at once: what another one has deleted first is gone, which is all that is wanted.

        Args:
            target: whose cloud is looked at; one that does not run has nothing.
            grace: see `find_orphans`; None for the target's own.
            dry_run: delete nothing.

        Raises:
            EphkError: the target's ledger cannot be asked: everything that is leased would look like an orphan.
        """
        try:
            session = target_named(target).session()
        except CloudGoneError:
            return OrphanReport()
        with self._progress.step("looking for what nobody leases"):
            # The resources first and the ledger afterwards: what was leased in between is not taken for an orphan.
            orphans, unanswered = find_orphans(session, (), grace=GRACE[target] if grace is None else grace)
            leased = {lease.id for lease in self._ledger.leases()}
            orphans = [orphan for orphan in orphans if orphan.lease not in leased]
            unreadable = [f"a lease that cannot be read: {place}" for place in self._ledger.unreadable()]
        if unreadable:
            why = "the ledger has a lease that cannot be read, and this may be its environment"
            orphans = [replace(orphan, skipped=orphan.skipped or why) for orphan in orphans]
        if dry_run:
            return OrphanReport(tuple(Reaped(orphan) for orphan in orphans), (*unanswered, *unreadable))
        patience_s = PATIENCE_S[target] if self._patience_s is None else self._patience_s
        reaped = reap_orphans(session, orphans, patience_s=patience_s)
        with self._progress.step("looking whether they are gone"):
            proved, unproved = prove_gone(session, reaped, settle_s=SETTLE_S[target])
        return OrphanReport(tuple(proved), (*unanswered, *unreadable, *unproved))


def cloud_gone(lease: Lease) -> bool:
    """Tell whether the cloud that a ready lease lives in has ended (the embedded one can)."""
    if lease.target != "embedded":
        return False
    try:
        session_of(lease)
    except CloudGoneError:
        return True
    return False
