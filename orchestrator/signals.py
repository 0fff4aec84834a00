"""Interrupts: the first one ends the work in good order and in time, the second one ends the process.

GitHub Actions cancels a job with SIGINT, sends SIGTERM 7.5 seconds later and kills 2.5 seconds after that
("Workflow cancellation reference"), so both mean the same here, and order matters more than which. What must be on
disk is written before anything else is done, and the process is gone before the second signal of such a CI.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

#: Seconds from the first signal until this process ends, whatever it is waiting for.
EXIT_WITHIN_S = 5.5
#: Seconds that writing down the release may hold up the rest.
_FIRST_S = 2.0
#: Seconds that a process which ends by force waits for it once more: a cancelled job is gone within seven in all.
LAST_S = 1.0
_EXIT_STATUS = 130

_first: list[Callable[[], None]] = []
_last: list[Callable[[], object]] = []
_hints: list[str] = []
_writing: threading.Thread | None = None
_interrupted = False


class Interrupted(BaseException):
    """SIGINT or SIGTERM arrived. Not an Exception, so that no handler of errors swallows it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


@contextlib.contextmanager
def first_on_interrupt(act: Callable[[], None], *, hint: str) -> Iterator[None]:
    """Do something before everything else when a signal arrives while the block runs.

    Args:
        act: writes down what others need to take over; runs in a thread of its own, since the main thread may hold
            the very lock that it needs.
        hint: what to say when the process has to be ended by force: the command that resumes.
    """
    _first.append(act)
    _hints.append(hint)
    try:
        yield
    finally:
        _first.remove(act)
        _hints.remove(hint)


@contextlib.contextmanager
def killed_with(end: Callable[[], object]) -> Iterator[None]:
    """Call `end` before this process ends by force while the block runs: what it started must not outlive it."""
    _last.append(end)
    try:
        yield
    finally:
        _last.remove(end)


def written_down(within_s: float = _FIRST_S) -> bool:
    """Wait until what `first_on_interrupt` asked for is done; tells whether it is."""
    if _writing is not None:
        _writing.join(within_s)
    return _writing is None or not _writing.is_alive()


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal module's signature
    global _interrupted, _writing
    if _interrupted:
        _end()
    _interrupted = True
    acts = list(reversed(_first))
    threading.Thread(target=_end_in_time, args=(list(_hints),), name="exit-clock", daemon=True).start()
    _writing = threading.Thread(target=_write_down, args=(acts,), name="write-down", daemon=True)
    _writing.start()
    _writing.join(_FIRST_S)
    raise Interrupted(number)


def _write_down(acts: list[Callable[[], None]]) -> None:
    for act in acts:
        _quietly(act)


def _end_in_time(hints: list[str]) -> None:
    time.sleep(EXIT_WITHIN_S)
    _end(hints)


def _end(hints: list[str] | None = None) -> None:
    """End the process now, with everything that it started."""
    written_down(LAST_S)
    for end in list(reversed(_last)):
        _quietly(end)
    for hint in hints or _hints:
        # Not by the usual way: a lock of the standard streams may be held by the thread that was interrupted.
        os.write(2, f"ephk: stopped by force; {hint}\n".encode())
    os._exit(_EXIT_STATUS)


def _quietly(act: Callable[[], object]) -> None:
    with contextlib.suppress(Exception):  # there is nobody left to tell, and the rest has to be done
        act()


def leave_if_interrupted() -> None:
    """End the process now when a signal arrived and everything has been said.

    The interpreter's own end would wait for every thread, and the clock above does not run any more by then.
    """
    if _interrupted:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_EXIT_STATUS)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Interrupted` while the block runs (main thread only; elsewhere it does nothing).

    After the first signal the process ends within `EXIT_WITHIN_S` seconds; a second one ends it at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if not _interrupted:  # a second signal after the block still means the end
            for number, handler in previous.items():
                signal.signal(number, handler)
