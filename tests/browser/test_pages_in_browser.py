"""What a reader meets: legible in both schemes, whole on a phone and on paper, for keyboard and screen reader."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import axe_core_python
import pytest

from tests.browser.chromium import Chromium
from tests.browser.conftest import SIZES, Pages

KINDS = ("report", "scorecard")
AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
EVERY_PAGE = [(kind, size) for kind in KINDS for size in SIZES]
#: Computed, not assumed: the contrast of each piece of text that is shown with the colour behind it (WCAG 2.1, 1.4.3).
CONTRAST = """
(() => {
  const channels = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map(v => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = node => {
    for (let e = node; e; e = e.parentElement) {
      const c = channels(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const seen = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.data.trim() || !parent.checkVisibility()) continue;
    const front = getComputedStyle(parent).color, back = behind(parent);
    const [a, b] = [light(channels(front)), light(back)].sort((x, y) => y - x);
    seen[front + ' on ' + back] = (a + .05) / (b + .05);
  }
  return seen;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("kind", "size"), EVERY_PAGE)
def test_text_has_contrast_in_both_schemes(chromium: Chromium, pages: Pages, kind: str, size: int, scheme: str) -> None:
    chromium.open(pages.path(kind, size), scheme=scheme)
    ratios: dict[str, float] = chromium.evaluate(CONTRAST)
    assert len(ratios) >= 8
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}
    paper = chromium.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") is (scheme == "light")


def test_the_contrast_check_can_fail(chromium: Chromium, pages: Pages) -> None:
    chromium.open(pages.path("report", 5))
    chromium.evaluate("document.querySelector('h1').style.color = '#999'")
    assert min(chromium.evaluate(CONTRAST).values()) < 4.5


def violations(chromium: Chromium) -> list[tuple[str, str]]:
    """Return what axe-core finds against WCAG 2.1 A and AA and its best practices."""
    chromium.evaluate(AXE.read_text() + ";0")
    options: dict[str, Any] = {
        "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
        "resultTypes": ["violations"],
    }
    found = chromium.evaluate(f"axe.run(document, {json.dumps(options)}).then(r => JSON.stringify(r.violations))")
    return [(item["id"], node["html"][:120]) for item in json.loads(found) for node in item["nodes"]]


@pytest.mark.parametrize(("kind", "size"), [("report", 5), ("scorecard", 5)])
def test_axe_finds_nothing(chromium: Chromium, pages: Pages, kind: str, size: int) -> None:
    chromium.open(pages.path(kind, size))
    chromium.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert violations(chromium) == []


def test_axe_can_find_something(chromium: Chromium, pages: Pages) -> None:
    chromium.open(pages.path("scorecard", 5))
    chromium.evaluate("document.documentElement.removeAttribute('lang')")
    assert "html-has-lang" in {name for name, _ in violations(chromium)}


@pytest.mark.parametrize(("kind", "size"), EVERY_PAGE)
def test_the_outline_is_sound(chromium: Chromium, pages: Pages, kind: str, size: int) -> None:
    chromium.open(pages.path(kind, size))
    levels: list[int] = chromium.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    found = chromium.evaluate(
        """({
          landmarks: ['header', 'nav', 'main', 'footer'].filter(t => document.querySelectorAll(t).length === 1),
          nameless: [...document.querySelectorAll('section')].filter(
            s => !document.getElementById(s.getAttribute('aria-labelledby'))).length,
          headerless: [...document.querySelectorAll('table')].filter(t => !t.caption || !t.tHead
            || [...t.querySelectorAll('th')].some(h => !h.scope)
            || [...t.tBodies[0].rows].some(r => !r.querySelector('th[scope=row]'))).length,
          twice: [...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i),
          astray: [...document.querySelectorAll('a')].filter(
            a => !document.getElementById(a.getAttribute('href').slice(1))).length,
          colourOnly: [...document.querySelectorAll('.status')].filter(s => s.textContent.trim().length < 5).length,
        })"""
    )
    assert found == {
        "landmarks": ["header", "nav", "main", "footer"],
        "nameless": 0,
        "headerless": 0,
        "twice": [],
        "astray": 0,
        "colourOnly": 0,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_keyboard_reaches_everything_that_can_be_used(chromium: Chromium, pages: Pages, kind: str) -> None:
    chromium.open(pages.path(kind, 5))
    wanted = chromium.evaluate("document.querySelectorAll('a, summary, [tabindex=\"0\"]').length")
    chromium.evaluate("window.reached = []; document.addEventListener('focusin', e => reached.push(e.target)); 0")
    for _ in range(wanted):
        chromium.press("Tab", 9)
    first = chromium.evaluate("reached[0].className + ' ' + (reached[0].getBoundingClientRect().left >= 0)")
    assert first == "skip false"  # the skip link has the first focus; it is away again by now
    assert chromium.evaluate("new Set(reached).size") == wanted


def test_the_skip_link_shows_itself_when_it_has_the_focus(chromium: Chromium, pages: Pages) -> None:
    chromium.open(pages.path("scorecard", 5))
    chromium.press("Tab", 9)
    seen = chromium.evaluate(
        "(e => [e.textContent, e.getBoundingClientRect().left >= 0, getComputedStyle(e).outlineStyle])"
        "(document.activeElement)"
    )
    assert seen == ["Skip to the content", True, "solid"]


def test_the_keyboard_unfolds_evidence(chromium: Chromium, pages: Pages) -> None:
    chromium.open(pages.path("scorecard", 5))
    chromium.evaluate("document.querySelector('.matrix summary').focus()")
    assert chromium.evaluate("document.activeElement.parentElement.open") is False
    chromium.press(" ", 32)
    assert chromium.evaluate("document.activeElement.parentElement.open") is True


def test_a_screen_reader_hears_the_matrix_with_its_words(chromium: Chromium, pages: Pages) -> None:
    chromium.open(pages.path("scorecard", 5))
    nodes = chromium.call("Accessibility.getFullAXTree")["nodes"]
    heard = [
        (n.get("role", {}).get("value"), n.get("name", {}).get("value", "")) for n in nodes if not n.get("ignored")
    ]
    roles = {role for role, _ in heard}
    assert {"banner", "main", "navigation", "contentinfo", "region", "table", "columnheader", "rowheader"} <= roles
    assert ("columnheader", "production") in heard
    assert any(role == "rowheader" and name == "a stranger's broker" for role, name in heard)
    assert any("failed" in name for role, name in heard if role == "cell")
    assert not any("✗" in name for role, name in heard if role in ("cell", "heading"))  # signs are for the eye


@pytest.mark.parametrize(("kind", "size"), EVERY_PAGE)
@pytest.mark.parametrize("width", [380, 1280])
def test_nothing_hangs_over_the_edge(chromium: Chromium, pages: Pages, kind: str, size: int, width: int) -> None:
    chromium.open(pages.path(kind, size), width=width)
    assert chromium.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    top = chromium.evaluate("document.querySelector('.verdict').getBoundingClientRect().bottom")
    assert top < 900  # the verdict is on the first screen


@pytest.mark.parametrize(("kind", "size"), EVERY_PAGE)
def test_on_paper_nothing_is_folded_or_dark(chromium: Chromium, pages: Pages, kind: str, size: int) -> None:
    # A4 with margins of 14 mm is 182 mm wide, which is 688 CSS pixels.
    chromium.open(pages.path(kind, size), scheme="dark", media="print", width=688)
    assert chromium.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert chromium.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert chromium.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert min(chromium.evaluate(CONTRAST).values()) >= 4.5
    heights = chromium.evaluate(
        "[...document.querySelectorAll('details dd, details li')].map(e => e.getBoundingClientRect().height)"
    )
    assert len(heights) > 0
    assert min(heights) > 0
    if size == min(SIZES):
        assert chromium.pdf().startswith(b"%PDF-")


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_asks_nobody_for_anything_and_complains_of_nothing(
    chromium: Chromium, pages: Pages, kind: str
) -> None:
    chromium.open(pages.path(kind, 500))
    chromium.evaluate("document.fonts.ready.then(() => 0)")
    assert chromium.requests() == []
    assert [event for event in chromium.events if event.get("method") == "Log.entryAdded"] == []
