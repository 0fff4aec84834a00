"""Answers that several probes need, found once: the first asks, the others wait for the same answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from contracts.model import ProbeError, Watch

T = TypeVar("T")

#: A deadline may move while it is waited for, so it is looked at again after so many seconds.
_LOOK_S = 0.5


class Memo:
    """Thread-safe results by key.

    A failure is kept as well: what was refused once is not tried by every probe. One that came when the finder's own
    time was over is not: it says nothing about what was asked.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._futures: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, find: Callable[[], T], watch: Watch) -> T:
        """Return what `find` returned or raise what it raised, calling it at most once for a key.

        Raises:
            ProbeError: another probe is still finding it when this probe's time is over.
        """
        with self._lock:
            future = self._futures.get(key)
            mine = future is None
            if future is None:
                future = self._futures[key] = Future()
        if mine:
            try:
                future.set_result(find())
            except BaseException as error:  # noqa: BLE001 - it is raised again below, in every probe that asks
                future.set_exception(error)
                if watch.over:
                    self.forget(key)
        while True:
            try:
                answer: T = future.result(timeout=min(_LOOK_S, watch.remaining()))
            except FutureTimeoutError:
                if future.done():
                    raise
                if watch.over:
                    raise ProbeError(f"{watch.waiting_for}: another probe asked first and has no answer yet") from None
            else:
                return answer

    def forget(self, key: Hashable) -> None:
        """Let the next `get` ask again."""
        with self._lock:
            self._futures.pop(key, None)

    def forget_result(self, key: Hashable, result: object) -> None:
        """Let the next `get` ask again, unless somebody has done so and there is another result by now."""
        with self._lock:
            future = self._futures.get(key)
            if future is not None and future.done() and future.exception() is None and future.result() is result:
                del self._futures[key]

    def forget_failures(self, kind: str) -> None:
        """Let whatever has failed be tried again, among the keys that are tuples which begin with `kind`."""
        with self._lock:
            for key, future in list(self._futures.items()):
                of_kind = isinstance(key, tuple) and key[:1] == (kind,)
                if of_kind and future.done() and future.exception() is not None:
                    del self._futures[key]

    def finished(self) -> list[Any]:
        """Return the results that are there."""
        with self._lock:
            futures = list(self._futures.values())
        return [f.result() for f in futures if f.done() and f.exception() is None]
