"""What every command shares: one JSON document on stdout, everything else on stderr, and exit codes."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from orchestrator.errors import EphkError, ExitCode
from orchestrator.progress import ConsoleProgress
from orchestrator.signals import Interrupted, leave_if_interrupted


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json` to a command."""
    return click.option("as_json", "--json", is_flag=True, help="Print one JSON document on stdout.")(function)


def example(*lines: str) -> str:
    """Return a help epilogue with an example; click keeps the lines as they are."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, default=str))


def progress() -> ConsoleProgress:
    """Return the progress of one command, on stderr."""
    return ConsoleProgress(sys.stderr)


def reports_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn our errors into a message with its next step and the exit code; anything else stays a traceback."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        as_json = bool(kwargs.get("as_json"))
        try:
            return function(*args, **kwargs)
        except EphkError as error:
            fail(error, as_json=as_json)
        except (Interrupted, KeyboardInterrupt):
            click.echo("ephk: interrupted", err=True)
            leave_if_interrupted()
            sys.exit(ExitCode.INTERRUPTED)

    return wrapper


def fail(error: EphkError, *, as_json: bool) -> NoReturn:
    """Show an error and end the process with its exit code."""
    show_error(error)
    if as_json:
        print_json(
            {
                "error": {
                    "message": error.message,
                    "details": list(error.details),
                    "next_step": error.next_step,
                    "exit_code": int(error.exit_code),
                }
            }
        )
    sys.exit(int(error.exit_code))


def show_error(error: EphkError) -> None:
    """Print an error, its details and its next step on stderr."""
    click.echo(f"ephk: {error.message}", err=True)
    for line in error.details:
        click.echo(f"    {line}", err=True)
    if error.next_step:
        click.echo(f"  next: {error.next_step}", err=True)
