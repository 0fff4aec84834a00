"""File locks that say when they wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from orchestrator.progress import Progress


@contextmanager
def shared_work(path: Path, progress: Progress, what: str) -> Iterator[None]:
    """Hold the lock on `path`; when another process holds it, say that it is doing `what` and wait.

    The operating system frees the lock of a process that was killed, so this needs no deadline.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        with progress.step(f"waiting for another process that is {what}"):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
