"""The report of one verification: one document, and its renderings, kept up to date on disk while contracts answer."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.model import Result
from orchestrator import __version__
from orchestrator.environment import Environment
from orchestrator.files import write_private, write_private_json
from orchestrator.reports.model import STATUSES, Finding, NotApplicable, ReportDocument, Subject, Summary
from orchestrator.tags import rfc3339

#: A rendering may cost this share of a run: with 500 contracts, five pages after each would take longer than probing.
_RENDERING_SHARE = 0.1


class Report:
    """Results of one environment, in the order of the catalogue.

    `report.json` is written after each result. The pages made from it follow at once too, unless rendering has
    become slow (hundreds of contracts): then they follow a moment later, and always when the report is closed.

    Args:
        environment: what was verified; None for something that is none, which needs a `subject`.
        directory: where the report is kept up to date; None keeps it in memory alone.
        subject: how the report describes the environment; None describes it from its own tags.
        not_applicable: contracts that mean nothing for this environment, with their reasons.
    """

    def __init__(
        self,
        environment: Environment | None,
        directory: Path | None = None,
        *,
        subject: Subject | None = None,
        not_applicable: Sequence[NotApplicable] = (),
    ) -> None:
        if subject is None:
            if environment is None:
                raise ValueError("a report needs an environment or a subject")
            subject = Subject.of(environment)
        self.directory = directory
        self.subject = subject
        self.not_applicable = tuple(not_applicable)
        self.results: list[Result] = []
        self.complete = False
        self._started = datetime.now(UTC)
        self._behind = False
        self._rendered_at = 0.0
        self._rendering_s = 0.0

    def add(self, result: Result) -> None:
        """Take one result and write the report, so that an interrupted run leaves what it knew."""
        self.results.append(result)
        self._write()

    def finish(self, results: Iterable[Result]) -> None:
        """Take the final, ordered results and write the report for the last time."""
        self.results = list(results)
        self.complete = True
        self._write()
        self.close()

    def close(self) -> None:
        """Write the renderings that are behind `report.json`; harmless when none is."""
        if self._behind:
            self._render(self.model())

    def _write(self) -> None:
        if self.directory is None:
            return
        document = self.model()
        write_private_json(self.directory / "report.json", document.as_dict())
        self._behind = True
        if time.monotonic() - self._rendered_at >= self._rendering_s / _RENDERING_SHARE:
            self._render(document)

    def _render(self, document: ReportDocument) -> None:
        if self.directory is None:
            return
        begun = time.monotonic()
        write_renderings(document, self.directory)
        self._behind = False
        self._rendered_at = time.monotonic()
        self._rendering_s = self._rendered_at - begun

    @property
    def passed(self) -> bool:
        """True when the run is complete, something was verified and nothing failed or could not be run."""
        counts = self.counts()
        return self.complete and counts["verified"] > 0 and counts["failed"] == counts["error"] == 0

    def counts(self) -> dict[str, int]:
        """Return how many results have each status."""
        return {status: sum(result.status == status for result in self.results) for status in STATUSES}

    def model(self) -> ReportDocument:
        """Return the report as the findings model."""
        return ReportDocument(
            environment=self.subject,
            results=tuple(Finding.of(result) for result in self.results),
            summary=Summary(
                **self.counts(),
                total=len(self.results),
                not_applicable=len(self.not_applicable),
                complete=self.complete,
                passed=self.passed,
                started_at=rfc3339(self._started),
                finished_at=rfc3339(datetime.now(UTC)),
            ),
            not_applicable=self.not_applicable,
            tool={"name": "ephk", "version": __version__},
        )

    def document(self) -> dict[str, Any]:
        """Return `report.json`."""
        return self.model().as_dict()


def write_renderings(document: ReportDocument, directory: Path) -> None:
    """Write `report.md`, `report.html`, `junit.xml` and `findings.sarif`, each whole or not at all."""
    # Loaded here: a command that keeps no report needs neither templates nor XML.
    from orchestrator.reports import html, junit, markdown, sarif

    write_private(directory / "report.md", markdown.render(document))
    write_private(directory / "report.html", html.render(document))
    write_private(directory / "junit.xml", junit.render(document))
    write_private_json(directory / "findings.sarif", sarif.document(document))
