"""Which statements of a resource-based policy let everybody in.

Source: "The meaning of public" in "Blocking public access to your Amazon S3 storage" (Amazon S3 User Guide); the same
definition serves for the policies of other services.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Condition keys that, with a fixed value, make a statement non-public.
_NARROWING_KEYS = frozenset(
    {
        "aws:sourceip",
        "aws:sourcearn",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:sourceowner",
        "aws:sourceaccount",
        "aws:userid",
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "kms:calleraccount",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:dataaccesspointarn",
        "s3:dataaccesspointaccount",
    }
)
_NARROWING_OPERATORS = ("stringequals", "stringlike", "arnequals", "arnlike", "ipaddress")


def statements_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a policy's statements as a list, whichever of its two forms it has; what is no statement is left out."""
    statements = document.get("Statement") or []
    listed = statements if isinstance(statements, list) else [statements]
    return [statement for statement in listed if isinstance(statement, Mapping)]


def public_statements(document: Mapping[str, Any]) -> list[int]:
    """Return the positions, from 1, of the Allow statements for everybody that no fixed value narrows.

    Args:
        document: a resource-based policy or a role's trust policy.
    """
    return [
        index
        for index, statement in enumerate(statements_of(document), start=1)
        if statement.get("Effect") == "Allow" and _for_everybody(statement) and not _narrowed(statement)
    ]


def _for_everybody(statement: Mapping[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    values = list(principal.values()) if isinstance(principal, Mapping) else [principal]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return "*" in flat


def _narrowed(statement: Mapping[str, Any]) -> bool:
    conditions = statement.get("Condition")
    for operator, tests in conditions.items() if isinstance(conditions, Mapping) else ():
        base = str(operator).lower().rpartition(":")[2]
        if base not in _NARROWING_OPERATORS or not isinstance(tests, Mapping):
            continue
        for key, value in tests.items():
            values = [str(item) for item in (value if isinstance(value, list) else [value])]
            if str(key).lower() in _NARROWING_KEYS and values and not any(_wide(item) for item in values):
                return True
    return False


def _wide(value: str) -> bool:
    """Tell whether a value stands for too much: a wildcard, a variable, or a network larger than a /8."""
    if any(mark in value for mark in "*?$"):
        return True
    address, _, bits = value.partition("/")
    return bits.isdigit() and int(bits) < (32 if ":" in address else 8)
