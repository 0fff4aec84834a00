"""SARIF 2.1.0, for code scanning: the one writer of the logs that reports and reviews give.

Sources: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; GitHub Docs, "SARIF support for code
scanning": a result without a location in a file is not shown, severity is a property of the rule, and a run's first
25,000 results are taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

Level = Literal["error", "warning", "note"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
MOST_RESULTS = 25_000


@dataclass(frozen=True)
class Rule:
    """What is looked for.

    Attributes:
        id: stable; severity is part of a rule, so one that varies has an id for each.
        name: a few words.
        description: what must be so.
        remediation: what to do when it is not.
        level: how code scanning shows it.
        score: `security-severity`: above 9.0 critical, from 7.0 high, from 4.0 medium, else low.
        tags: what to filter by.
        documentation: the source of the rule.
    """

    id: str
    name: str
    description: str
    remediation: str
    level: Level
    score: float
    tags: tuple[str, ...]
    documentation: str = ""


@dataclass(frozen=True)
class Place:
    """Where a result is to be looked at.

    Attributes:
        file: a path; what is in no file names one that a reader can start from.
        line: counted from 1.
        addresses: fully qualified names: an ARN, a Terraform address, a Pulumi URN, an environment's contract.
        name: a short name for them.
    """

    file: str
    line: int = 1
    addresses: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Result:
    """One place where a rule is broken.

    Attributes:
        rule: the rule.
        text: what is wrong, in a sentence.
        place: where.
        identity: what makes it the same alert in the next run.
        accepted: why it is accepted, empty when it is not.
        properties: more about it.
    """

    rule: Rule
    text: str
    place: Place
    identity: tuple[str, ...]
    accepted: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)


def log(
    tool: str,
    version: str,
    results: Sequence[Result],
    *,
    category: str = "",
    invocation: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a SARIF log of one run.

    Args:
        tool: the name of what looked.
        version: its version.
        results: what it found, the worst first: what is beyond the limit is left out.
        category: keeps uploads of one commit apart (`automationDetails.id`).
        invocation: how the run went, as SARIF has it.
    """
    kept = results[:MOST_RESULTS]
    rules = list({result.rule.id: result.rule for result in kept}.values())
    positions = {rule.id: position for position, rule in enumerate(rules)}
    run: dict[str, Any] = {
        "tool": {"driver": {"name": tool, "version": version, "rules": [_rule(rule) for rule in rules]}},
        "columnKind": "utf16CodeUnits",
        "results": [_result(result, positions[result.rule.id]) for result in kept],
    }
    if category:
        run["automationDetails"] = {"id": category}
    if invocation is not None:
        run["invocations"] = [dict(invocation)]
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    source = f"Source: {rule.documentation}." if rule.documentation else ""
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.name},
        "fullDescription": {"text": rule.description},
        "help": {
            "text": f"{rule.remediation} {source}".strip(),
            "markdown": f"{rule.remediation}\n\n*{source}*" if source else rule.remediation,
        },
        "defaultConfiguration": {"level": rule.level},
        "properties": {"tags": list(rule.tags), "precision": "very-high", "security-severity": f"{rule.score}"},
    }


def _result(result: Result, position: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": result.rule.id,
        "ruleIndex": position,
        "level": result.rule.level,
        "kind": "fail",
        "message": {"text": result.text},
        "locations": [_location(result.place)],
        "partialFingerprints": {"ephk/v1": hashlib.sha256("\0".join(result.identity).encode()).hexdigest()},
    }
    if result.accepted:
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": result.accepted}]
    if result.properties:
        found["properties"] = dict(result.properties)
    return found


def _location(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(_in_repository(place.file)), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": place.line},
        }
    }
    if place.addresses:
        found["logicalLocations"] = [
            {"fullyQualifiedName": address, "kind": "resource"} | ({"name": place.name} if place.name else {})
            for address in place.addresses
        ]
    return found


def _in_repository(file: str) -> str:
    """Return a path as code scanning wants it: relative to where the command runs, with slashes."""
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return path.as_posix()
