"""What is generated from the code and kept in the repository: `python -m orchestrator.reports.published ROOT`.

A test compares each file with what this would write, so that none of them can be forgotten.
"""

from __future__ import annotations

import sys
from pathlib import Path

from contracts.catalogue import catalogue
from orchestrator.reports import catalogue_page, diagnosis_page, model
from orchestrator.reports.scorecard import model as scorecard


def published(root: Path) -> dict[Path, str]:
    """Return the text of every generated file below the repository's root."""
    return {
        root / "docs" / "contracts.md": catalogue_page.render(catalogue()),
        root / "docs" / "diagnosis.md": diagnosis_page.render(),
        model.SCHEMA_FILE: model.text_of(model.report_schema()),
        scorecard.SCHEMA_FILE: model.text_of(scorecard.scorecard_schema()),
    }


def main(root: Path) -> None:
    """Write them."""
    for path, text in published(root).items():
        path.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
