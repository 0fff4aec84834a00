"""How the spec names a risk: by its words, or by a pattern of the contracts that speak for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

_PLACEHOLDER = re.compile(r"<[^>]*>")


def as_pattern(identifier: str) -> str:
    """Return a family's id as the pattern that its members match: `acl.<principal>.deny.group` -> `acl.*.deny.group`.

    Other characters that patterns know are taken literally.
    """
    return "*".join(re.sub(r"([*?\[])", r"[\1]", part) for part in _PLACEHOLDER.split(identifier))


def selects(selector: str, risk: str, contracts: Iterable[str]) -> bool:
    """Tell whether a selector means a risk: its words in any case, or a pattern of one of its contracts' ids."""
    wanted = selector.strip()
    if fnmatchcase(risk.casefold(), wanted.casefold()):
        return True
    return any(fnmatchcase(name, wanted) or fnmatchcase(_PLACEHOLDER.sub("x", name), wanted) for name in contracts)
