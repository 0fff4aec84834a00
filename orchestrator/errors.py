"""The one exception family that commands turn into a message, a next step and an exit code."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What every command's exit status means (the README has the table)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CONTRACT_FAILED = 3
    LEFT_BEHIND = 4
    INTERRUPTED = 130


class EphkError(Exception):
    """Something could not be done, with its cause and what to do next.

    Args:
        message: what could not be done and why, in one sentence.
        next_step: what the reader can do now; empty when there is nothing to suggest.
        exit_code: the process's exit status when the error reaches the command line.
        details: further lines worth showing (the last lines of a log, a list of resources).
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        exit_code: ExitCode | None = None,
        details: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.details = details
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(EphkError):
    """The command line or the environment spec is wrong; nothing was created."""

    exit_code = ExitCode.USAGE


class LeftBehindError(EphkError):
    """Teardown finished, and an inventory still found something of the lease."""

    exit_code = ExitCode.LEFT_BEHIND
