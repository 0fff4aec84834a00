"""Interrupts: the first one ends the work in good order, the second one ends the process.

GitHub Actions cancels a job with SIGINT, sends SIGTERM 7.5 seconds later and kills 2.5 seconds after that
("Workflow cancellation reference"), so both mean the same here, and order matters more than which.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Interrupted(BaseException):
    """SIGINT or SIGTERM arrived. Not an Exception, so that no handler of errors swallows it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal module's signature
    raise Interrupted(number)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Interrupted` while the block runs (main thread only; elsewhere it does nothing)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
