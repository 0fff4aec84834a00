"""The way of a teardown: claim, Pulumi's destroy, inventory, direct deletion, inventory again, receipt.

It needs the lease and the ledger: no spec file, no checkout, no Pulumi program. One sweep of the cloud serves all
leases that go at once.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from orchestrator import paths
from orchestrator.aws import AwsSession
from orchestrator.errors import EphkError
from orchestrator.lease import Lease, LeaseState
from orchestrator.lease_access import session_of, stack_of
from orchestrator.ledger import Ledger
from orchestrator.progress import Progress
from orchestrator.target import target_named, target_of
from orchestrator.target_interface import CloudGoneError
from orchestrator.teardown.claim import ClaimedError, claim
from orchestrator.teardown.deleters.model import short
from orchestrator.teardown.direct import Kept, Outcome, delete_directly
from orchestrator.teardown.found import Found, Inventory
from orchestrator.teardown.inventory import Sweep, sweep
from orchestrator.teardown.pending_creates import delete_pending_creates
from orchestrator.teardown.receipt import Deleted, Receipt

#: Seconds that one lease's direct deletion may wait for states and dependents. MSK takes up to an hour until a cluster
#: in CREATING can be deleted, and its network interfaces linger after it; the embedded cloud rehearses both in seconds.
PATIENCE_S = {"embedded": 60.0, "aws": 5400.0}
#: Seconds to ask again while the listings still show what the services have deleted (they are eventually consistent).
SETTLE_S = {"embedded": 3.0, "aws": 60.0}
#: Seconds after which a request that was sent has had its effect, if it has any.
_LATE_S = {"embedded": 2.0, "aws": 60.0}
#: Seconds beyond its patience that another process gets for its teardown.
_OTHERS_MARGIN_S = 60.0
#: Leases whose resources are deleted side by side.
_SIDE_BY_SIDE = 8
#: How often what an inventory finds is deleted directly, each resource once: a question that went unanswered the first
#: time may be answered after the deletion of what the others found.
_PASSES = 3
#: Leases of one round, whose listings are those of everything in the account: few rounds for many leases. What a round
#: has found is in memory until its receipts are written.
_ROUND = 1000


@dataclass
class _Job:
    """What is known of one lease while it goes."""

    lease: Lease
    session: AwsSession | None = None
    deleted: list[Deleted] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    in_state: frozenset[str] = frozenset()
    tried: set[tuple[str, str]] = field(default_factory=set)
    outcome: Outcome = field(default_factory=Outcome)
    inventory: Inventory | None = None
    begun: float = field(default_factory=time.monotonic)

    def untried(self) -> list[Found]:
        """Return what the last inventory has found and nobody has tried to delete directly yet."""
        left = self.inventory.left if self.inventory else ()
        return [item for item in left if (item.kind, item.identifier) not in self.tried]

    def receipt(self) -> Receipt:
        """Return the receipt: the last inventory decides what is left, whatever was reported as deleted."""
        left = self.inventory.left if self.inventory else ()
        still = {short(item.identifier) for item in left}
        told = {(kept.item.kind, kept.item.identifier): kept for kept in self.outcome.kept}
        reported = {short(item.name) for item in self.deleted}
        kept = [told[item.kind, item.identifier] for item in left if (item.kind, item.identifier) in told]
        kept += [
            Kept(item, "was reported as deleted, and it is still there")
            for item in left
            if (item.kind, item.identifier) not in told and short(item.identifier) in reported
        ]
        deleted = tuple(item for item in self.deleted if short(item.name) not in still)
        duration_s = time.monotonic() - self.begun
        return Receipt(self.lease, deleted, self.inventory, tuple(self.notes), duration_s, tuple(kept))


class Teardown:
    """Takes leases down and proves it.

    Args:
        ledger: where the leases are written.
        progress: where long work is reported.
        patience_s: seconds of waiting for one lease's resources; None for the target's own.
    """

    def __init__(self, ledger: Ledger, progress: Progress, *, patience_s: float | None = None) -> None:
        self._ledger, self._progress, self._patience_s = ledger, progress, patience_s
        self._cancelled = threading.Event()
        self._sessions: dict[tuple[str, str], AwsSession] = {}

    def take_down(self, lease: Lease, reason: str) -> Receipt:
        """Take one lease down; when another process does it already, wait for that and look at what it left.

        Raises:
            ClaimedError: the other process did not end in time.
        """
        try:
            claimed = claim(self._ledger, lease, reason)
        except ClaimedError as error:
            self._progress.note(f"{error.message}; waiting for it")
            claimed = self._after_the_other(lease, reason)
        return self._round([claimed])[0] if claimed is not None else self._proved(lease)

    def _after_the_other(self, lease: Lease, reason: str) -> Lease | None:
        """Claim a lease once whoever is at it has ended; None when nothing of it is left in the ledger."""
        patience_s = PATIENCE_S[lease.target] if self._patience_s is None else self._patience_s
        end = time.monotonic() + patience_s + _OTHERS_MARGIN_S
        while True:
            try:
                return claim(self._ledger, lease, reason)
            except ClaimedError:
                if time.monotonic() >= end or self._cancelled.wait(0.5):
                    raise

    def _proved(self, lease: Lease) -> Receipt:
        """Return a receipt for a lease that another process took down: what is left, asked anew."""
        job = _Job(lease, notes=["another process took it down at the same time; its own receipt says what it deleted"])
        with contextlib.suppress(CloudGoneError):
            job.inventory = sweep(session_of(lease), [lease.id]).of(lease.id)
        return job.receipt()

    def take_down_all(self, wanted: Sequence[tuple[Lease, str]]) -> tuple[list[Receipt], list[tuple[Lease, str]]]:
        """Take many leases down together.

        Args:
            wanted: leases with the reason for each.

        Returns:
            The receipts, and the leases that were left to somebody else, with the reason.
        """
        receipts: list[Receipt] = []
        skipped: list[tuple[Lease, str]] = []
        for start in range(0, len(wanted), _ROUND):
            claimed = []
            for lease, reason in wanted[start : start + _ROUND]:
                try:
                    mine = claim(self._ledger, lease, reason)
                except EphkError as error:
                    skipped.append((lease, error.message))
                    continue
                if mine is None:
                    skipped.append((lease, "another process has taken it down"))
                else:
                    claimed.append(mine)
            if claimed:
                receipts += self._round(claimed)
        return receipts, skipped

    def _round(self, claimed: Sequence[Lease]) -> list[Receipt]:
        jobs = [_Job(lease) for lease in claimed]
        clouds: defaultdict[tuple[str, str], list[_Job]] = defaultdict(list)
        for job in jobs:
            self._reach(job)
            if job.session is not None:
                cloud = job.session.cloud
                clouds[cloud.region, cloud.endpoint_url or ""].append(job)
        try:
            for together in clouds.values():
                self._empty(together)
        except BaseException:
            self._cancelled.set()  # the threads that wait stop waiting
            raise
        receipts = [self._close(job) for job in jobs]
        for target in {job.lease.target for job in jobs}:
            target_named(target).release()
        return receipts

    def _reach(self, job: _Job) -> None:
        """Find the lease's cloud; when it has ended, end what it left on this machine."""
        target = target_of(job.lease)
        if target.end_registry(paths.lease_dir(job.lease.id)):
            job.deleted.append(Deleted("process", "schema registry", "direct"))
        try:
            job.session = self._shared(session_of(job.lease))
        except CloudGoneError:
            job.notes.append("the embedded cloud was gone already: its resources lived in its memory and ended with it")
            self._end_engine(job.lease)
            ended = target.end_leftovers(paths.lease_dir(job.lease.id))
            job.deleted += [Deleted("process", f"broker {number + 1}", "direct") for number in range(ended)]

    def _shared(self, session: AwsSession) -> AwsSession:
        """Return the session that all leases of one cloud share: a session is a megabyte of clients and models."""
        return self._sessions.setdefault((session.cloud.region, session.cloud.endpoint_url or ""), session)

    def _empty(self, jobs: Sequence[_Job]) -> None:
        """Take everything away that the leases of one cloud have in it."""
        session = jobs[0].session
        assert session is not None  # noqa: S101 - the caller grouped by session
        for job in jobs:
            self._destroy(job, session)
        self._remove_decoys(jobs, session)
        ids = [job.lease.id for job in jobs]
        self._await_late_creates(jobs)
        with self._progress.step("inventory"):
            seen = sweep(session, ids)
        for job in jobs:
            job.inventory = seen.of(job.lease.id)
        for _ in range(_PASSES):
            remaining = [job for job in jobs if job.untried()]
            if not remaining:
                return
            count = sum(len(job.untried()) for job in remaining)
            with self._progress.step(f"direct deletion of {count} resources that Pulumi did not delete"):
                self._delete_all(session, remaining)
            with self._progress.step("inventory"):
                after = self._settled(session, remaining)
            for job in remaining:
                job.inventory = after.of(job.lease.id)

    def _await_late_creates(self, jobs: Sequence[_Job]) -> None:
        """Let a create arrive that a killed process had sent: an inventory before that would be empty too early."""
        now = time.monotonic()
        late_s = [_LATE_S[job.lease.target] - (now - job.begun) for job in jobs if job.lease.ready_at is None]
        if late_s and max(late_s) > 0:
            self._cancelled.wait(max(late_s))

    def _end_engine(self, lease: Lease) -> None:
        """End a Pulumi that outlived the command that started it; recorded in the lease's own directory."""
        record = paths.lease_dir(lease.id) / "pulumi" / "cli.json"
        if record.exists():
            from orchestrator.engine.ownership import take_over

            take_over(record, stop_owner=True)

    def _destroy(self, job: _Job, session: AwsSession) -> None:
        """Let Pulumi destroy what its state knows; its failure is a note, since the inventory is what decides."""
        self._end_engine(job.lease)
        if job.lease.target == "embedded" and not (paths.lease_dir(job.lease.id) / "pulumi").is_dir():
            job.notes.append("there is no Pulumi state for the lease on this machine: deleted by tag")
            return
        stack = stack_of(job.lease)
        try:
            known = stack.resources()
            job.in_state = frozenset(resource.id for resource in known if resource.id)
            pending = delete_pending_creates(
                session,
                job.lease.id,
                known,
                patience_s=self._patience(job),
                cancelled=self._cancelled,
                suspected=job.lease.ready_at is None,
            )
            job.deleted += [Deleted(item.kind, item.identifier, "direct") for item in pending.deleted]
            job.notes += pending.notes
            stack.destroy(
                target_of(job.lease).plugin_environment(session),
                self._progress,
                on_deleted=lambda kind, name: job.deleted.append(Deleted(kind, name, "pulumi")),
            )
        except EphkError as error:
            job.notes.append(f"Pulumi's destroy did not finish: {error.message}")

    def _remove_decoys(self, jobs: Sequence[_Job], session: AwsSession) -> None:
        """Remove what a `verify` that was killed has left outside of the environments."""
        from contracts.iam import decoys

        beginnings = {decoys.prefix(job.lease.id): job for job in jobs}
        for beginning, removed in decoys.remove(session, beginnings).items():
            beginnings[beginning].deleted += [Deleted(kind, name, "direct") for kind, name in removed]

    def _patience(self, job: _Job) -> float:
        return PATIENCE_S[job.lease.target] if self._patience_s is None else self._patience_s

    def _delete_all(self, session: AwsSession, jobs: Sequence[_Job]) -> None:
        def delete(job: _Job) -> None:
            items = job.untried()
            job.tried |= {(item.kind, item.identifier) for item in items}
            by_pulumi = {short(item.name) for item in job.deleted if item.by == "pulumi"}
            for item in items:
                if short(item.identifier) in by_pulumi:
                    job.notes.append(f"Pulumi reported {item.identifier} as deleted, and it was still there")
            done = delete_directly(
                session,
                job.lease.id,
                items,
                in_state=job.in_state,
                patience_s=self._patience(job),
                cancelled=self._cancelled,
            )
            job.outcome = Outcome(job.outcome.deleted + done.deleted, job.outcome.kept + done.kept)
            job.deleted += [Deleted(item.kind, item.identifier, "direct") for item in done.deleted]

        pool = ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE, thread_name_prefix="teardown")
        try:
            for _ in pool.map(delete, jobs):
                pass
        except BaseException:
            self._cancelled.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _settled(self, session: AwsSession, jobs: Sequence[_Job]) -> Sweep:
        """Ask again until the listings agree with the services that said that everything is gone, or time is over."""
        end = time.monotonic() + max(SETTLE_S[job.lease.target] for job in jobs)
        pause_s = 0.2
        while True:
            seen = sweep(session, [job.lease.id for job in jobs])
            stale = any(item in job.outcome.deleted for job in jobs for item in seen.of(job.lease.id).left)
            if not stale or time.monotonic() >= end or self._cancelled.wait(pause_s):
                return seen
            pause_s = min(pause_s * 2, 10.0)

    def _close(self, job: _Job) -> Receipt:
        """Write down how it ended: the lease is forgotten when nothing is left, and stays `leaking` otherwise."""
        receipt = job.receipt()
        if receipt.clean:
            self._ledger.remove(self._ledger.update(job.lease.moved_to(LeaseState.RELEASED, holder=None)))
        else:
            self._ledger.update(job.lease.moved_to(LeaseState.LEAKING, holder=None))
        return receipt
