"""Processes that this product started: recognised by pid *and* start time, ended as groups.

A pid alone may have been given to somebody else's process since; a name pattern may match one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from orchestrator.files import read_json, write_private_json


@dataclass(frozen=True)
class ProcessRecord:
    """One process as it was when it started.

    Attributes:
        pid: the process id, which is also its process-group id (it was started in its own session).
        create_time: seconds since the epoch, as the operating system reports it.
        role: what it is for, for messages ("broker 1", "embedded cloud").
    """

    pid: int
    create_time: float
    role: str

    @classmethod
    def of(cls, pid: int, role: str) -> ProcessRecord:
        """Describe a running process; raises psutil.NoSuchProcess."""
        return cls(pid, psutil.Process(pid).create_time(), role)

    @classmethod
    def load(cls, path: Path) -> ProcessRecord | None:
        """Read a record written by `save`, or None when there is none or it cannot be read."""
        try:
            document = read_json(path)
            return cls(int(document["pid"]), float(document["create_time"]), str(document["role"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, path: Path) -> None:
        """Write the record, so that another process can end this one."""
        write_private_json(path, asdict(self))

    def alive(self) -> bool:
        """Tell whether this very process still runs (a zombie does not)."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.create_time) < 1.0
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def end_group(self, *, grace_s: float = 5.0) -> bool:
        """End the process group: SIGTERM, then SIGKILL after `grace_s` seconds (0: at once).

        Returns:
            True when it was running, False when there was nothing to end.
        """
        if not self.alive():
            return False
        if grace_s > 0:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGTERM)
            if wait_until(lambda: not self.alive(), deadline_s=grace_s):
                return True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        wait_until(lambda: not self.alive(), deadline_s=5.0)
        return True


def wait_until(condition: object, *, deadline_s: float, poll_s: float = 0.02) -> bool:
    """Poll `condition` (a callable) until it is true or `deadline_s` seconds have passed.

    Returns:
        The condition's last answer, as a bool.
    """
    if not callable(condition):
        raise TypeError("condition must be callable")
    end = time.monotonic() + deadline_s
    while True:
        if condition():
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(poll_s)
