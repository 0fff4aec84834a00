"""One verification of one environment, whoever made it: contracts of the catalogue and of the spec, and a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts import runner
from contracts.access import Access
from contracts.catalogue import load, not_applicable
from contracts.custom import with_custom
from contracts.model import DEADLINE_S, Result
from contracts.selection import Selection
from orchestrator.aws import AwsSession
from orchestrator.environment import Environment
from orchestrator.reports.model import NotApplicable, Subject
from orchestrator.reports.report import Report
from orchestrator.spec_contracts import ContractSpec


def verify(
    environment: Environment,
    session: AwsSession,
    *,
    select: Sequence[str] | Selection = (),
    directory: Path | None = None,
    on_result: Callable[[Result], None] | None = None,
    declared: Iterable[Mapping[str, Any]] = (),
    subject: Subject | None = None,
    deadline_s: float = DEADLINE_S,
) -> Report:
    """Run contracts against an environment and keep the report up to date in `directory`.

    Args:
        environment: what is verified.
        session: an AWS session that may read its control plane and secrets.
        select: what is asked for, or patterns of contract ids; empty means all.
        directory: where the report is written; None keeps it in memory.
        on_result: called as each result arrives.
        declared: the spec's own contracts.
        subject: how the report describes the environment; None takes its tags.
        deadline_s: seconds for each probe that does not declare more.

    Raises:
        UsageError: a pattern selects nothing, or a declared contract has an id of the catalogue.
    """
    registry = with_custom(load(), (ContractSpec.model_validate(contract) for contract in declared))
    skipped = [
        NotApplicable(id=entry.id, title=entry.title, risk=entry.risk, layers=entry.layers, reason=reason)
        for entry, reason in not_applicable(environment, select, registry)
    ]
    report = Report(environment, directory, subject=subject, not_applicable=skipped)

    def take(result: Result) -> None:
        report.add(result)
        if on_result is not None:
            on_result(result)

    try:
        with Access(environment, session) as access:
            results = runner.run(
                environment, access, select=select, deadline_s=deadline_s, on_result=take, registry=registry
            )
            report.finish(results)
    finally:
        report.close()
    return report
