"""One broker's or worker's process: started in a session of its own, recorded at once, ended as a group."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from orchestrator.files import private_dir
from orchestrator.processes import ProcessRecord

#: The environment of a broker: nothing of the caller's (credentials, JAVA_TOOL_OPTIONS) reaches it.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


class BrokerProcess:
    """A process and where it is recorded.

    Args:
        role: what it is, for messages.
        command: the command line, without secrets.
        directory: its working directory.
        log: where its output is appended.
        record: where its process record is written.
        environment: variables beside the few that are passed on; nothing in it is secret.
    """

    def __init__(
        self,
        role: str,
        command: Sequence[str],
        *,
        directory: Path,
        log: Path,
        record: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command, self._directory, self._log, self._record_path = list(command), directory, log, record
        self._role = role
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._record: ProcessRecord | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None before the first start."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start it; the record is on disk before this returns."""
        private_dir(self._log.parent)
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= self._environment
        descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,  # whatever it writes is the owner's alone
            )
        finally:
            os.close(descriptor)
        try:
            self._record = ProcessRecord.of(self._process.pid, self._role)
            self._record.save(self._record_path)
        except psutil.NoSuchProcess:  # it is gone already; `exit_status` tells
            self._record = None
        except BaseException:
            self._process.kill()  # a process that nobody could find again must not live
            self._process.wait()
            raise

    def exit_status(self) -> int | None:
        """Return the exit status of a process that has ended, None while it runs or before it was started."""
        return self._process.poll() if self._process is not None else None

    def running(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.poll() is None

    def resident_bytes(self) -> int:
        """Return its resident memory in bytes, 0 when it does not run."""
        if not self.running() or self.pid is None:
            return 0
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            return 0

    def stop(self, *, grace_s: float) -> None:
        """End its process group: SIGTERM, SIGKILL after `grace_s` seconds (0: at once); forget the record."""
        if self._record is not None:
            self._record.end_group(grace_s=grace_s)
        if self._process is not None:
            self._process.wait()
        self._record_path.unlink(missing_ok=True)
