"""Generated files are what the code would write now, and pages link to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contracts.catalogue import catalogue
from orchestrator.reports.catalogue_page import render
from orchestrator.reports.published import main, published

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize("path", published(REPOSITORY), ids=lambda path: path.name)
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    assert path.read_text() == published(REPOSITORY)[path], "write it anew: make docs"


def test_the_catalogue_page_names_all_that_a_contract_declares() -> None:
    page = render(catalogue())
    for entry in catalogue():
        assert f"### `{entry['id']}`" in page
    assert "**Not applicable on:** msk-serverless (MSK Serverless has IAM access control alone)" in page


def test_make_docs_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = {tmp_path / "a": "1", tmp_path / "b": "2"}
    monkeypatch.setattr("orchestrator.reports.published.published", lambda root: written)
    main(tmp_path)
    assert {path: path.read_text() for path in tmp_path.iterdir()} == written


@pytest.mark.parametrize("page", ["contracts.md", "custom-contracts.md", "scorecard.md", "reports.md", "diagnosis.md"])
def test_links_between_pages_lead_somewhere(page: str) -> None:
    directory = REPOSITORY / "docs"
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (directory / page).read_text()):
        assert (directory / target).exists(), target
