"""Recognizes what a JSON file is, and finds the lines of a policy's statements in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from orchestrator.iam.public import statements_of

Form = Literal["policy", "terraform-plan", "pulumi-preview", "account", "other"]
_STATEMENTS = re.compile(r'"Statement"\s*:\s*')
_BETWEEN = re.compile(r"[\s,]*")


def form_of(document: object) -> Form:
    """Tell what a JSON document is by its members."""
    if not isinstance(document, Mapping):
        return "other"
    if "resource_changes" in document or ("planned_values" in document and "format_version" in document):
        return "terraform-plan"
    steps = document.get("steps")
    if isinstance(steps, list) and any(isinstance(step, Mapping) and "urn" in step for step in steps):
        return "pulumi-preview"
    if "RoleDetailList" in document:
        return "account"
    if isinstance(document.get("Statement"), list | dict):
        return "policy"
    return "other"


def statement_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Return where each statement of a policy's text begins and ends, as offsets."""
    found = _STATEMENTS.search(text)
    if found is None:
        return ()
    decoder, position = json.JSONDecoder(), found.end()
    listed = text[position : position + 1] == "["
    position += listed
    spans: list[tuple[int, int]] = []
    while True:
        gap = _BETWEEN.match(text, position)
        position = gap.end() if gap else position
        if text[position : position + 1] in ("]", "") or (spans and not listed):
            return tuple(spans)
        try:
            _, end = decoder.raw_decode(text, position)
        except ValueError:
            return tuple(spans)
        spans.append((position, end))
        position = end


def statement_lines(text: str) -> tuple[int, ...]:
    """Return the line, from 1, on which each statement of a policy begins."""
    return tuple(text.count("\n", 0, start) + 1 for start, _ in statement_spans(text))


def has_principal(document: Mapping[str, Any]) -> bool:
    """Tell whether a policy names principals, as those of resources and roles do."""
    return any("Principal" in statement or "NotPrincipal" in statement for statement in statements_of(document))


def has_resource(document: Mapping[str, Any]) -> bool:
    """Tell whether a policy names resources, as all but trust policies do."""
    return any("Resource" in statement or "NotResource" in statement for statement in statements_of(document))


def as_policy(value: object) -> Mapping[str, Any] | None:
    """Return a policy from a plan or an API, where it is an object or JSON text; None when it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None
