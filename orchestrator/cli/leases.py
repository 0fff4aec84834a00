"""`ephk list`, `show`, `extend` and `keep`: what the ledger knows, and what may be changed in it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import click

from orchestrator.adopted import AdoptedStore
from orchestrator.cli.names import the_lease
from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.cost.guard import check_extension
from orchestrator.errors import EphkError
from orchestrator.lease import Keep, Lease, LeaseState
from orchestrator.lease_view import cost_so_far, heartbeat_warning, money, reaper_heartbeat, warning_of
from orchestrator.ledgers import Ledgers
from orchestrator.lifecycle import session_of
from orchestrator.reports.console import console, leases_table, span
from orchestrator.spec import parse_duration
from orchestrator.tags import rfc3339
from orchestrator.target_interface import CloudGoneError

#: States of an environment that is wanted: there is something to keep.
_WANTED = (LeaseState.REQUESTED, LeaseState.PROVISIONING, LeaseState.READY)


@click.command("list", epilog=example("ephk list", "ephk list --json"))
@json_option
@reports_errors
def list_command(as_json: bool) -> None:
    """List the environments with their owner, age and time left.

    Those on AWS are in the list when a state bucket is named (--state, EPHK_STATE_BUCKET, or the policy file).
    """
    seen, adopted = Ledgers().look(), AdoptedStore().all()
    warnings = {lease.id: warning for lease in seen.leases if (warning := warning_for(lease))}
    beat = reaper_heartbeat()
    here = any(lease.target == "embedded" for lease in seen.leases)
    reaper = heartbeat_warning(beat, datetime.now(UTC), span) if here else ""
    if as_json:
        print_json(
            {
                "leases": [lease_document(lease, warnings.get(lease.id, "")) for lease in seen.leases],
                "unreadable": list(seen.unreadable),
                "reaper": {"heartbeat": rfc3339(beat) if beat else None, "warning": reaper},
                **({"adopted": [item.model_dump(mode="json") for item in adopted]} if adopted else {}),
            }
        )
        return
    if seen.leases:
        console(sys.stdout).print(leases_table(list(seen.leases), warnings))
    elif not adopted:
        click.echo("no lease could be read" if seen.unreadable else "there is no environment")
    for item in adopted:
        click.echo(f"{item.environment.name}: adopted {rfc3339(item.adopted_at)}; nothing of it is ever deleted")
    for text in seen.unreadable:
        click.echo(f"warning: not read as a lease: {text}", err=True)
    if reaper:
        click.echo(f"warning: {reaper}", err=True)


def warning_for(lease: Lease) -> str:
    """Return what a person should know about a lease at a glance, or an empty string."""
    if lease.target == "embedded" and lease.state is LeaseState.READY:
        try:
            session_of(lease)
        except CloudGoneError:
            return f"its embedded cloud is gone: run 'ephk down {lease.name}'"
    return warning_of(lease, datetime.now(UTC), span)


def lease_document(lease: Lease, warning: str = "") -> dict[str, Any]:
    """Return a lease as `list --json` shows it."""
    now = datetime.now(UTC)
    cost = cost_so_far(lease, now)
    return {
        **lease.model_dump(mode="json", exclude={"spec", "environment", "holder", "version"}),
        "age_s": int((now - lease.created_at).total_seconds()),
        "left_s": int(lease.time_left(now).total_seconds()),
        "ends_at": rfc3339(lease.ends_at()),
        "cost_so_far_usd": cost.model_dump() if cost else None,
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
        "pull request": lease.provenance.pull_request,
        "branch": lease.provenance.branch,
        "commit": lease.provenance.commit,
        "job": lease.provenance.job,
        "created": rfc3339(lease.created_at),
        "ready": rfc3339(lease.ready_at) if lease.ready_at else "",
        "ends": rfc3339(lease.ends_at()),
        "at the latest": rfc3339(lease.latest_end),
        "cost so far": money(cost_so_far(lease)),
        "kept": f"until {rfc3339(lease.keep.until)} by {lease.keep.by}: {lease.keep.reason}" if lease.keep else "",
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
        if value and value != "none":
            click.echo(f"{label:<16} {value}")


def _environment(lease: Lease) -> dict[str, Any] | None:
    return lease.environment.model_dump(mode="json") if lease.environment else None


@click.command("extend", epilog=example("ephk extend pr-42 --ttl 2h"))
@click.argument("name", required=False)
@click.option("--ttl", required=True, help="From now on, for example 90m or 4h.")
@json_option
@reports_errors
def extend_command(name: str | None, ttl: str, as_json: bool) -> None:
    """Move the end of an environment's lease to TTL from now, never past its maximum nor its budget.

    Only a ready environment has an end to move: before, its create deadline rules, and the ttl counts from ready.
    """
    ledger = Ledgers()
    lease = the_lease(ledger, name)
    try:
        wanted = _now() + parse_duration(ttl)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--ttl") from None
    if lease.state in (LeaseState.REQUESTED, LeaseState.PROVISIONING):
        raise EphkError(
            f"environment {lease.name} is {lease.state}: its ttl begins when it is ready, and it has until "
            f"{rfc3339(lease.create_deadline)} to become so",
            next_step="Extend it once it is ready; 'ephk list' shows when.",
        )
    if lease.state is not LeaseState.READY:
        raise EphkError(
            f"environment {lease.name} is {lease.state}: its teardown has begun and cannot be taken back",
            next_step="Bring up another one: ephk up",
        )
    granted = min(wanted, lease.latest_end)
    check_extension(lease, granted)
    lease = ledger.update(lease.model_copy(update={"expires_at": granted}))
    limited = f": its maximum, as {ttl} from now would be {rfc3339(wanted)}" if granted < wanted else ""
    if as_json:
        print_json({**lease_document(lease), "limited": granted < wanted})
    else:
        click.echo(f"{lease.name} now ends at {rfc3339(granted)}{limited}")


@click.command(
    "keep",
    epilog=example('ephk keep pr-42 --reason "a heap dump is being read" --until 2d', "ephk keep pr-42 --off"),
)
@click.argument("name", required=False)
@click.option("--reason", help="Why; everybody who lists environments reads it.")
@click.option("--until", help="When the mark ends: 8h or 2d from now, or a time such as 2026-01-31T18:00:00Z.")
@click.option("--off", is_flag=True, help="Take the mark away: the lease ends as it would have.")
@json_option
@reports_errors
def keep_command(name: str | None, reason: str | None, until: str | None, off: bool, as_json: bool) -> None:
    """Hold the reaper off an environment until a date, with a reason.

    Nothing is kept for ever: the mark ends, and the maximum lifetime does not apply to it. 'ephk down' still works.
    """
    if off == bool(reason or until) or (not off and not (reason and reason.strip() and until)):
        raise click.UsageError("give --reason and --until, or --off")
    ledger = Ledgers()
    lease = the_lease(ledger, name)
    if lease.state not in _WANTED:
        raise EphkError(f"environment {lease.name} is {lease.state}: its teardown has begun and cannot be taken back")
    mark = None if off else Keep(reason=str(reason).strip()[:256], until=_moment(str(until)), by=_caller())
    lease = ledger.update(lease.model_copy(update={"keep": mark}))
    if as_json:
        print_json(lease_document(lease, warning_for(lease)))
    elif mark is None:
        click.echo(f"{lease.name} is not kept any more and ends at {rfc3339(lease.ends_at())}")
    else:
        click.echo(f"{lease.name} is kept until {rfc3339(mark.until)}: {mark.reason}")


def _moment(text: str) -> datetime:
    """Read a time in the future: a duration from now, or RFC 3339 (UTC unless it says otherwise)."""
    try:
        moment = _now() + parse_duration(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise click.BadParameter(
                f"'{text}' is neither a duration such as 8h nor a time such as 2026-01-31T18:00:00Z",
                param_hint="--until",
            ) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment <= _now():
        raise click.BadParameter(f"{rfc3339(moment)} is over", param_hint="--until")
    return moment.astimezone(UTC)


def _caller() -> str:
    from orchestrator import provenance

    return provenance.detect().owner


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
