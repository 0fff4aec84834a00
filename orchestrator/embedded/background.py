"""Slow work of a service of the embedded cloud: threads that its end waits for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)

_CLOSE_POLL_S = 0.1


class BackgroundWork:
    """Threads of one service, and the lock over its state.

    Args:
        service: begins the threads' names.

    Attributes:
        lock: guards the service's state; nothing slow happens under it.
        closing: set once the cloud stops.
    """

    def __init__(self, service: str) -> None:
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._service = service
        self._threads: set[threading.Thread] = set()

    def spawn(self, name: str, work: Callable[[], None]) -> None:
        """Do slow work in a thread of its own; `finish` waits for it. `work` handles its own failures."""

        def run() -> None:
            try:
                work()
            except Exception:  # noqa: BLE001 - the last resort of a thread: nobody else would tell
                _log.exception("%s failed", name)
            finally:
                with self.lock:
                    self._threads.discard(thread)

        thread = threading.Thread(target=run, name=f"{self._service}-{name}", daemon=True)
        with self.lock:
            self._threads.add(thread)
        thread.start()

    def rest_until(self, moment: float) -> None:
        """Wait until `time.monotonic()` reaches `moment`, or the cloud closes."""
        remaining = moment - time.monotonic()
        if remaining > 0:
            self.closing.wait(remaining)

    def finish(self, end_processes: Callable[[], None], *, deadline_s: float) -> None:
        """Say that the cloud closes, end all processes, and wait for the threads.

        Args:
            end_processes: ends what runs now; called again and again, since a thread may be about to start more.
            deadline_s: how long to wait for threads that are still at work, in seconds.
        """
        self.closing.set()
        end = time.monotonic() + deadline_s
        while True:
            end_processes()
            with self.lock:
                working = [thread for thread in self._threads if thread is not threading.current_thread()]
            if not working or time.monotonic() >= end:
                return
            working[0].join(_CLOSE_POLL_S)
