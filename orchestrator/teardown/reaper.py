"""The embedded reaper: `python -m orchestrator.teardown.reaper`, a process of its own that outlives every command.

It lives as long as there are leases. It takes down those whose time is over, those whose release was begun by a
process that died, those whose `up` died before they were ready, and those whose cloud died; each in a worker process,
so that no failure of a teardown ends the reaper. The cloud's process starts it again when it is killed, and so does
the next command.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from types import FrameType

import psutil
from filelock import FileLock, Timeout

from orchestrator import paths
from orchestrator.errors import EphkError
from orchestrator.lease import Lease
from orchestrator.ledger import FileLedger
from orchestrator.processes import ProcessRecord
from orchestrator.teardown.due import Due, due_leases
from orchestrator.teardown.heartbeat import heartbeat_file, remove_heartbeat, write_heartbeat
from orchestrator.teardown.reaper_process import lock_file, spawn

_log = logging.getLogger(__name__)

_POLL_S = 0.5
_BEAT_S = 5.0
#: Seconds until another attempt on a lease whose teardown left something, doubling up to the maximum.
_RETRY_S = 5.0
_RETRY_MOST_S = 600.0
#: Seconds for which a reason must hold before it is believed. Between two writes of a living command a lease may look
#: abandoned for an instant; and whoever looks soon after a cloud has died is to learn of it from `ephk list`.
_SURE_AFTER_S = {
    "expired": 0.0,
    "create-deadline": 0.0,
    "cloud-gone": float(os.environ.get("EPHK_CLOUD_GONE_S", "12")),
}
_SURE_AFTER_ELSE_S = 1.0
_WORKER_S = 1800.0


@dataclass
class _Attempts:
    """What the reaper has tried on one lease."""

    count: int = 0
    not_before: float = 0.0
    worker: subprocess.Popen[bytes] | None = None
    begun: float = field(default_factory=time.monotonic)


class ReaperLoop:
    """Watches the ledger of this state home."""

    def __init__(self) -> None:
        self._ledger = FileLedger()
        self._attempts: dict[str, _Attempts] = {}
        self._seen: dict[tuple[str, str], float] = {}
        self.stopping = threading.Event()

    def run(self) -> None:
        """Watch until no lease is left, or until told to stop."""
        own = ProcessRecord.of(psutil.Process().pid, "reaper")
        beat = 0.0
        while not self.stopping.is_set():
            if time.monotonic() - beat >= _BEAT_S:
                write_heartbeat(own)
                beat = time.monotonic()
            looked = time.monotonic()
            leases = self._ledger.leases()
            self._look(leases)
            if not leases and not self._ledger.unreadable() and not self._working():
                self._tidy()
                return
            # With very many leases a look takes long; the reaper never uses more than a tenth of a processor.
            self.stopping.wait(max(_POLL_S, 10 * (time.monotonic() - looked)))
        for attempts in self._attempts.values():
            if attempts.worker is not None:
                attempts.worker.terminate()

    def _look(self, leases: list[Lease]) -> None:
        """Begin what is due, and note what has ended."""
        alive = cloud_alive()
        for one in due_leases(leases, cloud_gone=lambda lease: lease.target == "embedded" and not alive):
            if lease_is_local(one.lease) and not one.skipped and self._sure(one):
                self._begin(one)
        for lease_id, attempts in self._attempts.items():
            self._note_end(lease_id, attempts)

    def _sure(self, due: Due) -> bool:
        """Tell whether a reason has held for long enough."""
        now = time.monotonic()
        since = self._seen.setdefault((due.lease.id, due.reason), now)
        return now - since >= _SURE_AFTER_S.get(due.reason, _SURE_AFTER_ELSE_S)

    def _begin(self, due: Due) -> None:
        attempts = self._attempts.setdefault(due.lease.id, _Attempts())
        if attempts.worker is not None or time.monotonic() < attempts.not_before:
            return
        attempts.count += 1
        attempts.begun = time.monotonic()
        _log.info("taking down %s (%s): %s, attempt %d", due.lease.name, due.lease.id, due.reason, attempts.count)
        attempts.worker = spawn(["--lease", due.lease.id])

    def _note_end(self, lease_id: str, attempts: _Attempts) -> None:
        if attempts.worker is None:
            return
        status = attempts.worker.poll()
        if status is None:
            if time.monotonic() - attempts.begun > _WORKER_S:
                _log.error("the teardown of %s did not end within %.0f s and is killed", lease_id, _WORKER_S)
                attempts.worker.kill()
            return
        attempts.worker = None
        pause_s = min(_RETRY_S * 2 ** (attempts.count - 1), _RETRY_MOST_S)
        attempts.not_before = time.monotonic() + pause_s
        _log.info("the teardown of %s ended with status %d", lease_id, status)

    def _working(self) -> bool:
        return any(attempts.worker is not None for attempts in self._attempts.values())

    def _tidy(self) -> None:
        """Remove what is this process's own; a cloud that died without a lease left its files, too."""
        if not cloud_alive():
            from orchestrator.target import cloud_sweep

            with contextlib.suppress(EphkError):  # somebody is starting one at this moment
                cloud_sweep()
        (heartbeat_file().parent / "reaper.log").unlink(missing_ok=True)
        remove_heartbeat()


def cloud_alive() -> bool:
    """Tell whether the embedded cloud's process lives, without loading what talks to it."""
    record = ProcessRecord.load(paths.cloud_dir() / paths.CLOUD_PROCESS)
    return record is not None and record.alive()


def lease_is_local(lease: Lease) -> bool:
    """Tell whether a lease is this reaper's business: on aws a schedule in the account reaps."""
    return lease.target == "embedded"


def work(lease_id: str) -> int:
    """Take one lease down if it is due, and write its receipt; returns the process's exit status."""
    from orchestrator.progress import SilentProgress
    from orchestrator.teardown.reap import Reaper
    from orchestrator.teardown.receipt import report_directory

    try:
        receipts, skipped = Reaper(FileLedger(), SilentProgress()).reap({lease_id})
    except EphkError as error:
        _log.error("%s: %s", lease_id, error.message)
        return 1
    for receipt in receipts:
        path = receipt.write(report_directory(receipt.lease))
        _log.info("%s: %s, receipt in %s", lease_id, "nothing left" if receipt.clean else "something is left", path)
    for lease, reason in skipped:
        _log.info("%s is left alone: %s", lease.id, reason)
    return 0 if all(receipt.clean for receipt in receipts) else 4


def main(arguments: list[str] | None = None) -> int:
    """Run the reaper, or with `--lease ID` one of its workers."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    for noisy in ("botocore", "boto3", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if arguments[:1] == ["--lease"]:
        return work(arguments[1])
    try:
        with FileLock(lock_file(), timeout=0):
            loop = ReaperLoop()

            def stop(_signal: int, _frame: FrameType | None) -> None:
                loop.stopping.set()

            signal.signal(signal.SIGTERM, stop)
            signal.signal(signal.SIGINT, stop)
            loop.run()
    except Timeout:
        return 0  # another one lives
    return 0


if __name__ == "__main__":
    sys.exit(main())
