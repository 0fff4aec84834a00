"""`ephk check terraform`: contracts on a plan, before anything is applied."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.output import example, json_option, print_json, reports_errors
from orchestrator.cli.verify import selection_options
from orchestrator.errors import ExitCode, UsageError

_FILE = click.Path(path_type=Path, dir_okay=False)
_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.command(
    "terraform",
    epilog=example(
        "ephk check terraform plan.json --source . --report ephk-report",
        "ephk check terraform plan.json --contract 'terraform.msk.*' --require-tag team",
        "terraform plan -out plan.bin && terraform show -json plan.bin > plan.json    # makes PLAN.json",
    ),
)
@click.argument("plan_file", metavar="PLAN.json", type=_FILE)
@selection_options
@click.option("--name", help="How the report calls the plan (default: the file's name without its ending).")
@click.option("--source", type=_DIRECTORY, help="Directory of the .tf files: findings name file and line.")
@click.option("--accept", type=_FILE, help="Policy file with the section terraform (default: ephk-policy.yaml).")
@click.option("--require-tag", "tags", multiple=True, metavar="NAME", help="Demand this tag; may be repeated.")
@click.option("--require-ephk-tags", is_flag=True, help="Demand the tags that ephk puts on everything it makes.")
@click.option("--strict", is_flag=True, help="Fail (exit code 3) when something is not covered.")
@click.option(
    "--report",
    "directory",
    type=click.Path(path_type=Path),
    help="Directory for report.json, report.html, report.md, junit.xml and findings.sarif.",
)
@json_option
@reports_errors
def check_terraform(plan_file: Path, as_json: bool, **options: Any) -> None:
    """Check a plan against the contracts on Kafka's infrastructure; exit code 3 when one fails.

    PLAN.json is the output of 'terraform show -json' for a saved plan, or for a state. What is known only after apply
    is not covered, with the address. Values that Terraform marks as sensitive are not read.
    """
    from contracts.selection import Selection
    from orchestrator.plan_check import check_plan, unused_acceptances
    from orchestrator.policy_file import load_policy
    from orchestrator.reports.console import console, report_summary, results_table
    from orchestrator.tags import REQUIRED
    from orchestrator.terraform.plan import read_plan
    from orchestrator.terraform.source import SourceFiles

    plan = read_plan(plan_file)
    policy = load_policy(options["accept"]).terraform
    demanded = (*policy.tags, *options["tags"], *(REQUIRED if options["require_ephk_tags"] else ()))
    policy = policy.model_copy(update={"tags": tuple(dict.fromkeys(demanded))})
    source = options["source"]
    if source is not None and not any(source.glob("*.tf")):
        raise UsageError(f"{source} has no .tf file", next_step="Give the directory in which the plan was made.")
    report = check_plan(
        plan,
        policy,
        name=options["name"] or plan_file.stem,
        select=Selection(options["ids"], options["layers"], options["risks"]),
        directory=options["directory"],
        source=SourceFiles(plan, source) if source is not None else None,
    )
    if as_json:
        print_json(report.document())
    else:
        out = console(sys.stdout)
        shown = [replace(result, duration_s=0.0) for result in report.results]
        out.print(results_table(shown, width=out.width))
        out.print(report_summary(report))
        reasons: dict[str, list[str]] = {}
        for entry in report.not_applicable:
            reasons.setdefault(entry.reason, []).append(entry.id)
        for reason, ids in reasons.items():
            out.print(f"not applicable, {reason}: {', '.join(ids)}")
        for line in unused_acceptances(policy, report, datetime.now(UTC).date()):
            out.print(line)
        if options["directory"] is not None:
            out.print(f"report: {options['directory'] / 'report.html'}")
    counts = report.counts()
    strict = options["strict"] or policy.strict
    if counts["failed"] or counts["error"] or (strict and counts["not_covered"]):
        sys.exit(int(ExitCode.CONTRACT_FAILED))
