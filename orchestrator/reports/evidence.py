"""Evidence as people read it: one line for a table, name and value pairs for a page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

#: What XML 1.0 cannot hold at all (section 2.2, "Characters"), and lone surrogates, which UTF-8 cannot.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """Return `text` without the control characters that XML cannot hold and terminals obey."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def evidence_line(evidence: Mapping[str, Any], *, limit: int = 110) -> str:
    """Put evidence on one line: the first facts, cut at `limit` characters."""
    text = "; ".join(f"{name}: {flat(value)}" for name, value in evidence.items())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def flat(value: object) -> str:
    """Return a value of evidence on one line.

    A measurement, that is a mapping with `value` and `threshold`, is shown with both.
    """
    if isinstance(value, Mapping):
        if {"value", "threshold"} <= value.keys():
            unit = f" {value['unit']}" if value.get("unit") else ""
            return f"{flat(value['value'])}{unit} (threshold {flat(value['threshold'])}{unit})"
        return ", ".join(f"{key} {flat(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(flat(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))


def facts(evidence: Mapping[str, Any], *, at_most: int = 12) -> Iterator[tuple[str, str]]:
    """Yield evidence as (name, value) pairs, the first `at_most` of them, then how many more there are."""
    for position, (name, value) in enumerate(evidence.items()):
        if position == at_most:
            yield "more", f"{len(evidence) - at_most} facts in report.json"
            return
        yield printable(str(name)), flat(value)
