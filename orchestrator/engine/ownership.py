"""Who works on a lease's stack: the CLI that runs, the command that started it, and the lock in the state.

A stack that somebody works on is left alone. A CLI or a lock whose owner is gone is taken over, but only on proof: the
process does not exist on this machine, or its number belongs to a process that is younger than the record. A lock
that another machine took is judged by its age alone: our runner ends every operation at its deadline.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import signal
import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from orchestrator.errors import EphkError
from orchestrator.files import read_json, write_private_json
from orchestrator.processes import ProcessRecord, end_session, session_members, wait_until
from orchestrator.signals import EXIT_WITHIN_S

#: Seconds that a CLI gets to end after it was asked to: it waits for the calls under way, then saves its state.
STOP_S = 30.0
#: Seconds by which clocks of the kernel and of the lock's writer may differ.
_CLOCK_S = 2.0
#: Seconds that a command gets to stop after it was asked to: it ends itself by force before that.
_OWNER_S = 10.0
_PLUGINS_S = 3.0


@dataclass(frozen=True)
class CliRecord:
    """A CLI that runs, and the command that started it.

    Attributes:
        cli: the CLI; the members of `ProcessRecord` in the file, so that whoever only wants to end it can read it.
        owner: the command of ours that waits for it.
    """

    cli: ProcessRecord
    owner: ProcessRecord

    @classmethod
    def of(cls, pid: int, role: str) -> CliRecord:
        """Describe a CLI that this process started; raises psutil.NoSuchProcess."""
        return cls(ProcessRecord.of(pid, role), ProcessRecord.of(os.getpid(), "ephk"))

    @classmethod
    def load(cls, path: Path) -> CliRecord | None:
        """Read a record, or None when there is none or it cannot be read; one without an owner has lost it."""
        cli = ProcessRecord.load(path)
        if cli is None:
            return None
        try:
            document = read_json(path).get("owner") or {}
            owner = ProcessRecord(int(document["pid"]), float(document["create_time"]), str(document["role"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            owner = ProcessRecord(0, 0.0, "")
        return cls(cli, owner)

    def save(self, path: Path) -> None:
        """Write the record, so that another process knows whose CLI this is, and can end one that was left alone."""
        write_private_json(path, {**asdict(self.cli), "owner": asdict(self.owner)})


def take_over(record: Path, *, stop_owner: bool = False) -> bool:
    """End a CLI whose owner is gone, so that the stack is free.

    It is asked first: an engine that stops in good order writes down the ids of what it was making, and destroy finds
    it. What was under way when an engine is killed is known by name only.

    Args:
        record: where the CLI is written down.
        stop_owner: ask a command that still works on the stack to stop, as Ctrl-C does: right for whoever has claimed
            the lease to take it down, and for nobody else.

    Returns:
        True when there was one.

    Raises:
        EphkError: its owner still works on the stack, or does not stop.
    """
    found = CliRecord.load(record)
    if found is None:
        record.unlink(missing_ok=True)
        return False
    # One that was interrupted already is on its way out, and a second signal would end it by force.
    if stop_owner and not wait_until(lambda: not (found.cli.alive() and _works(found.owner)), deadline_s=EXIT_WITHIN_S):
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.owner.pid, signal.SIGINT)
        wait_until(lambda: not found.owner.alive(), deadline_s=_OWNER_S)
    if not found.cli.alive():
        # Plugins of an engine that was killed notice it within a second; a call of theirs may be under way until then.
        wait_until(lambda: not session_members(found.cli.pid), deadline_s=_PLUGINS_S)
        record.unlink(missing_ok=True)
        return False
    if _works(found.owner):
        since = datetime.fromtimestamp(found.cli.create_time, UTC)
        raise EphkError(
            f"another command works on this environment: process {found.owner.pid} runs '{found.cli.role}' since "
            f"{since:%H:%M:%S} UTC",
            next_step=f"Wait for it, or stop it in good order with: kill -INT {found.owner.pid}",
        )
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.cli.pid, signal.SIGINT)
    wait_until(lambda: not found.cli.alive(), deadline_s=STOP_S)
    end_session(found.cli.pid)
    record.unlink(missing_ok=True)
    return True


def _works(owner: ProcessRecord) -> bool:
    return owner.alive() and owner.pid != os.getpid()


@dataclass(frozen=True)
class StackLock:
    """A lock as Pulumi's DIY backend writes it (`.pulumi/locks/.../<uuid>.json`).

    Attributes:
        pid: the CLI that took it.
        username: who ran it.
        hostname: on which machine.
        since: when (UTC); None when the lock does not tell.
    """

    pid: int
    username: str
    hostname: str
    since: datetime | None

    @classmethod
    def parse(cls, text: str) -> StackLock:
        """Read a lock; raises ValueError when it is none."""
        try:
            document: dict[str, Any] = json.loads(text)
            pid, username, hostname = int(document["pid"]), str(document["username"]), str(document["hostname"])
            timestamp = str(document.get("timestamp") or "")
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a lock of Pulumi's: {error}") from None
        since = None
        with contextlib.suppress(ValueError):
            since = datetime.fromisoformat(timestamp)
        return cls(pid, username, hostname, since)

    def owner_is_gone(self, gone_after_s: float) -> bool:
        """Tell whether it is proved that the process that took the lock does not run any more.

        Args:
            gone_after_s: seconds after which no operation of ours can still be running, on whatever machine.
        """
        if self.hostname != socket.gethostname():
            return self.since is not None and (datetime.now(UTC) - self.since).total_seconds() > gone_after_s
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            # A process that began after the lock was taken has inherited the number, not the lock.
            return self.since is not None and process.create_time() > self.since.timestamp() + _CLOCK_S
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False  # somebody's process has that number, and nobody tells whose

    def __str__(self) -> str:
        """Say who holds it, since when."""
        since = f" since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        return f"process {self.pid} of {self.username} on {self.hostname}{since}"


def refuse_held(locks: Iterable[str], *, gone_after_s: float) -> int:
    """Check that nobody who may still live holds a stack.

    Args:
        locks: the texts of the lock files.
        gone_after_s: see `StackLock.owner_is_gone`.

    Returns:
        How many locks there are, all of them of processes that are gone.

    Raises:
        EphkError: a lock's owner lives, or cannot be judged from here; names it.
    """
    stale = 0
    for text in locks:
        try:
            lock = StackLock.parse(text)
        except ValueError as error:
            raise EphkError(
                f"the stack is locked, and nobody can tell by whom: {error}",
                next_step="Look at the lock below the state's '.pulumi/locks', and remove it if its owner is gone.",
            ) from None
        if not lock.owner_is_gone(gone_after_s):
            here = lock.hostname == socket.gethostname() and lock.username == getpass.getuser()
            raise EphkError(
                f"the stack is locked by {lock}",
                next_step="Wait for it to end."
                if here
                else "Wait for it to end; if that machine is gone, remove the lock below the state's '.pulumi/locks'.",
            )
        stale += 1
    return stale
