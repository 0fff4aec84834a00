"""One check of one plan: the contracts on plans, the team's policy, and a report of the usual form."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from contracts.catalogue import load
from contracts.model import Failed, NotCovered, Outcome, Result, Status, Verified
from contracts.selection import Selection
from contracts.terraform.model import PLAN_CONTRACTS, Options, PlanContract, Verdict
from orchestrator import provenance
from orchestrator.errors import UsageError
from orchestrator.reports.model import TERRAFORM, NotApplicable, Subject
from orchestrator.reports.report import Report
from orchestrator.terraform.plan import Plan
from orchestrator.terraform.policy import PlanAcceptance, TerraformPolicy
from orchestrator.terraform.source import SourceFiles

_HIDDEN = "***"


def check_plan(
    plan: Plan,
    policy: TerraformPolicy,
    *,
    name: str,
    select: Selection | None = None,
    directory: Path | None = None,
    source: SourceFiles | None = None,
    today: date | None = None,
) -> Report:
    """Run the contracts on a plan, and write the report to `directory`.

    Args:
        plan: what is checked.
        policy: what the team demands and accepts.
        name: how the report calls the plan.
        select: what is asked for; None asks for everything.
        directory: where the report is written; None keeps it in memory.
        source: finds lines of resources; None points at the plan.
        today: by which acceptances expire.

    Raises:
        UsageError: the plan has no resource, or a pattern selects nothing.
    """
    if not plan.resources and not plan.changes and not plan.deferred:
        raise UsageError(
            f"{plan.file} has no resource, so there is nothing to check",
            next_step="Is it the plan of the right directory, and not of a failed one?",
        )
    load()
    options = Options(policy.tags)
    chosen = (select or Selection()).choose([one.entry for one in PLAN_CONTRACTS.values()])
    contracts = [PLAN_CONTRACTS[entry.id] for entry in chosen]
    inapplicable = {one.entry.id: reason for one in contracts if (reason := one.inapplicable(plan, options))}
    report = Report(
        None,
        directory,
        subject=subject_of(plan, name),
        not_applicable=[
            NotApplicable(
                id=one.entry.id,
                title=one.entry.title,
                risk=one.entry.risk,
                layers=one.entry.layers,
                reason=inapplicable[one.entry.id],
            )
            for one in contracts
            if one.entry.id in inapplicable
        ],
    )
    day = today or datetime.now(UTC).date()
    report.finish(
        [_run(one, plan, options, policy.accept, source, day) for one in contracts if one.entry.id not in inapplicable]
    )
    return report


def unused_acceptances(policy: TerraformPolicy, report: Report, today: date) -> list[str]:
    """Return a line about each entry of the accept list that has expired or accepts nothing."""
    used = {reason for result in report.results for reason in result.evidence.get("accepted", ())}
    told = " ".join([*(result.reason for result in report.results), *used])
    return [
        f"terraform.accept.{number} ({entry.contract}, {entry.address}) "
        + (f"expired on {entry.expires}" if entry.expired(today) else "accepts nothing here")
        for number, entry in enumerate(policy.accept)
        if entry.expired(today) or entry.reason not in told
    ]


def subject_of(plan: Plan, name: str) -> Subject:
    """Describe a plan for a report: what it would make, of which commit."""
    clusters = plan.of("aws_msk_cluster")
    versions = {str(one.get("kafka_version")) for one in clusters if isinstance(one.get("kafka_version"), str)}
    brokers = [one.get("number_of_broker_nodes") for one in clusters]
    known = provenance.detect()
    serverless = bool(plan.of("aws_msk_serverless_cluster"))
    return Subject(
        name=name,
        lease="none",
        flavour="msk" if clusters else "msk-serverless" if serverless else "none",
        target=TERRAFORM,
        region=plan.region or "unknown",
        kafka_version=" and ".join(sorted(versions)) or "unknown",
        brokers=sum(one for one in brokers if isinstance(one, int)),
        commit=known.commit,
        repository=known.repository,
        owner=known.owner,
    )


def _run(
    contract: PlanContract,
    plan: Plan,
    options: Options,
    accept: Sequence[PlanAcceptance],
    source: SourceFiles | None,
    today: date,
) -> Result:
    entry, verdict, begun = contract.entry, Verdict(options), time.monotonic()
    try:
        contract.probe(plan, verdict)
        _accept(entry.id, verdict, accept, today)
        status, reason, evidence = _told(verdict.outcome())
    except Exception as error:  # noqa: BLE001 - one contract's mistake must not hide what the others say
        # Its text may hold a value of the plan.
        status, reason, evidence = "error", f"the contract could not be judged: {type(error).__name__}", {}
    return Result(
        id=entry.id,
        title=entry.title,
        risk=entry.risk,
        layer="cloud",
        status=status,
        statement=entry.statement,
        vantage=entry.vantage,
        evidence=_redacted(dict(evidence), plan.secrets),
        reason=_redacted(reason, plan.secrets),
        duration_s=time.monotonic() - begun,
        remediation=entry.remediation,
        documentation=entry.documentation,
        places=tuple(_places(verdict, plan, source)) if status == "failed" else (),
    )


def _told(outcome: Outcome) -> tuple[Status, str, Mapping[str, Any]]:
    match outcome:
        case Verified(evidence):
            return "verified", "", evidence
        case Failed(reason, evidence):
            return "failed", reason, evidence
        case NotCovered(reason):
            return "not_covered", reason, {}


def _accept(contract: str, verdict: Verdict, accept: Sequence[PlanAcceptance], today: date) -> None:
    for address in list(verdict.failed):
        entry = next((one for one in accept if one.covers(contract, address, today)), None)
        if entry is not None:
            verdict.accepted[address] = f"{verdict.failed.pop(address)} ({entry.reason})"


def _places(verdict: Verdict, plan: Plan, source: SourceFiles | None) -> list[Mapping[str, Any]]:
    places: list[Mapping[str, Any]] = []
    for address, problem in verdict.failed.items():
        file, line = (source.find(address) if source else None) or (Path(plan.file).name, 1)
        message = _redacted(problem, plan.secrets)
        places.append({"address": address, "message": message, "file": file, "line": line})
    return places


def _redacted(value: Any, secrets: frozenset[str]) -> Any:
    """Return text or JSON data without any text that the plan marks as sensitive, should one have got so far."""
    if isinstance(value, dict):
        return {_redacted(name, secrets): _redacted(one, secrets) for name, one in value.items()}
    if isinstance(value, list):
        return [_redacted(one, secrets) for one in value]
    if isinstance(value, str):
        for secret in sorted(secrets, key=len, reverse=True):
            value = value.replace(secret, _HIDDEN)
    return value
