"""Matching text against patterns with ``*`` and ``?``: plainly, as a Resource element, and as an ARN operator does.

Patterns become a predicate once and are used many times. No predicate backtracks: a hostile pattern in a policy
must not be able to stall the process that checks it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from orchestrator.iam.variables import Resolved, Wildcard

Matcher = Callable[[str], object]
"""A predicate over text; its result counts by its truth (a regular expression's match object, for one)."""

_ARN_PARTS = 6


def _always(_: str) -> bool:
    return True


def _never(_: str) -> bool:
    return False


@lru_cache(maxsize=8192)
def glob(pieces: Resolved) -> Matcher:
    """A predicate for pieces in which ``*`` stands for any characters and ``?`` for exactly one."""
    if pieces == (Wildcard.STAR,):
        return _always
    if not pieces:
        return "".__eq__
    if len(pieces) == 1 and isinstance(pieces[0], str):
        return pieces[0].__eq__
    if len(pieces) == 2 and isinstance(pieces[0], str) and pieces[1] is Wildcard.STAR:
        prefix = pieces[0]
        return lambda text: text.startswith(prefix)
    return re.compile(_expression(pieces), re.DOTALL).fullmatch


def _expression(pieces: Resolved) -> str:
    chunks = [""]
    for piece in pieces:
        if piece is Wildcard.STAR:
            chunks.append("")
        else:
            chunks[-1] += "." if isinstance(piece, Wildcard) else re.escape(piece)
    if len(chunks) == 1:
        return chunks[0]
    first, *middle, last = chunks
    # Each star takes as little as it can and, being atomic, never gives back: linear, and right because what
    # follows can always take more.
    return first + "".join(f"(?>.*?{chunk})" for chunk in middle if chunk) + ".*" + last


@lru_cache(maxsize=8192)
def resource(pieces: Resolved) -> Matcher:
    """A predicate for a Resource or NotResource element.

    Wildcards stay within an ARN's segment; a ``*`` that ends a segment may reach beyond the next colon, and the last
    segment may itself contain colons (IAM User Guide, "IAM JSON policy elements: Resource").
    """
    return arn(pieces) if _has_bound_wildcard(pieces) else glob(pieces)


def _has_bound_wildcard(pieces: Resolved) -> bool:
    colons = 0
    for index, piece in enumerate(pieces):
        if isinstance(piece, str):
            colons += piece.count(":")
        elif colons < _ARN_PARTS - 1:
            following = pieces[index + 1] if index + 1 < len(pieces) else None
            ends_segment = following is None or (isinstance(following, str) and following.startswith(":"))
            if piece is Wildcard.ONE or not ends_segment:
                return True
    return False


@lru_cache(maxsize=8192)
def arn(pieces: Resolved) -> Matcher:
    """A predicate that compares each of an ARN's six colon-delimited components separately.

    Source: IAM User Guide, "Amazon Resource Name (ARN) condition operators". A lone ``*`` matches every ARN. A
    pattern with fewer components than an ARN matches nothing.
    """
    if pieces == (Wildcard.STAR,):
        return _always
    components = _components(pieces)
    if len(components) != _ARN_PARTS:
        return _never
    matchers = [glob(tuple(component)) for component in components]

    def matches(text: str) -> bool:
        parts = text.split(":", _ARN_PARTS - 1)
        return len(parts) == _ARN_PARTS and all(match(part) for match, part in zip(matchers, parts, strict=True))

    return matches


def _components(pieces: Resolved) -> list[list[str | Wildcard]]:
    components: list[list[str | Wildcard]] = [[]]
    for piece in pieces:
        if isinstance(piece, Wildcard):
            components[-1].append(piece)
            continue
        first, *others = piece.split(":", _ARN_PARTS - len(components))
        if first:
            components[-1].append(first)
        for part in others:
            components.append([part] if part else [])
    return components
