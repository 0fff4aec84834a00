"""The embedded reaper's sign of life: who it is, and when it last looked at the leases."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator.files import read_json, write_private_json
from orchestrator.paths import state_home
from orchestrator.processes import ProcessRecord

#: A reaper that has not written for so long has stopped; it writes every few seconds, also while it works.
STALE_AFTER = timedelta(seconds=30)


@dataclass(frozen=True)
class Heartbeat:
    """One sign of life.

    Attributes:
        at: when (UTC).
        process: the reaper.
    """

    at: datetime
    process: ProcessRecord

    def beating(self, now: datetime | None = None) -> bool:
        """Tell whether the reaper lives and has looked at the leases lately."""
        return self.process.alive() and (now or datetime.now(UTC)) - self.at < STALE_AFTER


def heartbeat_file() -> Path:
    """Return where the reaper of this state home writes."""
    return state_home() / "reaper" / "heartbeat.json"


def load_heartbeat() -> Heartbeat | None:
    """Return the last sign of life, or None when there is none that can be read."""
    try:
        document = read_json(heartbeat_file())
        process = document["process"]
        record = ProcessRecord(int(process["pid"]), float(process["create_time"]), str(process["role"]))
        return Heartbeat(datetime.fromisoformat(document["at"]), record)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_heartbeat() -> datetime | None:
    """Return when the reaper last looked at the leases (UTC); None when it never did or has left in good order."""
    heartbeat = load_heartbeat()
    return heartbeat.at if heartbeat else None


def write_heartbeat(process: ProcessRecord) -> None:
    """Say that the reaper lives."""
    document = {"at": datetime.now(UTC).isoformat(), "process": asdict(process)}
    write_private_json(heartbeat_file(), document)


def remove_heartbeat() -> None:
    """Take the sign of life away, and the state home when nothing else is in it."""
    file = heartbeat_file()
    file.unlink(missing_ok=True)
    for directory in (file.parent, state_home() / "leases", state_home()):
        with contextlib.suppress(OSError):  # something else is in it
            directory.rmdir()
