"""Policy variables and wildcards: a policy's text as literal pieces, wildcards and variables.

Source: IAM User Guide, "IAM policy elements: Variables and tags". Variables exist under Version 2012-10-17 only;
in older documents the same characters are literal text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Wildcard(Enum):
    """A wildcard of the policy language."""

    STAR = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Variable:
    """A policy variable such as ``${aws:username, 'anonymous'}``.

    Args:
        key: the context key in lower case (context key names are not case-sensitive).
        default: the text that stands in for an absent key, or None when the policy gives none.
        source: the variable as the policy writes it.
    """

    key: str
    default: str | None
    source: str


Resolved = tuple[str | Wildcard, ...]
Template = tuple[str | Wildcard | Variable, ...]
ContextValues = Mapping[str, tuple[str, ...]]

_SPECIAL = {"*": "*", "?": "?", "$": "$"}
_VARIABLE = re.compile(r"(?P<key>[^\s,'{}$*?]+)(?:,\s*'(?P<default>[^']*)')?")
_WILDCARDS = re.compile(r"([*?])")
# An ARN has six parts; variables are allowed in the last one only.
_COLONS_BEFORE_RESOURCE = 5


def parse(text: str, *, wildcards: bool, variables: bool) -> Template:
    """Split a policy's text into literals, wildcards and variables.

    Args:
        text: a Resource or a condition value.
        wildcards: whether ``*`` and ``?`` mean more than themselves.
        variables: whether ``${...}`` does (Version 2012-10-17).

    Raises:
        ValueError: a variable is not closed, empty, or not of the documented form.
    """
    pieces: list[str | Wildcard | Variable] = []
    position = 0
    while True:
        start = text.find("${", position) if variables else -1
        _add_literal(pieces, text[position:] if start < 0 else text[position:start], wildcards=wildcards)
        if start < 0:
            return _merge(pieces)
        end = text.find("}", start)
        if end < 0:
            raise ValueError(f"the policy variable in {text!r} has no closing brace")
        pieces.append(_variable(text[start : end + 1]))
        position = end + 1


def _variable(source: str) -> str | Variable:
    inner = source[2:-1]
    if inner in _SPECIAL:
        return _SPECIAL[inner]
    found = _VARIABLE.fullmatch(inner)
    if found is None:
        raise ValueError(f"{source!r} is not a policy variable; write ${{key}} or ${{key, 'default'}}")
    return Variable(found["key"].lower(), found["default"], source)


def _add_literal(pieces: list[str | Wildcard | Variable], text: str, *, wildcards: bool) -> None:
    if not wildcards:
        if text:
            pieces.append(text)
        return
    for part in _WILDCARDS.split(text):
        if part == "*":
            pieces.append(Wildcard.STAR)
        elif part == "?":
            pieces.append(Wildcard.ONE)
        elif part:
            pieces.append(part)


def _merge(pieces: list[str | Wildcard | Variable]) -> Template:
    merged: list[str | Wildcard | Variable] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        elif not (piece is Wildcard.STAR and merged and merged[-1] is Wildcard.STAR):
            merged.append(piece)
    return tuple(merged)


def only_in_resource_part(template: Template) -> Template:
    """Make variables before an ARN's fifth colon literal text: they are not supported there."""
    colons = 0
    pieces: list[str | Wildcard | Variable] = []
    for piece in template:
        if isinstance(piece, Variable) and colons < _COLONS_BEFORE_RESOURCE:
            pieces.append(piece.source)
            continue
        if isinstance(piece, str):
            colons += piece.count(":")
        pieces.append(piece)
    return _merge(pieces)


def has_variables(template: Template) -> bool:
    """Whether the template depends on the request."""
    return any(isinstance(piece, Variable) for piece in template)


def literal_prefix(template: Template) -> str:
    """The text with which everything that the template matches begins."""
    return template[0] if template and isinstance(template[0], str) else ""


def resolve(template: Template, context: ContextValues) -> Resolved | None:
    """Put the request's values in place of the variables.

    A value is literal text: a ``*`` in a user's name is no wildcard. A key with several values cannot be used as a
    variable (IAM User Guide, "Single-valued vs. multivalued context keys") and counts as absent.

    Returns:
        The pieces, or None when a variable without default has no value in the request.
    """
    pieces: list[str | Wildcard | Variable] = []
    for piece in template:
        if isinstance(piece, Variable):
            values = context.get(piece.key)
            if values is not None and len(values) == 1:
                pieces.append(values[0])
            elif piece.default is not None:
                pieces.append(piece.default)
            else:
                return None
        else:
            pieces.append(piece)
    return tuple(piece for piece in _merge(pieces) if not isinstance(piece, Variable))


def plain_text(pieces: Resolved) -> str:
    """The resolved text, with wildcards as the characters they are written with."""
    return "".join(piece.value if isinstance(piece, Wildcard) else piece for piece in pieces)
