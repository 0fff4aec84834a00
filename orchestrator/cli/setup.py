"""`ephk setup`: install what a first `up` would install, and say so."""

from __future__ import annotations

import click

from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.engine.pulumi_cli import ensure_cli
from orchestrator.target import EMBEDDED_REGION, EmbeddedTarget


@click.command("setup", epilog=example("ephk setup"))
@json_option
@reports_errors
def setup_command(as_json: bool) -> None:
    """Install the Pulumi CLI, the JRE, the Kafka jars and the class-data archives into the cache.

    Everything is cached and checked by sha256; a second run downloads nothing. `up` does the same when it is needed.
    """
    reporter = progress()
    cli = ensure_cli(reporter)
    EmbeddedTarget().prepare(reporter, EMBEDDED_REGION)
    if as_json:
        print_json({"pulumi": {"path": str(cli.path), "version": str(cli.version), "source": cli.source}})
    else:
        reporter.note(f"ready: Pulumi {cli.version} ({cli.source}), Kafka runtime; try 'ephk up'")
