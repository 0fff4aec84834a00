import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.model import Result
from orchestrator.errors import UsageError
from orchestrator.reports.console import console, evidence_line, receipt_lines, results_table, span
from orchestrator.reports.report import Report
from orchestrator.reports.scorecard import build, read_reports
from orchestrator.teardown.inventory import Found, Inventory
from orchestrator.teardown.receipt import Deleted, Receipt
from tests.unit.core.test_connection import environment
from tests.unit.core.test_lease import a_lease

GOOD = Result("listener.tls.chain", "chain", "a stranger's broker", "local", "verified", "holds", "this machine")
BAD = replace(GOOD, id="listener.tls.expiry", status="failed", reason="it expired")
UNKNOWN = replace(GOOD, id="bucket.x", risk="leaked data", status="error", reason="no answer")


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
    }  # fmt: skip


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


def test_a_cell_shows_the_worst_and_an_empty_one_is_not_covered(tmp_path: Path) -> None:
    report = Report(environment(), tmp_path)
    report.finish([GOOD, BAD, UNKNOWN])
    card = build([{"risk": GOOD.risk}, {"risk": "nobody looks"}], read_reports([tmp_path]))
    cells = {row["risk"]: row["cells"] for row in card.document()["risks"]}
    assert cells[GOOD.risk]["local"]["status"] == "failed"
    assert cells["leaked data"]["local"]["status"] == "error"
    assert cells[GOOD.risk]["cloud"]["status"] == "not_covered"
    assert cells["nobody looks"]["local"]["status"] == "not_covered"


def test_the_later_report_wins(tmp_path: Path) -> None:
    earlier = {"summary": {"finished_at": "2026-01-01T00:00:00Z"}, "results": [BAD.as_dict()], "source": "a"}
    later = {
        "summary": {"finished_at": "2026-01-02T00:00:00Z"},
        "results": [replace(BAD, status="verified").as_dict()],
        "source": "b",
    }
    card = build([], [later, earlier])
    assert card.cells[BAD.risk]["local"].status == "verified"


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_reports([tmp_path])
    (tmp_path / "report.json").write_text("[]")
    with pytest.raises(UsageError, match="not a report of schema 1"):
        read_reports([tmp_path])


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
