"""docs/teardown.md names a test for each failure that people report: each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "teardown.md"
#: What facts about AWS have in common with the table; each has to be in a row of its own.
REPORTED = (
    *("CREATING", "MAINTENANCE", "HEALING", "FAILED", "SIGTERM", "OIDC", "stale stack locks", "pending creates"),
    *("network interfaces", "versioned bucket", "recovery window", "KMS keys", "SCRAM"),
)


def rows() -> list[str]:
    text = PAGE.read_text()
    section = text[text.index("## What people report of AWS") : text.index("## Many leases at once")]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


def names_in(file: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_row_names_tests_that_exist() -> None:
    assert len(rows()) > 15
    for row in rows():
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
        assert named, row
        for file, name in named:
            assert name in names_in(ROOT / file), f"{file} has no {name}"


def test_everything_that_is_reported_has_a_row() -> None:
    reported = [row.split(" | ")[0] for row in rows()]
    assert [word for word in REPORTED if not any(word in said for said in reported)] == []
