"""Starting the embedded reaper: light enough for every command to look whether it lives."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from orchestrator.files import private_dir
from orchestrator.paths import cache_home, leases_dir, state_home

#: Reapers that this process started. They outlive it, but as their parent it has to reap those that end before it.
_children: list[subprocess.Popen[bytes]] = []


def lock_file() -> Path:
    """Return the lock that the one reaper of this state home holds; in the cache, since the state home goes empty."""
    digest = hashlib.sha256(str(state_home()).encode()).hexdigest()[:16]
    return private_dir(cache_home() / "locks") / f"reaper-{digest}.lock"


def leases_exist() -> bool:
    """Tell whether this state home has a lease."""
    return any(leases_dir().glob("*/lease.json"))


def ensure_reaper() -> bool:
    """Start a reaper when there are leases and none lives; a second one would end at once.

    Returns:
        True when one was started.
    """
    from orchestrator.teardown.heartbeat import load_heartbeat

    _children[:] = [process for process in _children if process.poll() is None]
    if _children or not leases_exist():
        return False
    heartbeat = load_heartbeat()
    if heartbeat is not None and heartbeat.process.alive():
        return False
    _children.append(spawn([]))
    return True


def spawn(arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start `python -m orchestrator.teardown.reaper` in a session of its own, with its log beside the heartbeat."""
    package = str(Path(__file__).resolve().parents[2])
    others = os.environ.get("PYTHONPATH")
    log_path = private_dir(state_home() / "reaper") / "reaper.log"
    with os.fdopen(os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator.teardown.reaper", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=0o077,
            cwd="/",  # the directory of whoever started it may be removed
            env=os.environ | {"PYTHONPATH": f"{package}{os.pathsep}{others}" if others else package},
        )
