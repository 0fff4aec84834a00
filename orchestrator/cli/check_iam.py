"""`ephk check iam`: decide requests, explain one, judge policies, review what a change does to access."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from orchestrator.iam_review.diff import Review
    from orchestrator.iam_review.model import Snapshot

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    "iam",
    epilog=example(
        "ephk check iam --base origin/main --head policies/ --sarif iam.sarif --markdown iam.md",
        "ephk check iam --head plan.json              # a plan's own before and after",
        "ephk check iam --lint policies/",
        "ephk check iam role.json --boundary boundary.json --principal arn:aws:iam::111122223333:role/app "
        "--action s3:GetObject --resource arn:aws:s3:::orders/key",
        "ephk check iam --request requests.json --json",
        "ephk check iam --print-policy up verify down",
    ),
)
@click.argument("items", nargs=-1)
@click.option("--base", help="The side before: directory, file, git REVISION[:PATH], plan, or lease:NAME.")
@click.option("--head", help="The side after. A plan alone is compared with what it starts from.")
@click.option("--lint", "lint_only", is_flag=True, help="Judge the policies in ITEMS (paths, plans) by themselves.")
@click.option("--accept", "accept", type=_FILE, help="Policy file with iam.accept (default: ephk-policy.yaml).")
@click.option("--strict", is_flag=True, help="Fail (exit code 3) when something is not covered.")
@click.option("--markdown", type=_FILE, help="Write a pull request's comment to this file.")
@click.option("--sarif", type=_FILE, help="Write SARIF 2.1.0 to this file.")
@click.option("--request", "request_file", type=_FILE, help="Decide the requests of a JSON array.")
@click.option("--print-policy", is_flag=True, help="Print the least policy for the ephk commands in ITEMS.")
@click.option("--split", is_flag=True, help="... as several managed policies, an array.")
@click.option("--account", default="*", show_default=True, help="... in this account.")
@click.option("--region", default="*", show_default=True, help="... in this region.")
@click.option("--lease", default="*", show_default=True, help="... for this lease's id alone.")
@click.option("--principal", help="Explain one decision: who asks.")
@click.option("--action", help="... what for, such as s3:GetObject.")
@click.option("--resource", default="*", show_default=True, help="... on which ARN.")
@click.option("--boundary", type=_FILE, help="... limited by this permissions boundary.")
@click.option("--scp", "scps", type=_FILE, multiple=True, help="... and by these, one for each level.")
@click.option("--resource-policy", type=_FILE, help="... with the resource's own policy.")
@click.option("--context", "context", multiple=True, metavar="KEY=VALUE", help="... with condition keys.")
@json_option
@reports_errors
def check_iam(items: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Decide, explain and review IAM policies as AWS's documented evaluation logic would.

    With --base and --head: what each principal can newly do, or no longer, what changed in boundaries and trust; exit
    code 3 for anything wider that the policy file does not accept. With --lint: known mistakes in ITEMS. With
    --request: FILE holds an array of {name, principal, action, resource, context, identity, boundary, scps, session,
    resource_policy, account}; the answer has allow, deny or error for each. Else ITEMS are the principal's policies,
    and one decision is explained.
    """
    if options["request_file"]:
        _decide(options["request_file"], as_json=as_json)
    elif options["print_policy"]:
        _print_policy(items, options)
    elif options["lint_only"]:
        _lint(items, options, as_json=as_json)
    elif options["head"]:
        _review(options, as_json=as_json)
    elif options["action"]:
        _explain(items, options, as_json=as_json)
    else:
        raise UsageError(
            "say what to check: --head, --lint, --request, --action or --print-policy",
            next_step="ephk check iam --help has an example of each.",
        )


def _decide(file: Path, *, as_json: bool) -> None:
    from orchestrator.iam.requests import decide_requests

    document = _json(file)
    if not isinstance(document, list):
        raise UsageError(f"{file} must hold a JSON array of requests, holds a {type(document).__name__}")
    answer = decide_requests(document)
    if as_json:
        print_json(answer)
        return
    for decision in answer["decisions"]:
        click.echo(f"{decision['decision']:<6} {decision['name']}: {decision['reason']}")


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot read {file}: {reason}", next_step="Give a JSON file.") from None


def _explain(items: tuple[str, ...], options: dict[str, Any], *, as_json: bool) -> None:
    from orchestrator import iam
    from orchestrator.iam import services

    if not options["principal"]:
        raise UsageError("--action needs --principal", next_step="Give the principal's ARN.")
    context: dict[str, list[str]] = {}
    for entry in options["context"]:
        key, equals, value = entry.partition("=")
        if not equals:
            raise UsageError(f"--context {entry!r} is not KEY=VALUE")
        context.setdefault(key, []).append(value)
    policies = iam.PolicySet(
        identity_policies=[_policy(Path(item), iam.PolicyType.IDENTITY) for item in items],
        boundary=_policy(options["boundary"], iam.PolicyType.BOUNDARY) if options["boundary"] else None,
        scps=[_policy(file, iam.PolicyType.SCP) for file in options["scps"]],
        resource_policy=_json(options["resource_policy"]) if options["resource_policy"] else None,
        trust=services.is_assume_role(options["action"].lower()),
    )
    decision = policies.decide(iam.Request(options["principal"], options["action"], options["resource"], context))
    if as_json:
        print_json(
            {
                "decision": "allow" if decision.allowed else "deny",
                "outcome": decision.outcome.value,
                "reason": decision.reason,
                "statement": str(decision.statement) if decision.statement else None,
                "explanation": iam.explain(decision),
            }
        )
    else:
        click.echo(iam.explain(decision))


def _policy(file: Path, kind: Any) -> Any:
    from orchestrator import iam

    return iam.compile_policy(_json(file), kind, name=file.name)


def _review(options: dict[str, Any], *, as_json: bool) -> None:
    from orchestrator.iam_review.collect import collect, is_plan
    from orchestrator.iam_review.diff import review

    head, base = options["head"], options["base"]
    if base is None and not is_plan(head):
        raise UsageError(
            "--head needs --base, unless it is a plan", next_step="Add --base with a path or git revision."
        )
    path = head if Path(head).exists() else "."
    before = collect(base or head, _live, path=path, plan_side="after" if base else "before")
    after = collect(head, _live)
    _finish(review(before, after), options, as_json=as_json)


def _lint(items: tuple[str, ...], options: dict[str, Any], *, as_json: bool) -> None:
    from orchestrator.iam_review.collect import collect
    from orchestrator.iam_review.diff import Review, in_order
    from orchestrator.iam_review.lint import lint

    if not items:
        raise UsageError("--lint needs at least one path", next_step="ephk check iam --lint policies/")
    sides = [collect(item, _live) for item in items]
    findings = [finding for side in sides for finding in lint(side, parliament=True)]
    gaps = tuple(gap for side in sides for gap in side.gaps)
    count = sum(len(side.principals) for side in sides)
    _finish(Review("", " ".join(items), in_order(findings), gaps, count), options, as_json=as_json)


def _finish(review: Review, options: dict[str, Any], *, as_json: bool) -> None:
    """Apply the policy file, write the reports, and end with the exit code."""
    from dataclasses import replace

    from orchestrator.iam_review import render
    from orchestrator.iam_review.accepted import apply_acceptances, read_policy_file
    from orchestrator.iam_review.sarif import sarif
    from orchestrator.reports.console import console

    agreed = read_policy_file(options["accept"])
    findings, unused = apply_acceptances(review.findings, agreed.accept, datetime.now(UTC).date())
    review = replace(review, findings=tuple(findings), unused=tuple(unused))
    strict = options["strict"] or agreed.strict
    _write(options["markdown"], render.markdown(review, strict=strict))
    _write(options["sarif"], json.dumps(sarif(review), indent=2) + "\n")
    if as_json:
        print_json(render.document(review))
    else:
        console(sys.stdout).print(render.tables(review, strict=strict))
    if review.unaccepted or (strict and review.gaps):
        sys.exit(int(ExitCode.CONTRACT_FAILED))


def _write(file: Path | None, text: str) -> None:
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None


def _live(name: str) -> Snapshot:
    from orchestrator.iam_review.live import read_environment
    from orchestrator.ledger import FileLedger
    from orchestrator.lifecycle import session_of

    lease = FileLedger().find(name)
    if lease.environment is None:
        raise UsageError(f"{name} is not ready yet", next_step="Wait for 'ephk up' to finish.")
    return read_environment(lease.environment, session_of(lease))


def _print_policy(commands: tuple[str, ...], options: dict[str, Any]) -> None:
    from orchestrator.permissions import MANAGED_POLICY_CHARACTERS, policy_for, size, split

    if not commands:
        raise UsageError("--print-policy needs at least one command", next_step="ephk check iam --print-policy up down")
    policy = policy_for(commands, account=options["account"], region=options["region"], lease=options["lease"])
    if options["split"]:
        print_json(split(policy))
        return
    characters = size(policy["Statement"])
    if characters > MANAGED_POLICY_CHARACTERS:
        click.echo(f"{characters} characters: too long for one managed policy; --split prints several", err=True)
    print_json(policy)
