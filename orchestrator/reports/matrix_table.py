"""The matrix of principals, actions and resources as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

_ANSWERS = {True: ("allow", "green"), False: ("deny", ""), None: ("unknown", "yellow")}
_LETTERS = {"evaluated": "E", "simulated": "S", "probed": "P"}


LEGEND = "how: E evaluated from policies or ACLs, S stated by the provider, P probed; ! they disagree"


def matrix_table(cells: Sequence[dict[str, Any]], region: str) -> Table:
    """Return the cells as rows, each principal named once; a letter for each view that tells (see `LEGEND`).

    Args:
        cells: as `contracts.iam.matrix.Cell.as_dict` gives them.
        region: the environment's own, which need not be shown in every row.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("principal", "via", "action", "resource", "answer", "how"):
        table.add_column(column, overflow="fold")
    previous = ""
    for cell in cells:
        word, style = _ANSWERS[cell["allowed"]]
        how = "".join(_LETTERS[name] if name in cell["established"] else "-" for name in _LETTERS)
        table.add_row(
            Text(cell["principal"] if cell["principal"] != previous else ""),
            cell["via"],
            Text(cell["action"]),
            Text(short(cell["resource"], region)),
            Text(word, style=style),
            Text(how if cell["agrees"] else f"{how} !", style="" if cell["agrees"] else "bold red"),
        )
        previous = cell["principal"]
    return table


def short(resource: str, region: str) -> str:
    """Return an ARN without partition and account, and without the region when it is `region`."""
    parts = resource.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return resource
    return ":".join(part for part in (parts[2], "" if parts[3] == region else parts[3], parts[5]) if part)
