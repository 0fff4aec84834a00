"""`ephk diagnose`: what a client's error means."""

from __future__ import annotations

import sys
from typing import TextIO

import click

from contracts.symptoms import Symptom, found_in
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.errors import ExitCode

_LINE = 160


@click.command("diagnose", epilog=example("ephk diagnose client.log", "kcat -b ... 2>&1 | ephk diagnose"))
@click.argument("file", type=click.File(errors="replace"), default="-")
@json_option
@reports_errors
def diagnose_command(file: TextIO, as_json: bool) -> None:
    """Say what a client's errors mean: the layer, the cause that was found behind them, and what to do.

    FILE is a log (default: standard input). The exit code is 1 when nothing in it is known.
    """
    found = found_in(file.read())
    if as_json:
        print_json({"diagnoses": [_document(symptom, line) for symptom, line in found]})
    for symptom, line in found if not as_json else ():
        click.echo(f"{symptom.code} ({symptom.layer}): {symptom.cause}")
        click.echo(f"  seen:   {line[:_LINE]}")
        click.echo(f"  next:   {symptom.next_step}")
        if symptom.command:
            click.echo(f"  run:    {symptom.command}")
        click.echo(f"  source: {symptom.source}")
    if not found:
        click.echo("nothing in it is known: no symptom of the table in docs/diagnosis.md", err=True)
        sys.exit(ExitCode.FAILED)


def _document(symptom: Symptom, line: str) -> dict[str, str]:
    return {
        "code": symptom.code,
        "layer": symptom.layer,
        "cause": symptom.cause,
        "next_step": symptom.next_step,
        "command": symptom.command,
        "source": symptom.source,
        "line": line,
    }
