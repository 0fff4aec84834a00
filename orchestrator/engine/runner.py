"""The Pulumi CLI as a process: in a session of its own, with a deadline, stoppable in good order and by force.

The SDK's own runner starts the CLI in the caller's process group and without a time limit: Ctrl-C at a terminal then
reaches both at once, and a CLI that hangs hangs everything.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import psutil
from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error

from orchestrator.engine.ownership import STOP_S, CliRecord
from orchestrator.engine.pulumi_cli import PulumiCli
from orchestrator.errors import EphkError
from orchestrator.processes import end_session
from orchestrator.signals import killed_with

OnOutput = Callable[[str], Any]

#: Seconds that a CLI gets to end after this process was interrupted, since this process has to end soon, too.
_INTERRUPTED_S = 3.0
#: Seconds for a command without a deadline of its own.
_DEFAULT_S = 120.0


class SessionPulumiCommand(PulumiCommand):
    """Runs the CLI for the Automation API.

    Args:
        cli: the CLI.
        record: where the running process is written down, so that another process can end it.
    """

    def __init__(self, cli: PulumiCli, record: Path) -> None:
        # Not the base class's: that one runs `pulumi version` once more.
        self.command = str(cli.path)
        self.version = cli.version
        self._record = record
        self._deadline_s = _DEFAULT_S
        self._process: subprocess.Popen[bytes] | None = None
        self._interrupts = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give the commands in this block a deadline of their own, seconds each."""
        before, self._deadline_s = self._deadline_s, seconds
        try:
            yield
        finally:
            self._deadline_s = before

    def interrupt(self) -> None:
        """Ask the running command to stop; ask twice to kill it. May be called from any thread."""
        with self._lock:
            process = self._process
            self._interrupts += 1
            again = self._interrupts > 1
        if process is None or process.poll() is not None:
            return
        if again:
            end_session(process.pid)
        else:
            # The CLI alone: it cancels, lets the calls under way finish and ends its plugins itself.
            process.send_signal(signal.SIGINT)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run one command.

        Raises:
            EphkError: the deadline passed; everything that the command started has been ended.
            pulumi.automation.CommandError: the command failed.
        """
        # Files instead of pipes: a pipe whose reader was killed would kill the CLI at its next word, in the middle of
        # its work, before it could write down what it had made.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = self._run(args, cwd, additional_env, out, err)
            result = CommandResult(stdout=_text(out, on_output), stderr=_text(err, on_error), code=code)
        if code != 0:
            raise create_command_error(result)
        return result

    def _run(self, args: list[str], cwd: str, additional_env: Mapping[str, str], out: IO[bytes], err: IO[bytes]) -> int:
        process = subprocess.Popen(
            [self.command, "--non-interactive", *args],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=cwd,
            env=command_environment(additional_env),
            start_new_session=True,
            umask=0o077,  # state files are the owner's alone
        )
        with self._lock:
            self._process, self._interrupts = process, 0
        try:
            with contextlib.suppress(psutil.NoSuchProcess):
                CliRecord.of(process.pid, f"pulumi {args[0]}").save(self._record)
            with killed_with(lambda: end_session(process.pid)):
                self._await(process, args[0])
        except BaseException:
            end_session(process.pid)
            raise
        finally:
            process.wait()
            self._record.unlink(missing_ok=True)
            with self._lock:
                self._process = None
        return process.returncode

    def _await(self, process: subprocess.Popen[bytes], what: str) -> None:
        """Wait for the end of the command; an interrupt in this thread stops it first and is passed on then."""
        try:
            process.wait(timeout=self._deadline_s)
        except subprocess.TimeoutExpired:
            self._stop(process, STOP_S)
            raise EphkError(
                f"'pulumi {what}' did not end within {self._deadline_s:.0f} s and was stopped",
                next_step="Run the command again; what exists is in the stack's state.",
            ) from None
        except Exception:
            raise
        except BaseException:  # KeyboardInterrupt, or the signal handlers' own
            self._stop(process, _INTERRUPTED_S)
            raise

    def _stop(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        """Ask the command to stop and give it time to; whoever catches what comes next kills what is left."""
        self.interrupt()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)


def command_environment(additional: Mapping[str, str]) -> dict[str, str]:
    """Return the CLI's environment: the caller's, without what belongs to another Pulumi or another identity.

    Credentials that are given replace the caller's whole AWS configuration: a session token or a profile of the
    caller's beside them would make a mixture that belongs to nobody.
    """
    explicit = "AWS_ACCESS_KEY_ID" in additional
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PULUMI_") and not (explicit and name.startswith("AWS_"))
    }
    return {**inherited, **additional, "PULUMI_AUTOMATION_API": "true"}


def _text(stream: IO[bytes], forward: OnOutput | None) -> str:
    """Return what the command wrote, and forward its lines; while it runs, events tell more than its words."""
    stream.seek(0)
    lines = [line.rstrip() for line in stream.read().decode(errors="replace").splitlines()]
    if forward is not None:
        for line in lines:
            forward(line)
    return "\n".join(lines)
