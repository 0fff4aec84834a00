"""`ephk cost`: what an environment would cost, what it did cost, and where the prices are from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.names import the_lease
from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors, show_error
from orchestrator.cli.up import spec_from
from orchestrator.cost.actual import Actual, NotBilled
from orchestrator.cost.estimate import estimate
from orchestrator.cost.guard import OverBudgetError, budgets_of, check_budget
from orchestrator.cost.prices import table_for
from orchestrator.cost.subject import Subject, of_lease, of_receipt
from orchestrator.ledger import FileLedger
from orchestrator.policy_file import load_policy
from orchestrator.reports.console import console
from orchestrator.spec import EnvironmentSpec
from orchestrator.tags import rfc3339
from orchestrator.target_interface import TargetName


@click.command(
    "cost",
    epilog=example(
        "ephk cost ephk.yaml --ttl 4h",
        "ephk cost --refresh --target aws",
        "ephk cost --actual pr-42",
    ),
)
@click.argument("what", required=False, metavar="[SPEC | NAME]")
@click.option("--name", help="Name of the environment; overrides the spec's.")
@click.option("--ttl", help="Time to live, for example 90m or 4h; overrides the spec's.")
@click.option(
    "--target",
    type=click.Choice(["embedded", "aws"]),
    default="embedded",
    show_default=True,
    help="Whose fetched prices to use or, with --refresh, whose Price List API to ask.",
)
@click.option("--refresh", is_flag=True, help="Fetch the prices of the spec's region through the Price List API.")
@click.option("--actual", is_flag=True, help="Ask Cost Explorer what NAME was billed (AWS charges 0.01 USD a request).")
@json_option
@reports_errors
def cost_command(
    what: str | None,
    name: str | None,
    ttl: str | None,
    target: TargetName,
    refresh: bool,
    actual: bool,
    as_json: bool,
) -> None:
    """Show what an environment would cost on AWS, line by line, each price with its source.

    SPEC is a YAML file (default: ephk.yaml, else the built-in defaults). Amounts are list prices without discounts,
    free tiers and taxes; low and high differ where usage decides. Exit code 1 when the high end is over a budget. With
    --actual, NAME is an environment, its lease's id, or the path of its receipt.json.
    """
    if refresh and actual:
        raise click.UsageError("give --refresh or --actual, not both")
    if actual:
        if name or ttl:
            raise click.UsageError("--actual takes a NAME and neither --name nor --ttl")
        _show_actual(what, as_json=as_json)
        return
    spec = spec_from(Path(what) if what else None, name, ttl)
    if refresh:
        _refresh(spec.region, target, as_json=as_json)
    else:
        _show_estimate(spec, target, as_json=as_json)


def _show_estimate(spec: EnvironmentSpec, target: TargetName, *, as_json: bool) -> None:
    from orchestrator.reports.costs import estimate_table, source_lines

    reckoned = estimate(spec, table_for(target, spec.region))
    budgets = budgets_of(spec, load_policy())
    refusal = None
    try:
        check_budget(reckoned, budgets)
    except OverBudgetError as error:
        refusal = error
    if as_json:
        print_json(
            {
                **reckoned.document(),
                "target": target,
                "budgets": [{"usd": budget.usd, "set_by": budget.set_by} for budget in budgets],
                "over_budget": refusal is not None,
            }
        )
    else:
        out = console(sys.stdout)
        out.print(estimate_table(reckoned))
        for line in source_lines(reckoned):
            out.print(line, markup=False)
        if target == "embedded":
            out.print("the embedded target bills nothing: this is what the same environment costs on AWS")
    if refusal is not None:
        show_error(refusal)
        sys.exit(refusal.exit_code)


def _refresh(region: str, target: TargetName, *, as_json: bool) -> None:
    from orchestrator.cost.refresh import price_list_session, refresh

    done = refresh(price_list_session(target), target, region, progress())
    if as_json:
        print_json(
            {
                "path": str(done.path),
                "version": done.version,
                "region": region,
                "target": target,
                "priced": done.priced,
                "skipped": [{"sku": str(item.sku), "reason": item.reason} for item in done.skipped],
            }
        )
        return
    click.echo(f"{done.priced} prices of {region} written to {done.path}")
    for item in done.skipped:
        click.echo(f"  no price for {item.sku}: {item.reason}")


def _show_actual(name: str | None, *, as_json: bool) -> None:
    from orchestrator.reports.costs import actual_lines

    subject = _subject(name)
    answer = _bill(subject)
    if as_json:
        print_json(_actual_document(subject, answer))
        return
    for line in actual_lines(subject, answer):
        click.echo(line)
    if subject.target == "embedded":
        click.echo("  the embedded target bills nothing: the estimate is what it would have cost on AWS")


def _subject(name: str | None) -> Subject:
    ledger = FileLedger()
    known = {key for lease in ledger.leases() for key in (lease.name, lease.id)}
    return of_lease(the_lease(ledger, name)) if name is None or name in known else of_receipt(name)


def _bill(subject: Subject) -> Actual | NotBilled:
    from datetime import UTC, datetime

    from orchestrator.cost.actual import billed_for
    from orchestrator.cost.answers import asking
    from orchestrator.target import target_named
    from orchestrator.target_interface import CloudGoneError

    try:
        with asking("AWS STS", "sts:GetCallerIdentity"):
            session = target_named(subject.target).session()
    except CloudGoneError:
        return NotBilled("the embedded cloud is gone, and it never billed anything")
    return billed_for(session, subject.lease_id, subject.begin, subject.end or datetime.now(UTC))


def _actual_document(subject: Subject, answer: Actual | NotBilled) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": subject.name,
        "lease": subject.lease_id,
        "target": subject.target,
        "begin": rfc3339(subject.begin),
        "end": rfc3339(subject.end) if subject.end else None,
        "currency": "USD",
        "estimate": {"low": subject.estimate.low, "high": subject.estimate.high} if subject.estimate else None,
    }
    if isinstance(answer, NotBilled):
        return {**document, "billed": None, "reason": answer.reason}
    return {
        **document,
        "billed": {
            "usd": answer.usd,
            "by_service": answer.by_service,
            "final": answer.final,
            "complete_until": rfc3339(answer.complete_until),
            "notes": list(answer.notes),
        },
        "reason": "",
    }
