"""`ephk cloud`: the embedded cloud as a thing of its own, for Terraform, boto3 and people."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.target import cloud_start, cloud_status, cloud_stop


@click.group("cloud", epilog=example("ephk cloud start --json"))
def cloud_command() -> None:
    """Start, stop or look at the embedded cloud."""


@cloud_command.command("start", epilog=example("ephk cloud start --port 4566 --json"))
@click.option("--port", type=click.IntRange(1, 65535), help="HTTPS port (default: a free one).")
@click.option("--http-port", type=click.IntRange(1, 65535), help="Plain HTTP port (default: a free one).")
@click.option("--scenario", type=click.Path(path_type=Path), help="YAML file with latencies and faults to rehearse.")
@json_option
@reports_errors
def start(port: int | None, http_port: int | None, scenario: Path | None, as_json: bool) -> None:
    """Start the embedded cloud, or find the running one; it stays until `ephk cloud stop`."""
    _show(asdict(cloud_start(progress(), port=port, http_port=http_port, scenario=scenario)), as_json=as_json)


@cloud_command.command("status", epilog=example("ephk cloud status --json"))
@json_option
@reports_errors
def status(as_json: bool) -> None:
    """Say whether the embedded cloud runs, and where; the keys are shown with --json alone."""
    info = cloud_status()
    _show(asdict(info) if info else {"running": False}, as_json=as_json)


@cloud_command.command("stop", epilog=example("ephk cloud stop"))
@json_option
@reports_errors
def stop(as_json: bool) -> None:
    """Stop the embedded cloud and everything that runs in it."""
    stopped = cloud_stop()
    if as_json:
        print_json({"running": False, "stopped": stopped})
    else:
        click.echo("stopped" if stopped else "it was not running")


def _show(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    if not document.get("running"):
        click.echo("the embedded cloud is not running")
        return
    for label in ("endpoint", "http_endpoint", "ca_bundle", "region", "account_id", "pid"):
        click.echo(f"{label:<14} {document[label]}")
