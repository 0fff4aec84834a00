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

_NO_COST = "not recorded: there is no receipt.json beside the report"


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
            found.append(sourced(document, str(path), hashlib.sha256(data).hexdigest(), cost_beside(path)))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UsageError(f"{path} is not a report of schema 1: {where}: {first['msg']}") from None
    return found


def sourced(document: dict[str, Any], path: str, sha256: str = "", cost: str = _NO_COST) -> Sourced:
    """Return a report's document with its source.

    Args:
        document: `report.json`.
        path: where it came from.
        sha256: its digest; empty when it was not read from a file.
        cost: what its environment costs, in words.

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
            cost=cost,
        ),
    )


def cost_beside(report: Path) -> str:
    """Return what the receipt beside a report says of the environment's cost, or that nothing does."""
    try:
        cost = json.loads((report.parent / "receipt.json").read_text())["cost"]
        low, high = float(cost["estimate"]["low"]), float(cost["estimate"]["high"])
        billed, currency = bool(cost["billed"]), str(cost["currency"])
    except (OSError, ValueError, KeyError, TypeError):
        return _NO_COST
    where = "" if billed else "; on AWS: on the embedded target nothing is billed"
    return f"{low:.2f} to {high:.2f} {currency}, estimated{where}"
