"""What blocks, what a waiver does not do, what changed, and the page that says so."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.errors import UsageError
from orchestrator.reports.evidence import printable
from orchestrator.reports.scorecard.difference import compare, read_previous
from orchestrator.reports.scorecard.model import SCHEMA_FILE, Scorecard, scorecard_schema
from orchestrator.reports.scorecard.page import render_html, render_markdown, write
from tests.unit.reports.report_builders import BAD, GOOD, NASTY, UNKNOWN, UNSEEN, ago, entry, many, run
from tests.unit.reports.test_scorecard_build import card, cell

ALL = [entry(GOOD), entry(BAD), entry(UNKNOWN)]
FIXED = replace(BAD, status="verified", reason="")
#: The order that a release meeting reads in.
SECTIONS = ["blockers", "unknown", "stale", "waivers", "evidence", "untested", "cost", "provenance", "difference"]


def test_a_blocking_risk_that_is_not_verified_blocks() -> None:
    made = card(run(GOOD, BAD), catalogue=ALL, blocking=[{"risk": "listener.*", "layer": "local"}], owners={"*": "me"})
    assert made.exit_code == 3
    assert made.verdict == "Blocked: 1 of 1 blocking risks is not verified"
    (blocker,) = made.blockers
    assert (blocker.status, blocker.owner, blocker.reason) == ("failed", "me", f"{BAD.id}: it expired")


@pytest.mark.parametrize("risk", [GOOD.risk, GOOD.risk.upper(), GOOD.id, "listener.tls.*"])
def test_a_verified_one_does_not(risk: str) -> None:
    made = card(run(GOOD, FIXED), catalogue=ALL, blocking=[{"risk": risk, "layer": "local"}])
    assert (made.exit_code, made.blocking_declared) == (0, 1)


def test_every_other_layer_is_still_open() -> None:
    made = card(run(GOOD, FIXED), catalogue=ALL, blocking=[{"risk": GOOD.risk, "layer": "cloud"}])
    assert (made.exit_code, made.blockers[0].status) == (3, "not_covered")


def test_a_rule_under_which_nothing_applies_proves_nothing() -> None:
    note = {"id": GOOD.id, "title": "t", "risk": GOOD.risk, "layers": ["local"], "reason": "no registry is declared"}
    rule = {"risk": GOOD.id, "layer": "local"}
    alone = card(run(not_applicable=(note,)), catalogue=[entry(GOOD)], blocking=[rule])
    assert (alone.exit_code, alone.blockers[0].status) == (3, "not_applicable")
    assert "no registry is declared" in alone.blockers[0].reason
    other = replace(UNKNOWN, status="verified", reason="")
    wide = card(
        run(other, not_applicable=(note,)),
        catalogue=[entry(GOOD), entry(UNKNOWN)],
        blocking=[{"risk": "*", "layer": "local"}],
    )
    assert (wide.exit_code, wide.blocking_declared) == (0, 2)
    for text in (render_html(wide), render_markdown(wide)):
        assert "no registry is declared" in text


def test_what_is_open_is_told_once_for_each_layer_the_worst_first() -> None:
    other = replace(UNSEEN, id="bucket.y", risk="an older risk")
    page = render_html(card(run(other, UNKNOWN, BAD), catalogue=[entry(other), entry(UNKNOWN), entry(BAD)]))
    part = page[page.index('id="unknown"') : page.index('id="stale"')]
    assert (part.count("<h3>local: 3 risks"), part.count("<h3>cloud: 3 risks")) == (1, 1)
    places = [part.index(f"--contract {name} ") for name in (BAD.id, UNKNOWN.id, other.id)]
    assert places == sorted(places)


def test_a_stale_result_does_not_lift_a_block() -> None:
    made = card(run(GOOD, FIXED, at=ago(days=9)), catalogue=ALL, blocking=[{"risk": GOOD.id, "layer": "local"}])
    assert (made.exit_code, made.blockers[0].status) == (3, "stale")


@pytest.mark.parametrize(("accept", "status"), [(False, 3), (True, 0)])
@pytest.mark.parametrize("target", ["embedded", "aws"])
def test_a_rehearsal_is_production_only_where_the_spec_accepts_it(target: str, accept: bool, status: int) -> None:
    proof = replace(GOOD, layer="production")
    rule = {"risk": GOOD.id, "layer": "production", "accept_rehearsal": accept}
    made = card(run(proof, target=target), catalogue=[entry(GOOD, "production")], blocking=[rule])
    assert cell(made, GOOD.risk, "production").rehearsal is (target == "embedded")
    assert made.exit_code == (status if target == "embedded" else 0)


def test_a_blocking_risk_that_does_not_exist_is_a_mistake_in_the_spec() -> None:
    with pytest.raises(UsageError, match=r"no risk is called 'lisener\.\*'"):
        card(run(GOOD), catalogue=ALL, blocking=[{"risk": "lisener.*", "layer": "local"}])


def test_nothing_declared_blocks_nothing_and_says_so() -> None:
    made = card(run(BAD), catalogue=ALL)
    assert made.exit_code == 0
    assert made.verdict == "Nothing blocks, because the spec marks no risk as blocking"


def waiver(until: str, risk: str = BAD.id) -> dict[str, Any]:
    return {"risk": risk, "layer": "local", "owner": "ann", "reason": "until the move", "until": until}


def test_a_waiver_is_visible_and_improves_nothing() -> None:
    rule = {"risk": BAD.id, "layer": "local"}
    made = card(run(GOOD, BAD), catalogue=ALL, blocking=[rule], waivers=[waiver("2026-03-01")])
    assert (made.exit_code, cell(made, BAD.risk).status, cell(made, BAD.risk).waived) == (3, "failed", True)
    assert (made.waivers[0].expired, made.waivers[0].covers) == (False, (BAD.risk,))


def test_a_waiver_ends_the_day_after_its_last() -> None:
    made = card(run(GOOD, BAD), catalogue=ALL, waivers=[waiver("2026-02-28"), waiver("2027-01-01", "absent")])
    assert [(view.expired, view.covers) for view in made.waivers] == [(True, (BAD.risk,)), (False, ())]
    assert not cell(made, BAD.risk).waived
    assert "expired" in render_html(made)
    assert "means no risk of this card" in render_html(made)


def test_the_difference_names_what_got_better_and_worse() -> None:
    before = card(run(GOOD, BAD, UNKNOWN), catalogue=ALL)
    after = card(run(GOOD, FIXED), catalogue=[*ALL[:2], {"id": "new", "risk": "new", "layers": ["local"]}])
    changes = {(c.risk, c.layer): (c.before, c.after, c.direction) for c in compare(after, before.document()).changes}
    assert changes[GOOD.risk, "local"] == ("failed", "verified", "better")
    assert changes["new", "local"] == ("not on the card", "not_covered", "neither")
    assert changes[UNKNOWN.risk, "local"] == ("error", "not on the card", "neither")
    backwards = compare(before, after.document()).changes
    assert [c.direction for c in backwards if c.risk == GOOD.risk and c.layer == "local"] == ["worse"]
    assert compare(after, after.document()).changes == ()


def test_a_previous_card_is_read_or_refused(tmp_path: Path) -> None:
    made = card(run(GOOD), catalogue=ALL)
    write(made, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"scorecard.json", "scorecard.html", "scorecard.md"}
    assert compare(made, read_previous(tmp_path)).changes == ()
    with pytest.raises(UsageError, match="cannot read the previous card"):
        read_previous(tmp_path / "absent.json")
    (tmp_path / "scorecard.json").write_text("{}")
    with pytest.raises(UsageError, match="not a scorecard of schema 1"):
        read_previous(tmp_path)


def full_card() -> Scorecard:
    """Return a card with something in every section."""
    spiteful = replace(UNKNOWN, reason=NASTY, evidence={NASTY: NASTY})
    old = replace(GOOD, id="old.one", risk="old")
    made = card(
        run(GOOD, FIXED, spiteful, *many(20)),
        run(old, at=ago(days=20), name="old"),
        catalogue=[*ALL, entry(old), {"id": "p", "risk": "p", "layers": ["production"]}],
        blocking=[{"risk": UNKNOWN.risk, "layer": "local"}],
        waivers=[waiver("2026-12-31", printable(NASTY).replace("[", "")), waiver("2026-12-31")],
    )
    return made.model_copy(update={"difference": compare(made, card(catalogue=ALL).document())})


def test_the_page_is_in_order_well_formed_and_needs_nothing_else() -> None:
    page = render_html(full_card())
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>").encode())  # noqa: S314 - our own
    assert [section.get("aria-labelledby") for section in root.iter("section")] == SECTIONS
    assert not [element.tag for element in root.iter() if element.tag in ("script", "link", "img", "iframe")]
    assert "<script>alert" not in page
    body = root.find("body")
    assert body is not None
    text = " ".join("".join(body.itertext()).split())
    assert "Blocked: 1 of 1 blocking risks is not verified Exit code 3" in text
    assert "%" not in text  # no share that could hide a blocker


def test_markdown_shows_blockers_waivers_and_the_matrix() -> None:
    text = render_markdown(full_card())
    assert text.startswith("<!-- ephk:scorecard -->\n### ❌ Blocked")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(line.replace("\\|", "").count("|") in (5, 6) for line in rows), rows
    assert "| `ephk verify" in text


def test_the_published_schema_is_the_models_and_accepts_cards() -> None:
    published = json.loads(SCHEMA_FILE.read_text())
    assert published == scorecard_schema(), "write it anew: make docs"
    validator = jsonschema.Draft202012Validator(published)
    validator.check_schema(published)
    validator.validate(json.loads(json.dumps(full_card().document())))
    broken = full_card().document() | {"exit_code": "three"}
    assert [error.json_path for error in validator.iter_errors(broken)] == ["$.exit_code"]
