"""`ephk list`, `show` and `extend`: what the ledger knows."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import click

from orchestrator.cli.names import the_lease
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.errors import EphkError
from orchestrator.lease import Lease, LeaseState
from orchestrator.ledgers import Ledgers
from orchestrator.lifecycle import session_of
from orchestrator.reports.console import console, leases_table, span
from orchestrator.spec import parse_duration
from orchestrator.tags import rfc3339
from orchestrator.target import CloudGoneError

_SOON_S = 15 * 60


@click.command("list", epilog=example("ephk list", "ephk list --json"))
@json_option
@reports_errors
def list_command(as_json: bool) -> None:
    """List the environments with their owner, age and time left."""
    ledger = Ledgers()
    leases = ledger.leases()
    warnings = {lease.id: warning for lease in leases if (warning := warning_for(lease))}
    unreadable = [str(path) for path in ledger.unreadable()]
    if as_json:
        print_json(
            {
                "leases": [lease_document(lease, warnings.get(lease.id, "")) for lease in leases],
                "unreadable": unreadable,
            }
        )
        return
    if leases:
        console(sys.stdout).print(leases_table(leases, warnings))
    else:
        click.echo("there is no environment")
    for path in unreadable:
        click.echo(f"warning: {path} cannot be read as a lease", err=True)


def warning_for(lease: Lease) -> str:
    """Return what a person should know about a lease at a glance, or an empty string."""
    if lease.target == "embedded" and lease.state is LeaseState.READY:
        try:
            session_of(lease)
        except CloudGoneError:
            return f"its embedded cloud is gone: run 'ephk down {lease.name}'"
    if lease.state in (LeaseState.RELEASING, LeaseState.LEAKING):
        return f"teardown is not finished: run 'ephk down {lease.name}'"
    left = lease.time_left().total_seconds()
    if left <= 0:
        return "expired"
    return f"ends in {span(left)}" if left < _SOON_S else ""


def lease_document(lease: Lease, warning: str = "") -> dict[str, Any]:
    """Return a lease as `list --json` shows it."""
    now = datetime.now(UTC)
    return {
        **lease.model_dump(mode="json", exclude={"spec", "environment", "holder", "version"}),
        "age_s": int((now - lease.created_at).total_seconds()),
        "left_s": int(lease.time_left(now).total_seconds()),
        "warning": warning,
    }


@click.command("show", epilog=example("ephk show pr-42"))
@click.argument("name", required=False)
@json_option
@reports_errors
def show_command(name: str | None, as_json: bool) -> None:
    """Show one environment: its lease, brokers, principals and what it owns."""
    lease = the_lease(Ledgers(), name)
    if as_json:
        print_json(
            {**lease_document(lease, warning_for(lease)), "spec": lease.spec, "environment": _environment(lease)}
        )
        return
    lines = {
        "name": lease.name,
        "lease": lease.id,
        "state": lease.state,
        "target": lease.target,
        "owner": lease.provenance.owner,
        "repository": lease.provenance.repository,
        "branch": lease.provenance.pull_request,
        "commit": lease.provenance.commit,
        "created": rfc3339(lease.created_at),
        "expires": rfc3339(lease.expires_at),
        "warning": warning_for(lease),
    }
    environment = lease.environment
    if environment is not None:
        lines |= {f"listener {name}": servers for name, servers in environment.cluster.bootstrap.items()}
        lines |= {
            "cluster": environment.cluster.arn,
            "bucket": environment.bucket.name if environment.bucket else "",
            "vpc": environment.network.vpc_id if environment.network else "",
            "principals": ", ".join(f"{item.name} ({item.auth})" for item in environment.principals),
            "topics": ", ".join(topic.name for topic in environment.topics),
        }
    for label, value in lines.items():
        if value:
            click.echo(f"{label:<16} {value}")


def _environment(lease: Lease) -> dict[str, Any] | None:
    return lease.environment.model_dump(mode="json") if lease.environment else None


@click.command("extend", epilog=example("ephk extend pr-42 --ttl 2h"))
@click.argument("name", required=False)
@click.option("--ttl", required=True, help="From now on, for example 90m or 4h.")
@json_option
@reports_errors
def extend_command(name: str | None, ttl: str, as_json: bool) -> None:
    """Move the end of an environment's lease to TTL from now, never past its maximum."""
    ledger = Ledgers()
    lease = the_lease(ledger, name)
    try:
        wanted = datetime.now(UTC).replace(microsecond=0) + parse_duration(ttl)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--ttl") from None
    if lease.state is not LeaseState.READY:
        raise EphkError(f"environment {lease.name} is {lease.state}; only a ready one can be extended")
    granted = min(wanted, lease.latest_end)
    lease = ledger.update(lease.model_copy(update={"expires_at": granted}))
    limited = f" (its maximum, whatever {ttl} from now would be)" if granted < wanted else ""
    if as_json:
        print_json({**lease_document(lease), "limited": granted < wanted})
    else:
        click.echo(f"{lease.name} now ends at {rfc3339(granted)}{limited}")
