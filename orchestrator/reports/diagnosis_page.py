"""The table of symptoms as the page `docs/diagnosis.md`."""

from __future__ import annotations

from contracts.symptoms import SYMPTOMS
from orchestrator.reports.markdown import code, escape

_INTRODUCTION = """# Why a client cannot connect or is denied

*This page is made by `make docs` from the table that `ephk diagnose` reads; a test compares the two.*

Give it what a client printed: `ephk diagnose client.log`, or `... 2>&1 | ephk diagnose`. Each diagnosis has a stable
code, the layer that fails, the cause that people found behind the symptom and where they found it. Probes that could
not be run carry the same codes in their evidence. A time-out is never a refusal, and is never reported as one.
"""


def render() -> str:
    """Return the page."""
    lines = [_INTRODUCTION]
    for symptom in SYMPTOMS:
        lines += [
            f"### `{symptom.code}`",
            "",
            f"{escape(symptom.cause[0].upper() + symptom.cause[1:])}.",
            "",
            f"- **Layer:** {symptom.layer}",
            f"- **Seen as:** {code(symptom.seen) if symptom.seen else 'nothing at all'}",
            f"- **What to do:** {escape(symptom.next_step)}",
            *([f"- **Command:** {code(symptom.command)}"] if symptom.command else []),
            f"- **Source:** {escape(symptom.source)}",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"
