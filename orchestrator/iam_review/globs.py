"""Patterns with `*` and `?` as sets of texts: where two of them overlap, and a text that only such a pattern matches.

A policy's patterns cut the space of resources into regions. Testing one text of each region is enough to know what two
versions of a policy decide in all of it, so a comparison needs no list of real resources.
"""

from __future__ import annotations

import re
from functools import lru_cache

#: What stands for "anything that nobody has named". No pattern of a real policy contains it.
ANYTHING = "~any~"
_ONE = "~"
_MAX_STATES = 60_000
_WILDCARDS = re.compile(r"([*?])")


def witness(pattern: str) -> str:
    """Return a text that the pattern matches and that no other pattern matches by chance."""
    return pattern.replace("*", ANYTHING).replace("?", _ONE)


@lru_cache(maxsize=65536)
def expression(pattern: str) -> re.Pattern[str]:
    """Return the pattern as a regular expression for whole texts."""
    return re.compile(_translated(pattern, "."), re.DOTALL)


@lru_cache(maxsize=65536)
def _of_patterns(pattern: str) -> re.Pattern[str]:
    """Return an expression for patterns: a `?` must not take the place of another pattern's `*`."""
    return re.compile(_translated(pattern, "[^*]"), re.DOTALL)


def _translated(pattern: str, one: str) -> str:
    return "".join(
        ".*" if part == "*" else one if part == "?" else re.escape(part) for part in _WILDCARDS.split(pattern)
    )


def contains(pattern: str, other: str) -> bool:
    """Tell whether `pattern` matches everything that `other` matches."""
    return pattern in ("*", other) or _of_patterns(pattern).fullmatch(other) is not None


@lru_cache(maxsize=65536)
def overlap(first: str, second: str) -> str | None:
    """Return a pattern for what both patterns match, or None when there is no such text.

    ARNs overlap part by part, so that a wildcard stays in its part. The overlap of two patterns can be several
    patterns; the one returned keeps as many wildcards as it can.
    """
    ours, theirs = first.split(":", 5), second.split(":", 5)
    if len(ours) == len(theirs) == 6:
        parts = []
        for one, other in zip(ours, theirs, strict=True):
            part = _overlap(one, other)
            if part is None:
                return None
            parts.append(part)
        return ":".join(parts)
    return _overlap(first, second)


def _overlap(first: str, second: str) -> str | None:
    if contains(first, second):
        return second
    if contains(second, first):
        return first
    if not _WILDCARDS.search(first) or not _WILDCARDS.search(second):
        return None  # one of them is a single text, which the other does not match
    start = 0
    while start < min(len(first), len(second)) and first[start] == second[start] and first[start] not in "*?":
        start += 1
    head, first, second = first[:start], first[start:], second[start:]
    end = 0
    while end < min(len(first), len(second)) and first[-1 - end] == second[-1 - end] and first[-1 - end] not in "*?":
        end += 1
    tail = first[len(first) - end :]
    first, second = first[: len(first) - end], second[: len(second) - end]
    if len(first) * len(second) > _MAX_STATES:
        return None
    middle = _common(first, second)
    return None if middle is None else re.sub(r"\*+", "*", head + middle + tail)


def _common(first: str, second: str) -> str | None:
    """Build the overlap from the ends of both patterns to their beginnings."""
    after: list[str | None] = []
    for i in range(len(first), -1, -1):
        row: list[str | None] = [None] * (len(second) + 1)
        for j in range(len(second), -1, -1):
            ours, theirs = first[i : i + 1], second[j : j + 1]
            right = row[j + 1] if theirs else None
            below = after[j] if ours else None
            diagonal = after[j + 1] if ours and theirs else None
            if not ours and not theirs:
                row[j] = ""
            elif ours == "*" and theirs == "*":
                row[j] = _prefixed("*", diagonal, below, right)
            elif ours == "*":
                row[j] = _prefixed(theirs, right) if theirs else None
                row[j] = below if row[j] is None else row[j]
            elif theirs == "*":
                row[j] = _prefixed(ours, below) if ours else None
                row[j] = right if row[j] is None else row[j]
            elif ours and theirs and (ours == theirs or "?" in (ours, theirs)):
                row[j] = _prefixed(theirs if ours == "?" else ours, diagonal)
        after = row
    return after[0]


def _prefixed(text: str, *rests: str | None) -> str | None:
    """Return the text with the first of the rests that there is."""
    return next((text + rest for rest in rests if rest is not None), None)
