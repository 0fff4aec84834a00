"""What each rendering says, and that nothing in a probe's answer can break its format."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from junitparser import JUnitXml
from markdown_it import MarkdownIt

from orchestrator import sarif as sarif_log
from orchestrator.reports import html, junit, markdown, sarif
from orchestrator.reports.model import NotApplicable
from tests.unit.reports.report_builders import BAD, GOOD, NASTY, UNKNOWN, UNSEEN, document, many

ALL = (GOOD, BAD, UNKNOWN, UNSEEN)
SPITEFUL = replace(BAD, reason=NASTY, statement=NASTY, risk=NASTY, evidence={NASTY: [NASTY], "n": {"a": NASTY}})


def test_junit_keeps_failed_error_and_not_covered_apart() -> None:
    suite = next(iter(JUnitXml.fromstring(junit.render(document(*ALL)).encode())))
    cases = {case.name: case for case in suite}
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 1, 1)
    assert cases[GOOD.id].result == []
    (failure,) = cases[BAD.id].result
    assert (failure._tag, failure.message) == ("failure", "it expired")
    assert "next: sign it" in failure.text
    (error,) = cases[UNKNOWN.id].result
    assert (error._tag, error.type, error.message) == ("error", "timeout.api", "no answer")
    (skipped,) = cases[UNSEEN.id].result
    assert (skipped._tag, skipped.message) == ("skipped", "no CA")


def test_sarif_holds_failures_alone_each_with_its_rule() -> None:
    log = sarif.document(document(*ALL))
    (run,) = log["runs"]
    assert [result["ruleId"] for result in run["results"]] == [BAD.id]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == BAD.id
    assert rule["properties"]["security-severity"] == "7.0"
    assert run["results"][0]["ruleIndex"] == 0
    assert run["invocations"][0]["executionSuccessful"] is False


def test_a_finding_keeps_its_fingerprint_when_lease_and_ports_change() -> None:
    first = sarif.document(document(BAD))
    second = sarif.document(document(replace(BAD, reason="other words", evidence={}), lease="other"))
    other = sarif.document(document(BAD, name="another"))
    prints = [log["runs"][0]["results"][0]["partialFingerprints"] for log in (first, second, other)]
    assert prints[0] == prints[1] != prints[2]


def test_sarif_stays_below_the_limits_of_code_scanning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif_log, "MOST_RESULTS", 7)
    failures = [result for result in many(200) if result.status == "failed"]
    (run,) = sarif.document(document(*failures))["runs"]
    assert len(run["results"]) == len(run["tool"]["driver"]["rules"]) == 7


def test_markdown_begins_with_the_marker_and_tells_what_is_wrong_first() -> None:
    text = markdown.render(document(*ALL))
    assert text.startswith("<!-- ephk:report:orders -->\n### ❌ `orders`: 1 failed, 1 error\n")
    assert text.index("#### Failed") < text.index("#### Could not be run") < text.index("<summary>Not covered (1)")
    assert f"| ❌ `{BAD.id}` | it expired | a stranger's broker | sign it |" in text
    assert text.count("<details>") == text.count("</details>") == 2


@pytest.mark.parametrize(
    ("results", "headline"),
    [
        ((GOOD,), "### ✅ `orders` keeps its contracts"),
        ((UNSEEN,), "### ⚠️ `orders`: nothing was verified"),
        ((UNKNOWN,), "### ❌ `orders`: 1 error"),
    ],
)
def test_markdown_says_the_verdict(results: tuple[object, ...], headline: str) -> None:
    assert markdown.render(document(*results)).splitlines()[1] == headline  # type: ignore[arg-type]


def test_an_interrupted_run_is_not_presented_as_sound() -> None:
    whole = document(GOOD)
    part = whole.model_copy(update={"summary": whole.summary.model_copy(update={"complete": False})})
    assert "interrupted" in markdown.render(part).splitlines()[1]
    assert "Interrupted" in html.render(part)
    assert sarif.document(part)["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_markdown_stays_below_githubs_limit_and_whole() -> None:
    text = markdown.render(document(*many(800)))
    assert len(text) < 65_536
    assert text.count("<details>") == text.count("</details>")
    assert "The comment is at GitHub's limit" in text
    assert text.splitlines()[0] == markdown.marker("orders")


def test_what_a_broker_says_stays_text() -> None:
    report = document(SPITEFUL)
    page = html.render(report)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    comment = markdown.render(report)
    row = next(line for line in comment.splitlines() if line.startswith("| ❌"))
    assert row.replace("\\|", "").count("|") == 5
    assert "<script>" not in row
    assert "@team" not in row
    ElementTree.fromstring(junit.render(report).encode())  # noqa: S314 - our own
    json.loads(json.dumps(sarif.document(report)))


def test_the_comment_is_tables_when_markdown_is_read() -> None:
    page = MarkdownIt("commonmark").enable("table").render(markdown.render(document(SPITEFUL, *ALL)))
    assert page.count("<table>") == 4
    assert page.count("<details>") == page.count("</details>") == 2
    body = page.split("-->", 1)[1]
    cells = [row.count("<td>") for row in body.split("<tr>") if "<td>" in row]
    assert sorted(cells) == [2, 2, 4, 4, 4]
    assert "<script>" not in body
    assert "<b>" not in body
    assert "<a " not in body


@pytest.mark.parametrize("count", [0, 5, 500])
def test_the_page_is_well_formed_and_needs_nothing_else(count: int) -> None:
    page = html.render(document(*many(count)))
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>").encode())  # noqa: S314 - our own
    assert root.tag == "html"
    assert not [element.tag for element in root.iter() if element.tag in ("script", "link", "img", "iframe", "object")]
    assert [element.get("href") for element in root.iter("a") if not str(element.get("href")).startswith("#")] == []
    assert "url(" not in page
    assert "@import" not in page
    if count:
        shown = {element.text for element in root.iter("code")}
        assert {result.id for result in many(count)} <= shown


def test_what_does_not_apply_is_neither_counted_nor_hidden() -> None:
    entry = NotApplicable(id="auth.mtls.*", title="t", risk="r", layers=("cloud",), reason="msk-serverless has no mTLS")
    report = document(GOOD).model_copy(update={"not_applicable": (entry,)})
    for text in (html.render(report), markdown.render(report)):
        assert "Not applicable (1)" in text
        assert "msk-serverless has no mTLS" in text
    assert report.summary.total == 1
