"""The reports that go into a scorecard, read from disk or taken from a run that has just ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator.errors import UsageError
from orchestrator.reports.model import ReportDocument
from orchestrator.reports.scorecard.model import Source


@dataclass(frozen=True)
class Sourced:
    """A report with where it came from."""

    report: ReportDocument
    source: Source


def read_reports(directories: Iterable[Path]) -> list[Sourced]:
    """Read `report.json` of each directory (or the file itself).

    Raises:
        UsageError: a directory has none, or it is not a report of a known schema.
    """
    found = []
    for directory in directories:
        path = directory / "report.json" if directory.is_dir() else directory
        try:
            data = path.read_bytes()
            document = json.loads(data)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not JSON"
            raise UsageError(
                f"cannot read {path}: {reason}", next_step="Write one with: ephk verify NAME --report DIR"
            ) from None
        if not isinstance(document, dict) or document.get("schema") != 1:
            raise UsageError(f"{path} is not a report of schema 1")
        try:
            found.append(sourced(document, str(path), hashlib.sha256(data).hexdigest()))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UsageError(f"{path} is not a report of schema 1: {where}: {first['msg']}") from None
    return found


def sourced(document: dict[str, Any], path: str, sha256: str = "") -> Sourced:
    """Return a report's document with its source.

    Raises:
        pydantic.ValidationError: it is not a report of schema 1.
    """
    report = ReportDocument.model_validate(document)
    subject, summary = report.environment, report.summary
    return Sourced(
        report,
        Source(
            path=path,
            sha256=sha256,
            environment=subject.name,
            lease=subject.lease,
            target=subject.target,
            region=subject.region,
            flavour=subject.flavour,
            kafka_version=subject.kafka_version,
            brokers=subject.brokers,
            commit=subject.commit,
            repository=subject.repository,
            owner=subject.owner,
            started_at=summary.started_at,
            finished_at=summary.finished_at,
            complete=summary.complete,
            tool=" ".join(report.tool.values()),
            cost=_cost(document.get("cost")),
        ),
    )


def _cost(cost: Any) -> str:
    """Return what a report says of its cost (`{"usd", "hours"}`), or that it says nothing."""
    if isinstance(cost, dict) and isinstance(cost.get("usd"), int | float):
        return f"{cost['usd']:.2f} USD"
    return "not recorded"
