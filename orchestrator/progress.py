"""Progress of long work: what is done, what is being waited for, and how long it has taken.

Everything goes to stderr, so that `--json` leaves one document alone on stdout.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import IO, Protocol

from rich.console import Console
from rich.status import Status

#: A log is read later: one line in so many seconds is enough.
_PLAIN_LINE_S = 1.0


class Progress(Protocol):
    """What long-running functions report to."""

    def step(self, title: str) -> contextlib.AbstractContextManager[StepHandle]:
        """Open a step; leaving the block closes it with the time it took."""
        ...

    def note(self, text: str) -> None:
        """Say one line."""
        ...


class StepHandle(Protocol):
    """A step that is under way."""

    def waiting(self, text: str) -> None:
        """Say what is being waited for now."""
        ...


class _Handle:
    def __init__(self, reporter: ConsoleProgress, title: str, status: Status | None) -> None:
        self._reporter, self._title, self._status = reporter, title, status
        self._last, self._said = "", 0.0

    def waiting(self, text: str) -> None:
        if self._status is not None:
            self._status.update(f"{self._title}: {text}")
        elif text != self._last and time.monotonic() - self._said >= _PLAIN_LINE_S:
            self._last, self._said = text, time.monotonic()
            self._reporter.plain(f"  {self._title}: {text}")


class ConsoleProgress:
    """Spinner lines on a terminal, plain lines elsewhere (CI logs, pipes)."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._console = Console(file=stream or sys.stderr, highlight=False, soft_wrap=True)
        self._started = time.monotonic()
        self._open = 0

    def plain(self, text: str) -> None:
        """Print a line with the time since the start, in seconds."""
        elapsed = time.monotonic() - self._started
        self._console.print(f"{elapsed:6.1f}s {text}", markup=False)

    def note(self, text: str) -> None:
        """Say one line."""
        self.plain(text)

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[_Handle]:
        """Show `title` while the block runs, then how long it took and whether it failed."""
        begun = time.monotonic()
        animate = self._console.is_terminal and self._open == 0
        self._open += 1
        status = self._console.status(title) if animate else None
        handle = _Handle(self, title, status)
        try:
            with status or contextlib.nullcontext():
                if status is None:
                    self.plain(f"... {title}")
                yield handle
        except BaseException:
            self.plain(f"FAILED {title} ({time.monotonic() - begun:.1f}s)")
            raise
        finally:
            self._open -= 1
        self.plain(f"ok  {title} ({time.monotonic() - begun:.1f}s)")


class SilentProgress:
    """Says nothing: for tests and for callers that only want the result."""

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[_SilentHandle]:  # noqa: ARG002 - the protocol's name
        """Do nothing but run the block."""
        yield _SilentHandle()

    def note(self, text: str) -> None:
        """Do nothing."""


class _SilentHandle:
    def waiting(self, text: str) -> None:
        """Do nothing."""
