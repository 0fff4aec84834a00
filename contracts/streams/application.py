"""The word count as a process: started with its secrets on standard input, listened to, killed."""

from __future__ import annotations

import base64
import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType

from contracts.model import ProbeError, Watch

#: Nothing of the caller's (credentials, JAVA_TOOL_OPTIONS) reaches the application.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
_ENDED = "ended"


class ApplicationError(Exception):
    """The application ended with an exception: the innermost one's class and message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind.rsplit('.', 1)[-1]}: {message}")
        self.kind, self.message = kind, message

    @property
    def refused(self) -> bool:
        """Whether brokers refused the application something."""
        return self.kind.endswith("AuthorizationException")


class Application:
    """One process; use it as a context manager: it is gone afterwards, and it ends itself when we are.

    Args:
        command: starts it; nothing in it is secret.
        settings: of Kafka Streams, and the application's own.
    """

    def __init__(self, command: Sequence[str], settings: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the client's own log; what went wrong is said on standard output
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            cwd="/",
            text=True,
            start_new_session=True,
        )
        self._said: queue.Queue[str] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, name="streams application", daemon=True)
        self._listener.start()
        lines = (f"{key}\t{base64.b64encode(value.encode()).decode()}\n" for key, value in settings.items())
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it has ended, and said why
                self._process.stdin.write("".join(lines) + "\n")
                self._process.stdin.flush()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._said.put(line.rstrip("\n"))
        self._said.put(_ENDED)

    def until(self, word: str, watch: Watch) -> None:
        """Wait until the application says a word.

        Raises:
            ApplicationError: it ended with an exception.
            ProbeError: it ended without one, or did not say it in time.
        """
        watch.waiting(f"the Streams application to say {word}")
        while (line := self._next(watch.remaining())) != word:
            if line is None:
                raise ProbeError(f"the Streams application did not say {word} in time")

    def check(self) -> None:
        """Raise like `until` when the application has ended."""
        while self._next(0) is not None:
            continue

    def _next(self, timeout_s: float) -> str | None:
        try:
            line = self._said.get(timeout=timeout_s) if timeout_s > 0 else self._said.get_nowait()
        except queue.Empty:
            return None
        word, *parts = line.split("\t")
        if word == "error" and len(parts) == 2:
            raise ApplicationError(*(base64.b64decode(part).decode() for part in parts))
        if line == _ENDED:
            raise ProbeError(f"the Streams application ended with status {self._process.wait()}")
        return line

    def kill(self) -> None:
        """End the process as a crash of the machine would: with SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> Application:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what nobody has read
                    pipe.close()
