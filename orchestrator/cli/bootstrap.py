"""`ephk bootstrap`: what an AWS account needs once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from orchestrator import __version__
from orchestrator.cli.output import example, json_option, print_json, progress, reports_errors
from orchestrator.errors import UsageError
from orchestrator.lifecycle import interruptible

if TYPE_CHECKING:
    from orchestrator.bootstrap import Bootstrap, Bootstrapped
    from orchestrator.state_bucket import BootstrapRecord

_GITHUB = "https://token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for decorate in (
        click.option("--dry-run", is_flag=True, help="Only say what would be made or changed."),
        click.option("--destroy", is_flag=True, help="Remove everything again; refused while there are leases."),
        click.option("--yes", is_flag=True, help="With --destroy: do not ask."),
        click.option("--ci-subject", multiple=True, help="Pattern of the CI's `sub` claim; may be repeated."),
        click.option("--ci-issuer", default=None, help=f"The CI's OIDC issuer (default: {_GITHUB})."),
        click.option("--ci-audience", default=None, help=f"The CI's `aud` claim (default: {_AUDIENCE})."),
        click.option("--no-ci", is_flag=True, help="Remove the CI's role and identity provider."),
        click.option("--install", default=None, help="What the reaper installs with pip (default: this version)."),
        click.option("--every", type=click.IntRange(5, 1440), default=None, help="Minutes between reaper runs (15)."),
        click.option("--provider", type=click.Choice(["embedded", "official"]), default="official", show_default=True),
    ):
        function = decorate(function)
    return function


@click.command(
    "bootstrap",
    epilog=example(
        "ephk bootstrap --dry-run", "ephk bootstrap --ci-subject 'repo:acme/orders:pull_request' --every 15"
    ),
)
@_options
@json_option
@reports_errors
def bootstrap_command(dry_run: bool, destroy: bool, yes: bool, provider: str, as_json: bool, **asked: Any) -> None:
    """Set an AWS account up once: state bucket, reaper, the CI's role and its boundary.

    For the account and region of your credentials; needs an administrator. It may be run again: what is there already
    stays, and so does what you do not name. What is recorded is how '--target aws' finds it.
    """
    if dry_run and destroy:
        raise click.UsageError("give --dry-run or --destroy, not both")
    from orchestrator.state_bucket import caller_session, configured, read_record
    from orchestrator.state_layout import bucket_name

    session = caller_session()
    bucket = configured() or bucket_name(session.cloud.account_id, session.cloud.region)
    from orchestrator.aws_errors import explained

    with explained(f"read the record of s3://{bucket}"):
        known: BootstrapRecord | None = read_record(session, bucket)
    settings = merged(known.settings if known else {}, asked)
    work = _work(session, bucket, settings, provider)
    if destroy:
        _confirm(bucket, yes=yes, as_json=as_json)
    with interruptible():
        outcome = work.preview() if dry_run else work.destroy() if destroy else work.up(settings)
    _show(outcome, dry_run=dry_run, as_json=as_json)


def merged(before: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Return the settings: what is asked for now, else what was recorded, else the defaults.

    Raises:
        UsageError: a subject would let everybody in.
    """
    settings = {
        "ci_subjects": list(asked["ci_subject"]) or before.get("ci_subjects", []),
        "ci_issuer": asked["ci_issuer"] or before.get("ci_issuer", _GITHUB),
        "ci_audience": asked["ci_audience"] or before.get("ci_audience", _AUDIENCE),
        "install": asked["install"] or before.get("install", f"ephemeral-kafka=={__version__}"),
        "every": asked["every"] or before.get("every", 15),
    }
    if asked["no_ci"]:
        settings["ci_subjects"] = []
    if not str(settings["ci_issuer"]).startswith("https://"):
        raise UsageError(f"the issuer {settings['ci_issuer']} must be an https:// address")
    if "'" in str(settings["install"]):
        raise UsageError("--install must be one pip requirement, without quotes")
    for subject in settings["ci_subjects"]:
        _check_subject(subject)
    return settings


def _check_subject(subject: str) -> None:
    """Refuse a pattern that names no organization and repository: everybody's jobs would be let in."""
    named = subject.split(":", 2)
    open_to_all = len(named) < 2 or any(character in named[1].split("/")[0] for character in "*?") or not named[1]
    if open_to_all:
        raise UsageError(
            f"the subject '{subject}' would let in jobs of other organizations",
            next_step="Name yours, for example 'repo:acme/orders:pull_request'.",
        )


def _work(session: Any, bucket: str, settings: dict[str, Any], provider: str) -> Bootstrap:
    from orchestrator.aws_target import AwsTarget
    from orchestrator.bootstrap import Bootstrap, existing_provider
    from stacks.bootstrap import BootstrapInputs, CiTrust

    target = AwsTarget(session.cloud.region, provider)  # type: ignore[arg-type]
    target.check_provider(session)
    ci = None
    if settings["ci_subjects"]:
        ci = CiTrust(settings["ci_issuer"], settings["ci_audience"], tuple(settings["ci_subjects"]))
        ci = CiTrust(ci.issuer, ci.audience, ci.subjects, existing_provider(session, ci.host))
    inputs = BootstrapInputs(
        account_id=session.cloud.account_id,
        region=session.cloud.region,
        bucket=bucket,
        install=settings["install"],
        every_minutes=settings["every"],
        ci=ci,
    )
    return Bootstrap(
        session,
        inputs,
        provider=provider,  # type: ignore[arg-type]
        environment=target.plugin_environment(session),
        progress=progress(),
    )


def _confirm(bucket: str, *, yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json:
        raise click.UsageError("--destroy --json needs --yes")
    click.confirm(f"Delete s3://{bucket} with every version of every lease, and the reaper?", abort=True, err=True)


def _show(outcome: Bootstrapped, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "record": outcome.record.model_dump() if outcome.record else None,
                "resources": [{"operation": item.op, "type": item.type, "name": item.name} for item in outcome.done],
                "cost_allocation_tags": outcome.cost_tags,
            }
        )
        return
    changed = [item for item in outcome.done if item.op != "same"]
    for item in changed:
        click.echo(f"{'would ' if dry_run else ''}{item.op:<8} {item.type:<40} {item.name}")
    if not changed:
        click.echo("nothing to change")
    if outcome.record is not None:
        _show_record(outcome.record, outcome.cost_tags)


def _show_record(record: BootstrapRecord, cost_tags: str) -> None:
    lines = {
        "state bucket": f"s3://{record.bucket}",
        "key": record.kms_key_arn,
        "boundary": record.boundary_arn,
        "reaper": f"{record.reaper_schedule} -> CodeBuild {record.reaper_project}",
        "cost tags": cost_tags,
        "CI role": record.ci_role_arn or "none (--ci-subject makes one)",
    }
    for label, value in lines.items():
        click.echo(f"{label:<16} {value}")
    click.echo(f"\nnext:\n  export EPHK_STATE_BUCKET=s3://{record.bucket}\n  ephk up --target aws")
