import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from contracts.model import Result
from orchestrator.reports import report as report_module
from orchestrator.reports.console import console, receipt_lines, report_summary, results_table, span
from orchestrator.reports.evidence import evidence_line, facts, flat
from orchestrator.reports.model import SCHEMA_FILE, report_schema
from orchestrator.reports.report import Report
from orchestrator.teardown.inventory import Found, Inventory
from orchestrator.teardown.receipt import Deleted, Receipt
from tests.unit.core.test_connection import environment
from tests.unit.core.test_lease import a_lease
from tests.unit.reports.report_builders import BAD, GOOD, NASTY, UNKNOWN, UNSEEN, many

ALL_FILES = {"report.json", "report.md", "report.html", "junit.xml", "findings.sarif"}


def test_the_report_is_written_after_each_contract(tmp_path: Path) -> None:
    report = Report(environment(), tmp_path)
    report.add(GOOD)
    first = json.loads((tmp_path / "report.json").read_text())
    assert first["summary"]["complete"] is False
    assert [result["id"] for result in first["results"]] == [GOOD.id]
    report.finish([GOOD, BAD])
    last = json.loads((tmp_path / "report.json").read_text())
    assert last["schema"] == 1
    assert last["summary"]["failed"] == 1
    assert set(last["results"][0]) == {
        "id", "title", "risk", "layer", "status", "statement", "vantage", "evidence", "reason", "duration_s",
        "remediation", "documentation",
    }  # fmt: skip


def test_every_rendering_is_there_after_the_first_contract_and_private(tmp_path: Path) -> None:
    report = Report(environment(), tmp_path)
    report.add(BAD)
    assert {path.name for path in tmp_path.iterdir()} == ALL_FILES
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    assert all(BAD.id in path.read_text() for path in tmp_path.iterdir())


def test_slow_renderings_lag_behind_report_json_and_are_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[int] = []
    monkeypatch.setattr(report_module, "write_renderings", lambda document, _: rendered.append(len(document.results)))
    report = Report(environment(), tmp_path)
    report.add(GOOD)
    report._rendering_s = 1e6  # as if rendering took very long
    report.add(BAD)
    assert rendered == [1]
    assert len(json.loads((tmp_path / "report.json").read_text())["results"]) == 2
    report.close()
    report.close()
    assert rendered == [1, 2]


def test_the_published_schema_is_the_models_and_accepts_reports() -> None:
    published = json.loads(SCHEMA_FILE.read_text())
    assert published == report_schema(), "write it anew: make docs"
    report = Report(environment())
    report.finish([GOOD, BAD, UNKNOWN, UNSEEN, *many(20)])
    validator = jsonschema.Draft202012Validator(published)
    validator.check_schema(published)
    validator.validate(json.loads(json.dumps(report.document())))
    broken = report.document()
    broken["results"][0]["status"] = "fine"
    assert [error.json_path for error in validator.iter_errors(broken)] == ["$.results[0].status"]


def test_evidence_is_shown_without_control_characters_and_with_its_threshold() -> None:
    assert flat({"value": 12, "threshold": 30, "unit": "s"}) == "12 s (threshold 30 s)"
    assert flat({"a": [True, None], "b": {"c": 1}}) == "a yes, None, b c 1"
    assert "\x1b" not in flat(NASTY)
    assert list(facts({str(n): n for n in range(5)}, at_most=2)) == [
        ("0", "0"),
        ("1", "1"),
        ("more", "3 facts in report.json"),
    ]


def test_the_summary_names_the_layers_that_results_count_in() -> None:
    report = Report(environment())
    assert report_summary(report).plain.endswith("(layer: none)")
    report.finish([GOOD, replace(GOOD, layer="production")])
    assert report_summary(report).plain == "2 verified, 0 failed, 0 error, 0 not covered (layers: local, production)"


@pytest.mark.parametrize(
    ("results", "passed"), [([GOOD], True), ([GOOD, BAD], False), ([GOOD, UNKNOWN], False), ([], False)]
)
def test_unknown_and_nothing_are_not_fine(results: list[Result], passed: bool) -> None:
    report = Report(environment())
    report.finish(results)
    assert report.passed is passed


def test_an_interrupted_report_has_not_passed() -> None:
    report = Report(environment())
    report.add(GOOD)
    assert not report.passed


def test_tables_name_reason_and_evidence() -> None:
    stream = io.StringIO()
    console(stream).print(results_table([replace(GOOD, evidence={"version": ["TLSv1.3"]}), BAD]))
    assert "version: TLSv1.3" in stream.getvalue()
    assert "it expired" in stream.getvalue()
    assert len(evidence_line({"a": "x" * 500})) == 110
    assert span(3661) == "1h 1m"


@pytest.mark.parametrize(
    ("inventory", "clean"),
    [
        (Inventory((), (), ("tagging",)), True),
        (Inventory((Found("ec2:vpc", "vpc-1", "x"),), (), ("tagging",)), False),
        (Inventory((Found("kms:key", "k", "x", pending="deleted on 2026-01-08"),), (), ("tagging",)), True),
        (Inventory((), ("tagging: AccessDenied",), ("tagging",)), False),
        (None, True),
    ],
)
def test_a_receipt_is_clean_only_when_every_question_was_answered_with_nothing(
    inventory: Inventory | None, clean: bool, tmp_path: Path
) -> None:
    receipt = Receipt(a_lease(), (Deleted("aws:ec2/vpc:Vpc", "vpc", "pulumi"),), inventory)
    assert receipt.clean is clean
    document = json.loads(receipt.write(tmp_path).read_text())
    assert document["clean"] is clean
    assert document["deleted"] == [{"kind": "aws:ec2/vpc:Vpc", "name": "vpc", "by": "pulumi"}]
    assert "receipt for orders" in receipt_lines(receipt)[0].plain
