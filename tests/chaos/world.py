"""The world that is broken and looked at: one cloud for all runs, its memory, and the processes of its state home."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psutil
import yaml

from orchestrator.processes import wait_until
from tests.chaos.plan import Victim

EPHK = Path(sys.executable).with_name("ephk")
#: One broker, one zone: the least that has every type of resource.
SPEC = {"network": {"zones": 1}, "brokers": {"count": 1}, "topics": [{"name": "events"}]}
_COMMAND_S = 240.0
#: Victims that are recognised by their command line.
_KINDS: tuple[Victim, ...] = ("pulumi", "plugin", "reaper")


class ChaosWorld:
    """A state home of its own with a cloud that stays for all runs.

    Args:
        logs: where each command's output goes.
    """

    def __init__(self, logs: Path) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="ephk-chaos-"))
        self.logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
        self._variables = {**clean, "XDG_STATE_HOME": str(self.home)}
        self._spec = self.home / "spec.yaml"
        self._spec.write_text(yaml.safe_dump(SPEC))
        self.run("cloud", "start", log="cloud-start")
        self._info = json.loads((self.state / "cloud" / "info.json").read_text())
        self._baseline = set(self._memory()["objects"])

    @property
    def state(self) -> Path:
        """The product's state directory."""
        return self.home / "ephk"

    def close(self) -> None:
        """End everything that is left, whatever it is."""
        self.quiet()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.run("cloud", "stop", log="cloud-stop")
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    # The cloud

    def rehearse(self, scenario: dict[str, Any]) -> None:
        """Let the cloud behave as a scenario says from now on."""
        file = self.state / "cloud" / "scenario.yaml"
        fresh = file.with_suffix(".new")
        fresh.write_text(yaml.safe_dump(scenario))
        fresh.replace(file)

    def quiet(self) -> None:
        """Let the cloud do no harm any more."""
        with contextlib.suppress(OSError):
            self.rehearse({})

    def injected(self) -> int:
        """Return how many faults the cloud has injected since its start."""
        return int(self._memory()["injected"])

    def left(self) -> list[str]:
        """Return what the cloud's memory holds that was not there before the first run."""
        return sorted(set(self._memory()["objects"]) - self._baseline)

    def _memory(self) -> dict[str, Any]:
        token = (self.state / "cloud" / "inventory-token").read_text()
        request = urllib.request.Request(
            f"{self._info['http_endpoint']}/_ephk/inventory", headers={"x-ephk-inventory-token": token}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return cast(dict[str, Any], json.load(answer))

    # Commands

    def start(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        """Start a command; its output goes to a log."""
        words = [str(self._spec) if word == "SPEC" else word for word in arguments]
        with (self.logs / f"{log}.log").open("ab") as out:
            out.write(f"$ ephk {' '.join(words)}\n".encode())
            out.flush()
            return subprocess.Popen(
                [str(EPHK), *words],
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.home,
                start_new_session=True,
            )

    def run(self, *arguments: str, log: str) -> int:
        """Run a command to its end; returns its exit status."""
        process = self.start(*arguments, log=log)
        try:
            return process.wait(timeout=_COMMAND_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def expire(self) -> None:
        """Let every lease's time be over, as if it had passed."""
        from orchestrator.errors import EphkError
        from orchestrator.ledger import FileLedger

        ledger = FileLedger(self.state / "leases")
        past = datetime.now(UTC) - timedelta(seconds=1)
        for lease in ledger.leases():
            with contextlib.suppress(EphkError):  # the reaper is at it already
                ledger.update(lease.model_copy(update={"expires_at": past, "create_deadline": past}))

    def leases(self) -> list[Path]:
        """Return the records of leases that exist."""
        return sorted((self.state / "leases").glob("*/lease.json"))

    # Processes

    def kill(self, victim: Victim, command: subprocess.Popen[bytes]) -> bool:
        """Kill a victim with SIGKILL; returns False when there is none (it has not begun, or it is done)."""
        if victim == "cli":
            if command.poll() is not None:
                return False
            command.kill()
            return True
        killed = False
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if _is(process, victim):
                    os.kill(process.pid, signal.SIGKILL)
                    killed = True
        return killed

    def strays(self) -> dict[int, str]:
        """Return every process of this world but its cloud and the cloud's reaper, with the end of its command line."""
        found = {}
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                command = process.cmdline()
                stays = command[-1:] == ["orchestrator.teardown.reaper"] or "orchestrator.embedded.daemon" in command
                if not stays and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = " ".join(command)[-200:]
        return found

    def kinds(self) -> set[str]:
        """Return which kinds of processes run: `pulumi`, `plugin`, `reaper`, `broker`."""
        found = set()
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                found |= {kind for kind in _KINDS if _is(process, kind)}
                found |= {"broker"} if "kafka.Kafka" in process.cmdline() else set()
        return found

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                # Brokers get an environment of their own; their arguments name the state home.
                mine = process.environ().get("XDG_STATE_HOME") == str(self.home)
                if mine or str(self.home) in " ".join(process.cmdline()):
                    yield process

    def gone(self, deadline_s: float = 20.0) -> bool:
        """Wait until nothing runs but the cloud and the reaper: no broker, no engine, no worker of whatever kind."""
        return wait_until(lambda: not self.strays(), deadline_s=deadline_s, poll_s=0.2)


def _is(process: psutil.Process, victim: Victim) -> bool:
    command = process.cmdline()
    if victim == "pulumi":
        return bool(command) and Path(command[0]).name == "pulumi"
    # The reaper's workers are meant, too.
    return ("orchestrator.embedded.provider" if victim == "plugin" else "orchestrator.teardown.reaper") in command
