"""`ephk doctor`: what is installed, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from orchestrator import paths
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.engine.pulumi_cli import find_cli
from orchestrator.errors import EphkError, ExitCode
from orchestrator.ledgers import Ledgers
from orchestrator.tags import rfc3339
from orchestrator.target import cloud_status, kafka_runtime_report
from orchestrator.teardown.due import due_leases
from orchestrator.teardown.heartbeat import load_heartbeat
from orchestrator.teardown.reaper_process import leases_exist

#: What the caches and three brokers need together, bytes.
_WANTED_DISK = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's answer.

    Attributes:
        subject: what was looked at.
        state: `ok`, `missing` (set-up will bring it), or `problem` (somebody must act).
        detail: what was seen.
        next_step: what to do; empty when fine.
    """

    subject: str
    state: str
    detail: str
    next_step: str = ""


@click.command("doctor", epilog=example("ephk doctor"))
@json_option
@reports_errors
def doctor_command(as_json: bool) -> None:
    """Say what is installed and what is missing; exit code 1 when something needs a person."""
    findings = [check() for check in _CHECKS]
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            click.echo(f"{finding.state:<8} {finding.subject:<16} {finding.detail}")
            if finding.next_step:
                click.echo(f"{'':<25} next: {finding.next_step}")
    if any(finding.state == "problem" for finding in findings):
        sys.exit(ExitCode.FAILED)


def _python() -> Finding:
    version = sys.version.split()[0]
    return Finding("Python", "ok", f"{version}, ephemeral-kafka {importlib.metadata.version('ephemeral-kafka')}")


def _pulumi() -> Finding:
    try:
        cli = find_cli()
    except EphkError as error:
        return Finding("Pulumi CLI", "problem", error.message, error.next_step)
    if cli is not None:
        return Finding("Pulumi CLI", "ok", f"{cli.version} from {cli.source}: {cli.path}")
    if shutil.which("go"):
        return Finding(
            "Pulumi CLI", "missing", "it will be installed, or built with Go (about 7 minutes)", "ephk setup"
        )
    return Finding(
        "Pulumi CLI", "missing", "set-up will try the official installer", "Install Pulumi or Go, then: ephk setup"
    )


def _kafka() -> Finding:
    present, detail = kafka_runtime_report()
    return Finding("Kafka runtime", "ok" if present else "missing", detail, "" if present else "ephk setup")


def _homes() -> Finding:
    free = shutil.disk_usage(_existing(paths.cache_home())).free
    detail = f"state {paths.state_home()}, cache {paths.cache_home()}, {free / 1024**3:.0f} GiB free"
    if free < _WANTED_DISK:
        return Finding("disk", "problem", detail, "Free some space: set-up and three brokers need 2 GiB.")
    if not os.access(_existing(paths.state_home()), os.W_OK):
        return Finding("disk", "problem", f"{paths.state_home()} cannot be written", "Set XDG_STATE_HOME.")
    return Finding("disk", "ok", detail)


def _existing(path: Path) -> Path:
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())


def _cloud() -> Finding:
    info = cloud_status()
    return Finding("embedded cloud", "ok", f"running, pid {info.pid}: {info.endpoint}" if info else "not running")


def _leases() -> Finding:
    seen = Ledgers().look()
    leases, broken = seen.leases, seen.unreadable
    if broken:
        return Finding(
            "leases", "problem", f"cannot be read: {broken[0]}", "Look at it; 'ephk cloud stop' ends embedded brokers."
        )
    due = due_leases(leases)
    if due:
        names = ", ".join(one.lease.name for one in due)
        return Finding("leases", "problem", f"{len(leases)}, to be taken down: {names}", "ephk reap")
    return Finding("leases", "ok", f"{len(leases)}")


def _reaper() -> Finding:
    heartbeat, waiting = load_heartbeat(), leases_exist()
    if heartbeat is None:
        # It was asked for when this command began, and needs an instant for its first sign.
        return Finding("reaper", "ok", "starting" if waiting else "not running: there is no lease")
    seen = f"pid {heartbeat.process.pid}, last seen {rfc3339(heartbeat.at)}"
    if heartbeat.beating() or not waiting:
        return Finding("reaper", "ok", f"running, {seen}")
    return Finding("reaper", "problem", f"stopped: {seen}", "ephk reap (this command has started the reaper again)")


_CHECKS: tuple[Callable[[], Finding], ...] = (_python, _pulumi, _kafka, _homes, _cloud, _reaper, _leases)
