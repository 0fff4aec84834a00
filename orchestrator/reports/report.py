"""The report of one verification: the document behind every rendering, written after each contract."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.model import Result
from orchestrator.environment import Environment
from orchestrator.files import write_private_json
from orchestrator.tags import rfc3339

SCHEMA = 1
STATUSES = ("verified", "failed", "error", "not_covered")


class Report:
    """Results of one environment, in the order of the catalogue.

    Args:
        environment: what was verified.
        directory: where `report.json` is kept up to date; None keeps it in memory alone.
    """

    def __init__(self, environment: Environment, directory: Path | None = None) -> None:
        self.environment = environment
        self.directory = directory
        self.results: list[Result] = []
        self.complete = False
        self._started = datetime.now(UTC)

    def add(self, result: Result) -> None:
        """Take one result and write the report, so that an interrupted run leaves what it knew."""
        self.results.append(result)
        self._write()

    def finish(self, results: Iterable[Result]) -> None:
        """Take the final, ordered results and write the report for the last time."""
        self.results = list(results)
        self.complete = True
        self._write()

    def _write(self) -> None:
        if self.directory is not None:
            write_private_json(self.directory / "report.json", self.document())

    @property
    def passed(self) -> bool:
        """True when the run is complete, something was verified and nothing failed or could not be run."""
        counts = self.counts()
        return self.complete and counts["verified"] > 0 and counts["failed"] == counts["error"] == 0

    def counts(self) -> dict[str, int]:
        """Return how many results have each status."""
        return {status: sum(result.status == status for result in self.results) for status in STATUSES}

    def document(self) -> dict[str, Any]:
        """Return `report.json`."""
        environment = self.environment
        return {
            "schema": SCHEMA,
            "environment": {
                "name": environment.name,
                "lease": environment.lease_id,
                "flavour": environment.flavour,
                "target": environment.target,
                "region": environment.cloud.region,
                "kafka_version": environment.cluster.kafka_version,
                "brokers": environment.cluster.brokers,
                "commit": environment.tags.get("ephk:commit", "none"),
                "repository": environment.tags.get("ephk:repository", "none"),
            },
            "results": [result.as_dict() for result in self.results],
            "summary": {
                **self.counts(),
                "total": len(self.results),
                "complete": self.complete,
                "passed": self.passed,
                "started_at": rfc3339(self._started),
                "finished_at": rfc3339(datetime.now(UTC)),
            },
        }
