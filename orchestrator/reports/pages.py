"""The templates behind every HTML page: one file that needs no other, no script, and that is well-formed XML too."""

from __future__ import annotations

import functools
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from orchestrator import __version__
from orchestrator.reports.evidence import evidence_line, facts, printable
from orchestrator.reports.model import word

#: Characters of evidence that a table shows before it is unfolded.
_LINE = 90


@functools.cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("orchestrator.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,  # a page with a hole in it would look complete
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value,
    )
    environment.filters["word"] = word
    environment.filters["facts"] = lambda evidence: list(facts(evidence))
    environment.filters["line"] = lambda evidence: evidence_line(evidence, limit=_LINE) or "no evidence recorded"
    return environment


def page(template: str, **values: Any) -> str:
    """Return a page; every value is escaped.

    Raises:
        jinja2.UndefinedError: the template names a value that was not given.
    """
    return _templates().get_template(template).render(version=__version__, **values).lstrip() + "\n"
