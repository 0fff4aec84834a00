"""Processes that this product started: recognised by pid *and* start time, ended with the sessions that they lead.

A pid alone may have been given to somebody else's process since; a name pattern may match one.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from orchestrator.files import read_json, write_private_json


@dataclass(frozen=True)
class ProcessRecord:
    """One process as it was when it started.

    Attributes:
        pid: the process id, which is also its session's (it was started in a session of its own).
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
        return self._status() not in (None, psutil.STATUS_ZOMBIE)

    def _status(self) -> str | None:
        """Return this very process's status; None when it is gone, or its number belongs to another by now."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.create_time) < 1.0
            return str(process.status()) if same else None
        except psutil.NoSuchProcess:
            return None

    def end_group(self, *, grace_s: float = 5.0) -> bool:
        """End everything in the process's session: SIGTERM, then SIGKILL after `grace_s` seconds (0: at once).

        The process itself may have ended before what it started, but nobody may have waited for it yet: from then on
        its number can be another session's, and nothing would prove whose the members are.

        Returns:
            True when something was running, False when there was nothing to end.
        """
        if self._status() is None or not session_members(self.pid):
            return False
        if grace_s > 0:
            _signal(session_members(self.pid), signal.SIGTERM)
            if wait_until(lambda: not session_members(self.pid), deadline_s=grace_s):
                return True
        end_session(self.pid)
        return True


def session_members(session: int) -> list[int]:
    """Return the pids of the running processes of a session, whatever process groups they made in it."""
    members = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            if os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                members.append(pid)
    return members


def end_session(session: int) -> int:
    """Kill every process of a session; returns how many there were."""
    ended: set[int] = set()

    def none_left() -> bool:
        members = session_members(session)
        _signal(members, signal.SIGKILL)
        ended.update(members)
        return not members

    wait_until(none_left, deadline_s=5.0)
    return len(ended)


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def wait_for_session(process: subprocess.Popen[bytes], *, grace_s: float, timeout_s: float = math.inf) -> bool:
    """Wait for a process that leads a session of its own, then end what it left running there.

    Also when the waiting is interrupted; in every case nothing runs any more and `process.returncode` is known.

    Args:
        process: the process, started with `start_new_session`; nobody has waited for it.
        grace_s: what is still there gets so many seconds to end by itself.
        timeout_s: seconds until it is ended itself.

    Returns:
        True when it ended by itself in time.
    """
    record = ProcessRecord.of(process.pid, "session leader")
    try:
        return wait_until(lambda: not record.alive(), deadline_s=timeout_s)
    finally:
        # In this order: until somebody waits for the leader, its number stays its session's.
        record.end_group(grace_s=grace_s)
        process.wait()


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
