"""The pages in a real browser: made once, at 5 and at 500 contracts, from data that has something of everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.reports import html
from orchestrator.reports.scorecard.page import render_html
from tests.browser.chromium import EXECUTABLE, Chromium
from tests.unit.reports.report_builders import BAD, GOOD, UNKNOWN, UNSEEN, ago, document, entry, many, run
from tests.unit.reports.test_scorecard_build import card

SIZES = (5, 500)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    if EXECUTABLE is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with Chromium() as browser:
        yield browser


@dataclass(frozen=True)
class Pages:
    """Where the pages are, by kind and by number of contracts."""

    directory: Path

    def path(self, kind: str, size: int) -> Path:
        return self.directory / f"{kind}-{size}.html"


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    made = Pages(tmp_path_factory.mktemp("pages"))
    for size in SIZES:
        results = (GOOD, BAD, UNKNOWN, UNSEEN, *many(size - 4))
        made.path("report", size).write_text(html.render(document(*results)))
        shown = card(
            run(*results, path="reports/today/report.json"),
            run(GOOD, at=ago(days=20), name="old", path="reports/old/report.json"),
            catalogue=[entry(result) for result in results],
            owners={"listener.*": "platform", "acl.*": "team-orders"},
            blocking=[{"risk": BAD.id, "layer": "local"}, {"risk": UNSEEN.id, "layer": "cloud"}],
            waivers=[
                {"risk": UNSEEN.id, "layer": "cloud", "owner": "ann", "reason": "no account yet", "until": "2026-12-31"}
            ],
        )
        made.path("scorecard", size).write_text(render_html(shown))
    return made
