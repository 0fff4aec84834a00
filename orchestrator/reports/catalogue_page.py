"""The catalogue as the page `docs/contracts.md`: generated, and compared with the code by a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.reports.markdown import escape

_INTRODUCTION = """# Contracts

*This page is made by `make docs` from the contracts themselves; a test compares the two.*

A contract is one named verification point: a production risk, a statement that must hold, and a probe that proves or
refutes it. `ephk verify` runs them; `--contract`, `--layer` and `--risk` select. An id with a `<placeholder>` is a
family: it has a member for each principal or topic of the environment. A result is `verified`, `failed`, `error` (it
could not be found out) or `not covered` (nobody could look, with the reason). How to add your own:
[Contracts of your own](custom-contracts.md). Those named `terraform.*` are about a plan of Terraform and are run by
`ephk check terraform` ([Terraform](terraform.md)).
"""
#: What the first part of an id is about, in the order of the page.
_CONCERNS = {
    "listener": "Listeners",
    "auth": "Authentication",
    "acl": "Authorization",
    "topic": "Topics",
    "client": "Clients",
    "bucket": "Object storage",
    "network": "Network",
    "tags": "Tags",
}


def render(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the page: contracts by concern, each with all that it declares."""
    by_concern: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        by_concern.setdefault(entry["id"].split(".")[0], []).append(entry)
    lines = [_INTRODUCTION]
    for concern, members in by_concern.items():
        lines += [f"## {_CONCERNS.get(concern, concern.capitalize())}", ""]
        for entry in members:
            lines += _entry(entry)
    return "\n".join(lines).rstrip() + "\n"


def _entry(entry: Mapping[str, Any]) -> list[str]:
    needs = ", ".join(f"`{need}`" for need in entry["needs"]) or "nothing in particular"
    lines = [
        f"### `{entry['id']}`",
        "",
        f"{escape(entry['statement'])}.",
        "",
        f"- **Risk:** {escape(entry['risk'])}",
        f"- **Layers:** {', '.join(entry['layers'])}; seen from {entry['vantage']}",
        f"- **Needs:** {needs}",
        f"- **What to do:** {escape(entry['remediation'])}",
        f"- **Source:** {escape(entry['documentation'])}",
    ]
    if entry["not_applicable_on"]:
        where = entry["not_applicable_on"]
        lines.append(f"- **Not applicable on:** {', '.join(where['flavours'])} ({escape(where['because'])})")
    return [*lines, ""]
