"""`ephk check connect`: what would go wrong with a spec's connectors, before anything is made."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.cli.up import spec_from
from orchestrator.errors import ExitCode
from orchestrator.reports.console import console

_STYLES = {"ok": "green", "failed": "bold red", "not_covered": "yellow"}


@click.command("connect", epilog=example("ephk check connect ephk.yaml", "ephk check connect ephk.yaml --target aws"))
@click.argument("spec", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--target", type=click.Choice(["embedded", "aws"]), default="embedded", show_default=True)
@json_option
@reports_errors
def check_connect(spec: Path | None, target: str, as_json: bool) -> None:
    """Open plugins, let them judge their connectors' configurations, and hold the spec against network and quotas.

    Nothing is created. Exit code 3 when something would fail; what cannot be known before the apply is not covered.
    """
    from orchestrator import connect_plugins, connect_preflight
    from orchestrator.target import target_named

    asked, where, reporter = spec_from(spec, None, None), target_named(target), progress()
    opened = connect_plugins.open_all(asked.connect, where, reporter)
    findings = connect_preflight.examine(asked, opened, where, reporter)
    failed = any(finding.status == "failed" for finding in findings)
    if as_json:
        print_json({"findings": [finding.as_dict() for finding in findings], "failed": failed})
    else:
        out = console(sys.stdout)
        for finding in findings:
            word = finding.status.replace("_", " ")
            out.print(f"{word:12}", end="", style=_STYLES[finding.status])
            out.print(f"{finding.subject}: {finding.message}", markup=False, highlight=False)
            if finding.next_step:
                out.print(f"{'':12}next: {finding.next_step}", markup=False, highlight=False)
        if not findings:
            out.print("the spec has no Kafka Connect")
    if failed:
        sys.exit(ExitCode.CONTRACT_FAILED)
