"""`ephk reap`: take down what is due, finish what was begun, and find what nobody leases."""

from __future__ import annotations

import sys
from datetime import timedelta

import click

from orchestrator.cli.down import patience_option, seconds, show_receipts
from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.errors import ExitCode
from orchestrator.ledgers import Ledgers
from orchestrator.reports.console import counts
from orchestrator.signals import interruptible
from orchestrator.target_interface import TargetName
from orchestrator.teardown.reap import OrphanReport, Planned, Reaper
from orchestrator.teardown.receipt import report_directory


@click.command("reap", epilog=example("ephk reap --dry-run", "ephk reap --orphans --target aws --grace 2h"))
@click.option("--dry-run", is_flag=True, help="Only say what would be taken down, and why.")
@click.option("--orphans", is_flag=True, help="Also what carries a lease's tag and belongs to no lease.")
@click.option(
    "--target",
    type=click.Choice(["embedded", "aws"]),
    default="embedded",
    help="Whose orphans: the embedded cloud's (default), or those in the AWS account and region of the caller.",
)
@click.option(
    "--grace", help="Leave orphans alone that are younger, for example 30m (default: 0s embedded, 30m on aws)."
)
@patience_option
@json_option
@reports_errors
def reap_command(
    dry_run: bool, orphans: bool, target: TargetName, grace: str | None, patience: str | None, as_json: bool
) -> None:
    """Take down every environment that has expired, was abandoned, or whose teardown was not finished.

    May run in several places at once: a lease that another process is taking down is left to it. With a token in
    EPHK_GITHUB_TOKEN or EPHK_GITLAB_TOKEN the CI is asked whether a job that had not finished its 'ephk up' has ended.
    """
    ledgers = Ledgers()
    if orphans:
        ledgers.of(target)  # without the target's ledger everything that is leased would look like an orphan
    reaper = Reaper(ledgers, progress(), patience_s=seconds(patience, "--wait"))
    allowed = seconds(grace, "--grace")
    spared = None if allowed is None else timedelta(seconds=allowed)
    if dry_run:
        planned = reaper.plan()
        found = reaper.orphans(target, grace=spared, dry_run=True) if orphans else None
        _show_plan(planned, found, as_json=as_json)
        return
    with interruptible():
        receipts, skipped = reaper.reap()
        for receipt in receipts:
            receipt.write(report_directory(receipt.lease))
        found = reaper.orphans(target, grace=spared, dry_run=False) if orphans else None
    if as_json:
        document = {
            "receipts": [receipt.document() for receipt in receipts],
            "skipped": [{"name": lease.name, "id": lease.id, "reason": reason} for lease, reason in skipped],
        }
        print_json(document | _orphans_document(found))
    else:
        show_receipts(receipts, as_json=False, nothing="" if skipped or found else "nothing is due")
        for lease, reason in skipped:
            click.echo(f"left alone: {lease.name} ({lease.id}): {reason}")
        _show_orphans(found, doing="deleted")
    if not all(receipt.clean for receipt in receipts) or (found is not None and not found.clean):
        sys.exit(ExitCode.LEFT_BEHIND)


def _show_plan(planned: list[Planned], found: OrphanReport | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"due": [one.document() for one in planned]} | _orphans_document(found))
        return
    for one in planned:
        lease = one.due.lease
        what = "its cloud is gone" if one.resources is None else counts(one.resources)
        after = f"; left alone: {one.due.skipped}" if one.due.skipped else ""
        click.echo(f"would take down {lease.name} ({lease.id}, {lease.state}, {one.due.reason}): {what}{after}")
    if not planned:
        click.echo("nothing is due")
    _show_orphans(found, doing="would delete")


def _orphans_document(found: OrphanReport | None) -> dict[str, object]:
    if found is None:
        return {}
    return {"orphans": [one.document() for one in found.reaped], "unanswered": list(found.unanswered)}


def _show_orphans(found: OrphanReport | None, *, doing: str) -> None:
    if found is None:
        return
    for one in found.reaped:
        what = counts(one.orphan.kinds())
        if one.orphan.skipped:
            click.echo(f"left alone: orphan {one.orphan.lease}: {what}: {one.orphan.skipped}")
        else:
            click.echo(f"{doing} orphan {one.orphan.lease}: {what}")
        for kept in one.kept:
            click.echo(f"  left: {kept.item.kind} {kept.item.identifier}: {kept.why}")
    for question in found.unanswered:
        click.echo(f"  not answered: {question}")
    if not found.reaped and not found.unanswered:
        click.echo("no orphans")
