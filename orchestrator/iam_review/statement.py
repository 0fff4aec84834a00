"""What rules ask of one statement of a policy, whichever of its two forms an element has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.iam.public import statements_of
from orchestrator.iam_review.globs import contains, overlap

Statement = Mapping[str, Any]


def listed(value: object) -> list[str]:
    """Return an element's value as a list of texts; an absent element is an empty list."""
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def allows(document: Mapping[str, Any]) -> Iterator[tuple[int, Statement]]:
    """Yield the Allow statements with their positions, from 1."""
    for index, statement in enumerate(statements_of(document), start=1):
        if statement.get("Effect") == "Allow":
            yield index, statement


def covers(statement: Statement, action: str) -> bool:
    """Tell whether Action or NotAction covers an action."""
    negated = "NotAction" in statement
    patterns = listed(statement.get("NotAction" if negated else "Action"))
    return any(contains(pattern.lower(), action.lower()) for pattern in patterns) != negated


def patterns_of_service(statement: Statement, service: str) -> list[str]:
    """Return the entries of Action that name a service, in lower case; ``*`` alone names none."""
    return [
        pattern for entry in listed(statement.get("Action")) if (pattern := entry.lower()).startswith(f"{service}:")
    ]


def reaches(statement: Statement, pattern: str) -> str:
    """Return the entry of Resource that covers everything a pattern stands for, empty when none does."""
    return next((entry for entry in listed(statement.get("Resource")) if contains(entry, pattern)), "")


def touches(statement: Statement, pattern: str) -> bool:
    """Tell whether an entry of Resource matches something that the pattern matches."""
    return any(overlap(entry, pattern) is not None for entry in listed(statement.get("Resource")))


def condition_values(statement: Statement, *, positive: bool = True) -> dict[str, list[tuple[str, list[str]]]]:
    """Return what a Condition demands: key in lower case to (operator in lower case, values).

    Args:
        statement: the statement.
        positive: leave out what an absent key satisfies: negations, ``IfExists``, ``ForAllValues`` and ``Null``.
    """
    found: dict[str, list[tuple[str, list[str]]]] = {}
    conditions = statement.get("Condition")
    for operator, tests in conditions.items() if isinstance(conditions, Mapping) else ():
        qualifier, _, base = str(operator).lower().rpartition(":")
        lax = "not" in base or base.endswith("ifexists") or qualifier == "forallvalues" or base == "null"
        if (positive and lax) or not isinstance(tests, Mapping):
            continue
        for key, value in tests.items():
            found.setdefault(str(key).lower(), []).append((base, listed(value)))
    return found


def demands_tag(statement: Statement) -> bool:
    """Tell whether a Condition demands that a tag is there, on the resource or in the request, whatever its value."""
    tests = (statement.get("Condition") or {}).get("Null") or {}
    return any(
        str(key).lower().startswith(("aws:resourcetag/", "aws:requesttag/")) and listed(value) == ["false"]
        for key, value in tests.items()
    )
