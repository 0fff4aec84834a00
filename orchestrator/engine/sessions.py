"""The session of processes that a CLI runs in: its plugins have process groups of their own, but not sessions."""

from __future__ import annotations

import contextlib
import os
import signal

import psutil

from orchestrator.processes import wait_until

#: Seconds that a CLI gets to end after it was asked to: it waits for the calls under way, then saves its state.
STOP_S = 30.0


def session_members(session: int) -> list[int]:
    """Return the pids of the running processes of a session."""
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
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended.update(members)
        return not members

    wait_until(none_left, deadline_s=5.0)
    return len(ended)
