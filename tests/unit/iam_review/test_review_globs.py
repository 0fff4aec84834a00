"""Overlaps of patterns, checked against every short text."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.iam_review.globs import ANYTHING, contains, expression, overlap, witness

TEXTS = ["".join(letters) for length in range(5) for letters in itertools.product("ab", repeat=length)]
PATTERNS = st.text(alphabet="ab*?", max_size=4)


def matched(pattern: str) -> set[str]:
    return {text for text in TEXTS if expression(pattern).fullmatch(text)}


@given(PATTERNS, PATTERNS)
def test_an_overlap_is_found_when_there_is_one_and_never_reaches_beyond_both(first: str, second: str) -> None:
    common = overlap(first, second)
    both = matched(first) & matched(second)
    assert (common is not None) or not both
    if common is not None:
        assert matched(common) <= both


@given(PATTERNS, PATTERNS)
def test_containment_is_never_claimed_wrongly(first: str, second: str) -> None:
    if contains(first, second):
        assert matched(second) <= matched(first)


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        ("orders-*", "*-eu", "orders-*-eu"),
        ("arn:aws:s3:::orders*", "arn:aws:s3:::*/*", "arn:aws:s3:::orders*/*"),
        ("arn:aws:kafka:*:1:topic/c/*/t", "arn:aws:kafka:eu:*:topic/*/*/*", "arn:aws:kafka:eu:1:topic/c/*/t"),
        ("arn:aws:s3:::a/*", "arn:aws:s3:::b/*", None),
        ("*", "arn:aws:sqs:*:*:*", "arn:aws:sqs:*:*:*"),
    ],
)  # fmt: skip
def test_arns_overlap_part_by_part(first: str, second: str, common: str | None) -> None:
    assert overlap(first, second) == common
    assert overlap(second, first) == common


def test_a_witness_is_matched_by_its_pattern_alone() -> None:
    assert witness("orders/*") == f"orders/{ANYTHING}"
    assert not expression("orders/invoices-*").fullmatch(witness("orders/*"))


def test_long_hostile_patterns_end() -> None:
    assert overlap("*a" * 400, "*b" * 400) is None
