"""`ephk setup`: install what a first `up` would install, and say so."""

from __future__ import annotations

import click

from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.engine.pulumi_cli import ensure_cli
from orchestrator.target import EMBEDDED_REGION, EmbeddedTarget, java_clients, streams_application


@click.command("setup", epilog=example("ephk setup", "ephk setup --client-matrix --streams"))
@click.option("--client-matrix", is_flag=True, help="Also the Java clients of the version matrix (30 MB).")
@click.option("--streams", is_flag=True, help="Also the Kafka Streams application of its contract (75 MB).")
@json_option
@reports_errors
def setup_command(client_matrix: bool, streams: bool, as_json: bool) -> None:
    """Install the Pulumi CLI, the JRE, Kafka, its class-data archives and plugins into the cache.

    Everything is cached and checked by sha256; a second run downloads nothing. `up` does the same when it is needed.
    """
    reporter = progress()
    cli = ensure_cli(reporter)
    target = EmbeddedTarget()
    target.prepare(reporter, EMBEDDED_REGION)
    target.prepare_connect(reporter)
    target.prepare_plugins(reporter)
    clients = java_clients(reporter) if client_matrix else java_clients()
    application = streams_application(reporter) if streams else streams_application()
    if as_json:
        pulumi = {"path": str(cli.path), "version": str(cli.version), "source": cli.source}
        print_json({"pulumi": pulumi, "java_clients": sorted(clients), "streams": application is not None})
    else:
        reporter.note(f"ready: Pulumi {cli.version} ({cli.source}), Kafka runtime; try 'ephk up'")
