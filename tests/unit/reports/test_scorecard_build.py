"""The rules of the scorecard: nothing looks better than it is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.reports.scorecard.build import Rules, build
from orchestrator.reports.scorecard.model import Cell, Scorecard
from orchestrator.reports.scorecard.sources import Sourced, read_reports
from orchestrator.spec_scorecard import ScorecardSpec
from tests.unit.reports.report_builders import BAD, GOOD, NOW, UNKNOWN, ago, document, entry, run

CATALOGUE = [entry(GOOD), entry(BAD), entry(UNKNOWN), {"id": "n", "risk": "nobody looks", "layers": ["production"]}]
COMMIT = "a" * 40


def card(*reports: Sourced, commit: str | None = None, catalogue: Any = None, **spec: Any) -> Scorecard:
    rules = Rules(ScorecardSpec.model_validate(spec), commit=commit, now=NOW)
    return build(CATALOGUE if catalogue is None else catalogue, reports, rules)


def cell(of: Scorecard, risk: str, layer: Any = "local") -> Cell:
    return next(row.cells[layer] for row in of.risks if row.risk == risk)


def test_a_cell_shows_the_worst_and_an_empty_one_is_not_covered() -> None:
    made = card(run(GOOD, BAD, UNKNOWN))
    assert cell(made, GOOD.risk).status == "failed"
    assert cell(made, GOOD.risk).contracts == {GOOD.id: "verified", BAD.id: "failed"}
    assert cell(made, UNKNOWN.risk).status == "error"
    assert cell(made, GOOD.risk, "cloud").status == "not_covered"
    assert cell(made, "nobody looks", "production").reason == "not run: n"


def test_every_risk_of_the_catalogue_has_a_row_without_any_report() -> None:
    made = card()
    assert [row.risk for row in made.risks] == [GOOD.risk, UNKNOWN.risk, "nobody looks"]
    assert {status for row in made.risks for c in row.cells.values() for status in [c.status]} == {"not_covered"}


def test_a_contract_that_was_not_run_keeps_its_cell_uncovered() -> None:
    found = cell(card(run(GOOD)), GOOD.risk)
    assert (found.status, found.missing, found.proved) == ("not_covered", (BAD.id,), 1)
    assert found.reason == f"not run: {BAD.id}"


def test_a_familys_member_speaks_for_the_family() -> None:
    family = {"id": "acl.<principal>.deny.<topic>", "risk": "leak", "layers": ["local"]}
    member = replace(GOOD, id="acl.reader.deny.orders", risk="leak")
    assert cell(card(run(member), catalogue=[family]), "leak").status == "verified"
    stranger = replace(GOOD, id="acl.reader.allow.orders", risk="leak")
    assert cell(card(run(stranger), catalogue=[family]), "leak").missing == (family["id"],)


def test_the_later_report_of_an_environment_wins() -> None:
    fixed = replace(BAD, status="verified", reason="")
    reports = run(fixed, at=ago(hours=1), path="later"), run(BAD, at=ago(hours=2), path="earlier")
    assert cell(card(*reports, catalogue=[entry(BAD)]), BAD.risk).status == "verified"
    assert cell(card(*reversed(reports), catalogue=[entry(BAD)]), BAD.risk).status == "verified"


def test_one_environment_does_not_hide_what_is_wrong_in_another() -> None:
    fixed = replace(BAD, status="verified", reason="")
    made = card(run(BAD, at=ago(hours=2), name="pr-1"), run(fixed, at=ago(hours=1), name="pr-2"))
    found = cell(made, BAD.risk)
    assert found.contracts[BAD.id] == "failed"
    assert [proof.environment for proof in found.proofs if proof.contract == BAD.id] == ["pr-1", "pr-2"]


def test_what_one_environment_cannot_cover_another_may() -> None:
    unseen = replace(GOOD, status="not_covered", reason="no CA")
    made = card(run(GOOD, name="whole"), run(unseen, name="adopted"), catalogue=[entry(GOOD)])
    found = cell(made, GOOD.risk)
    assert (found.status, len(found.proofs)) == ("verified", 2)
    unknown = run(replace(GOOD, status="error", reason="no answer"), name="other")
    assert cell(card(run(GOOD), unknown, catalogue=[entry(GOOD)]), GOOD.risk).status == "error"


@pytest.mark.parametrize(
    ("at", "own", "asked", "status", "why"),
    [
        (ago(days=6), COMMIT, COMMIT, "verified", ""),
        (ago(days=8), COMMIT, COMMIT, "stale", "8d old; the limit is 7d"),
        (ago(hours=1), "b" * 40, COMMIT, "stale", "made for commit bbbbbbbbbbbb, not for aaaaaaaaaaaa"),
        (ago(hours=1), "none", COMMIT, "stale", "made for an unknown commit, not for aaaaaaaaaaaa"),
        (ago(hours=1), COMMIT, None, "verified", ""),
    ],
)
def test_what_is_old_or_of_another_commit_is_stale(at: Any, own: str, asked: str | None, status: str, why: str) -> None:
    found = cell(card(run(GOOD, at=at, commit=own), commit=asked, catalogue=[entry(GOOD)]), GOOD.risk)
    assert found.status == status
    assert found.proofs[0].why == why


def test_without_a_commit_the_newest_reports_counts() -> None:
    old = run(GOOD, at=ago(hours=3), commit="b" * 40, name="other")
    made = card(old, run(BAD, at=ago(hours=1), commit=COMMIT))
    assert made.commit == COMMIT
    assert cell(made, GOOD.risk).contracts == {GOOD.id: "stale", BAD.id: "failed"}


def test_age_never_makes_a_failure_look_better() -> None:
    assert cell(card(run(BAD, at=ago(days=30)), catalogue=[entry(BAD)]), BAD.risk).status == "failed"


@pytest.mark.parametrize("order", [1, -1])
def test_a_fresh_result_replaces_a_stale_one(order: int) -> None:
    reports = [run(GOOD, at=ago(days=30), name="old"), run(GOOD, at=ago(hours=1), name="new")][::order]
    found = cell(card(*reports, catalogue=[entry(GOOD)]), GOOD.risk)
    assert (found.status, [proof.environment for proof in found.proofs]) == ("verified", ["new"])


def test_a_later_run_of_another_commit_does_not_replace_a_fresh_one() -> None:
    right, wrong = run(GOOD, at=ago(hours=2), commit=COMMIT), run(GOOD, at=ago(hours=1), commit="b" * 40)
    assert cell(card(right, wrong, commit=COMMIT, catalogue=[entry(GOOD)]), GOOD.risk).status == "verified"


def test_the_limit_comes_from_the_spec() -> None:
    reports = run(GOOD, at=ago(hours=3))
    assert cell(card(reports, catalogue=[entry(GOOD)], stale_after="2h"), GOOD.risk).status == "stale"
    assert ScorecardSpec().stale_after == timedelta(days=7)


def test_what_does_not_apply_is_neither_good_nor_bad() -> None:
    note = {"id": GOOD.id, "title": "t", "risk": GOOD.risk, "layers": ["local", "cloud"], "reason": "no such listener"}
    alone = card(run(not_applicable=(note,)), catalogue=[entry(GOOD)])
    assert cell(alone, GOOD.risk).status == "not_applicable"
    assert cell(alone, GOOD.risk, "cloud").status == "not_covered"  # an embedded run says nothing of the cloud
    beside = card(run(BAD, not_applicable=(note,)), catalogue=[entry(GOOD), entry(BAD)])
    assert cell(beside, GOOD.risk).status == "failed"
    good = replace(BAD, status="verified", reason="")
    assert (
        cell(card(run(good, not_applicable=(note,)), catalogue=[entry(GOOD), entry(BAD)]), GOOD.risk).status
        == "verified"
    )


def test_owners_are_found_by_words_or_by_contract() -> None:
    made = card(owners={"bucket.*": "data", "A STRANGER'S broker": "platform"})
    assert {row.risk: row.owner for row in made.risks} == {
        GOOD.risk: "platform",
        UNKNOWN.risk: "data",
        "nobody looks": "nobody",
    }


def test_each_uncovered_cell_names_the_command_that_fills_it() -> None:
    made = card(run(GOOD, BAD, name="pr-7"))
    assert cell(made, GOOD.risk).resolve == f"ephk verify pr-7 --contract {BAD.id} --report DIR"
    assert cell(made, GOOD.risk, "cloud").resolve == "ephk run --target aws --report DIR -- true"
    assert cell(made, GOOD.risk, "production").resolve == ""
    assert not cell(made, GOOD.risk, "production").speaks


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_reports([tmp_path])
    (tmp_path / "report.json").write_text("[]")
    with pytest.raises(UsageError, match="not a report of schema 1"):
        read_reports([tmp_path])
    broken = document(GOOD).as_dict()
    broken["results"][0]["status"] = "fine"
    (tmp_path / "report.json").write_text(json.dumps(broken))
    with pytest.raises(UsageError, match=r"not a report of schema 1: results\.0\.status"):
        read_reports([tmp_path])


def test_a_report_that_was_read_is_named_with_its_digest(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(document(GOOD).as_dict()))
    (found,) = read_reports([tmp_path])
    assert found.source.path == str(tmp_path / "report.json")
    assert len(found.source.sha256) == 64


@pytest.mark.parametrize(
    ("receipt", "says"),
    [
        (None, "not recorded"),
        ("{", "not recorded"),
        ({"cost": None}, "not recorded"),
        (
            {"cost": {"currency": "USD", "estimate": {"low": 0.8042, "high": 4.5588}, "billed": False}},
            "0.80 to 4.56 USD, estimated; on AWS: on the embedded target nothing is billed",
        ),
        (
            {"cost": {"currency": "USD", "estimate": {"low": 1, "high": 2}, "billed": True}},
            "1.00 to 2.00 USD, estimated",
        ),
    ],
)
def test_the_cost_is_the_receipts(tmp_path: Path, receipt: Any, says: str) -> None:
    (tmp_path / "report.json").write_text(json.dumps(document(GOOD).as_dict()))
    if receipt is not None:
        (tmp_path / "receipt.json").write_text(receipt if isinstance(receipt, str) else json.dumps(receipt))
    (found,) = read_reports([tmp_path])
    assert found.source.cost.startswith(says)
    assert found.source.cost == says or says == "not recorded"
