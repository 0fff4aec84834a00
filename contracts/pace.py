"""How much of the time that passes this machine really gives, so that a busy one is not taken for a dead cluster.

Brokers, the cloud and the probes of an embedded environment share the processors of one machine with whatever else
runs there. A small piece of work of known size is done again and again: how much longer it takes by the clock on the
wall than by the processor's clock is how much longer everything else takes, too.
"""

from __future__ import annotations

import hashlib
import threading
import time
from types import TracebackType

#: Seconds between two samples; each takes some milliseconds of one processor, far more than a thread's waking up does.
_EVERY_S = 0.25
_WORK, _TIMES = bytes(1 << 20), 8
#: A deadline becomes at most so many times as long: a run must end also on a machine that is drowned.
MOST = 4.0
#: Below it a sample says nothing: an idle machine, too, wakes a thread a moment late.
_NOTICEABLE = 1.5


class Pace:
    """The machine's pace; measures from `start` (or entering the context) to `stop`, in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lost_s = 0.0
        self._slowdown = 1.0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def lost_s(self) -> float:
        """Seconds so far in which the machine was busy with something else."""
        with self._lock:
            return self._lost_s

    @property
    def slowdown(self) -> float:
        """How many times as long as on an idle machine things took lately; from 1 to `MOST`."""
        with self._lock:
            return min(self._slowdown, MOST)

    def note(self, passed_s: float, slowdown: float) -> None:
        """Take in a sample: in the last `passed_s` seconds everything took `slowdown` times as long.

        One sample may have met a moment's pause, so the last few together say how slow the machine is.
        """
        with self._lock:
            self._slowdown = max(1.0, (3 * self._slowdown + slowdown) / 4)
            if self._slowdown >= _NOTICEABLE:
                self._lost_s += passed_s * (1 - 1 / self._slowdown)

    def start(self) -> None:
        """Begin to measure; harmless when it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._measure, name="pace", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Measure no longer."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _measure(self) -> None:
        last = time.monotonic()
        due = last + _EVERY_S
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            cpu = time.thread_time()
            for _ in range(_TIMES):
                hashlib.sha256(_WORK)
            cpu = time.thread_time() - cpu
            now = time.monotonic()
            # From the moment at which it should have woken up: to wait for a processor is what is measured.
            self.note(now - last, (now - due) / max(cpu, 1e-4))
            last, due = now, now + _EVERY_S

    def __enter__(self) -> Pace:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
