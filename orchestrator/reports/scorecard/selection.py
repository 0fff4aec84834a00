"""How the spec names a risk: by its words, or by a pattern of the contracts that speak for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

_PLACEHOLDER = re.compile(r"<[^>]*>")


def selects(selector: str, risk: str, contracts: Iterable[str]) -> bool:
    """Tell whether a selector means a risk: its words in any case, or a pattern of one of its contracts' ids."""
    wanted = selector.strip()
    if fnmatchcase(risk.casefold(), wanted.casefold()):
        return True
    return any(fnmatchcase(name, wanted) or fnmatchcase(_PLACEHOLDER.sub("x", name), wanted) for name in contracts)
