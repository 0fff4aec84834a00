"""`ephk up`: lease, provision, print how to connect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.lease import Lease
from orchestrator.ledgers import Ledgers
from orchestrator.lifecycle import Lifecycle, ProviderName, UpRequest, interruptible
from orchestrator.reports.console import span
from orchestrator.spec import EnvironmentSpec
from orchestrator.spec_loading import load_spec


def spec_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add SPEC, `--name`, `--ttl`, `--target` and `--provider`, which `up`, `run` and `plan` share."""
    for decorate in (
        click.argument("spec", required=False, type=click.Path(path_type=Path)),
        click.option("--name", help="Name of the environment; overrides the spec's."),
        click.option("--ttl", help="Time to live, for example 90m or 4h; overrides the spec's."),
        click.option(
            "--target",
            type=click.Choice(["embedded", "aws"]),
            default="embedded",
            show_default=True,
            help="Where to provision: this machine, or an AWS account.",
        ),
        click.option(
            "--provider",
            type=click.Choice(["embedded", "official"]),
            help="Pulumi provider plugin: 'official' is AWS's own (default on aws; a download), 'embedded' a small one "
            "for the embedded cloud (default there).",
        ),
    ):
        function = decorate(function)
    return function


def spec_from(spec: Path | None, name: str | None, ttl: str | None) -> EnvironmentSpec:
    """Read the spec with what the command line overrides."""
    overrides = {key: value for key, value in (("name", name), ("ttl", ttl)) if value is not None}
    return load_spec(spec, overrides=overrides)


def default_provider(target: str) -> ProviderName:
    """Return the plugin that a target uses unless another one is asked for."""
    return "official" if target == "aws" else "embedded"


def up_request(spec: EnvironmentSpec, target: str, provider: str | None) -> UpRequest:
    """Return what `up` and `run` ask for."""
    return UpRequest(spec, target, provider or default_provider(target))  # type: ignore[arg-type]


@click.command("up", epilog=example("ephk up ephk.yaml --name pr-42 --ttl 2h"))
@spec_options
@json_option
@reports_errors
def up_command(
    spec: Path | None, name: str | None, ttl: str | None, target: str, provider: str | None, as_json: bool
) -> None:
    """Bring up an environment and print how to connect.

    SPEC is a YAML file (default: ephk.yaml, else the built-in defaults). The lease is written before anything is
    made; what a failed attempt has made is removed again, and the reaper removes what an interrupted one has made.
    """
    request = up_request(spec_from(spec, name, ttl), target, provider)
    with interruptible():
        lease = Lifecycle(Ledgers(), progress()).up(request)
    if as_json:
        print_json(lease.model_dump(mode="json"))
    else:
        print_connection(lease)
        print_next_steps(lease)


def print_connection(lease: Lease) -> None:
    """Say where the brokers are and who may connect."""
    environment = lease.environment
    if environment is None:
        return
    click.echo(f"\n{lease.name} is ready (lease {lease.id}, {span(lease.time_left().total_seconds())} left)")
    for listener, servers in environment.cluster.bootstrap.items():
        click.echo(f"  {listener:<6} {servers}")
    for principal in environment.principals:
        grants = "; ".join(f"{'+'.join(grant.allow)} {grant.topic}" for grant in principal.grants)
        click.echo(f"  principal {principal.name} ({principal.auth}): {grants}")
    if environment.bucket:
        click.echo(f"  bucket {environment.bucket.name}")
    for connector in environment.connect.connectors if environment.connect else ():
        where = f" at {connector.rest.urls[0]}" if connector.rest else ""
        click.echo(f"  connector {connector.name} ({connector.connector_class.rsplit('.', 1)[-1]}){where}")


def print_next_steps(lease: Lease) -> None:
    """Say which commands come next, for an environment that stays up."""
    principals = lease.environment.principals if lease.environment is not None else ()
    click.echo("\nnext:")
    click.echo(f"  ephk verify {lease.name}")
    for principal in principals[:1]:
        click.echo(f"  ephk env {lease.name} --principal {principal.name} --format librdkafka")
    click.echo(f"  ephk down {lease.name}")
