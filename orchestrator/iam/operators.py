"""The condition operators: how one value of a policy is compared with one value of a request.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from orchestrator.iam import patterns
from orchestrator.iam.patterns import Matcher
from orchestrator.iam.variables import Resolved, plain_text

_Value = TypeVar("_Value")

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", re.IGNORECASE)
_EPOCH = re.compile(r"-?(\d{1,3}|\d{5,15})(\.\d+)?")
_ISO_8601 = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d{2})(-(?P<day>\d{2})"
    r"(T(?P<hour>\d{2}):(?P<minute>\d{2})(:(?P<second>\d{2})(\.(?P<fraction>\d+))?)?(?P<zone>Z|[+-]\d{2}:\d{2})?)?)?)?"
)


@dataclass(frozen=True, slots=True)
class Operator:
    """One base operator, without ``IfExists`` and set qualifiers.

    Args:
        name: as AWS writes it.
        negated: whether it is true when the values do not match (and, then, when the key is absent).
        wildcards: whether ``*`` and ``?`` in the policy's value are wildcards.
        variables: whether policy variables are supported in the policy's value.
        compile: makes a predicate from the policy's value. Raises ValueError for a value of the wrong form.
    """

    name: str
    negated: bool
    wildcards: bool
    variables: bool
    compile: Callable[[Resolved], Matcher]


def _equals(value: Resolved) -> Matcher:
    return plain_text(value).__eq__


def _equals_ignoring_case(value: Resolved) -> Matcher:
    expected = plain_text(value).lower()
    return lambda text: text.lower() == expected


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    return Decimal(text)


def _seconds(text: str) -> float:
    """A date as seconds since 1970-01-01T00:00:00Z: a W3C profile of ISO 8601 (UTC without zone), or epoch seconds."""
    if _EPOCH.fullmatch(text):
        return float(text)
    found = _ISO_8601.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a date in ISO 8601 or epoch seconds")
    zone = found["zone"] or "Z"
    try:
        moment = datetime(
            int(found["year"]),
            int(found["month"] or 1),
            int(found["day"] or 1),
            int(found["hour"] or 0),
            int(found["minute"] or 0),
            int(found["second"] or 0),
            tzinfo=UTC,
        )
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date: {error}") from None
    seconds = moment.timestamp() + float(f"0.{found['fraction'] or 0}")
    if zone == "Z":
        return seconds
    offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
    return seconds - offset if zone[0] == "+" else seconds + offset


def _comparison(
    read: Callable[[str], _Value], holds: Callable[[_Value, _Value], bool]
) -> Callable[[Resolved], Matcher]:
    def compile_value(value: Resolved) -> Matcher:
        expected = read(plain_text(value))

        def matches(text: str) -> bool:
            try:
                return holds(read(text), expected)
            except ValueError:  # the request's value is of another type: it cannot match
                return False

        return matches

    return compile_value


def _boolean(value: Resolved) -> Matcher:
    expected = plain_text(value).lower()
    if expected not in ("true", "false"):
        raise ValueError(f"{plain_text(value)!r} is neither true nor false")
    return lambda text: text.lower() == expected


def _binary(value: Resolved) -> Matcher:
    try:
        expected = base64.b64decode(plain_text(value), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{plain_text(value)!r} is not base64: {error}") from None

    def matches(text: str) -> bool:
        # A request's context in JSON carries bytes as base64, as the policy simulator's does, or as they are.
        if text.encode() == expected:
            return True
        try:
            return base64.b64decode(text, validate=True) == expected
        except ValueError:  # binascii.Error, or characters outside ASCII
            return False

    return matches


def _ip_address(value: Resolved) -> Matcher:
    network = ipaddress.ip_network(plain_text(value), strict=False)

    def matches(text: str) -> bool:
        try:
            return ipaddress.ip_address(text) in network
        except ValueError:
            return False

    return matches


def _null(value: Resolved) -> Matcher:
    return _boolean(value)


def _pairs(
    name: str, negation: str, compile_value: Callable[[Resolved], Matcher], *, wildcards: bool, variables: bool
) -> list[Operator]:
    return [
        Operator(name, False, wildcards, variables, compile_value),
        Operator(negation, True, wildcards, variables, compile_value),
    ]


def _ordered(prefix: str, read: Callable[[str], _Value]) -> list[Operator]:
    rules: list[tuple[str, bool, Callable[[Any, Any], bool]]] = [
        ("Equals", False, operator.eq),
        ("NotEquals", True, operator.eq),
        ("LessThan", False, operator.lt),
        ("LessThanEquals", False, operator.le),
        ("GreaterThan", False, operator.gt),
        ("GreaterThanEquals", False, operator.ge),
    ]
    return [
        Operator(prefix + suffix, negated, False, False, _comparison(read, holds)) for suffix, negated, holds in rules
    ]


NULL = Operator("Null", False, False, False, _null)

OPERATORS: dict[str, Operator] = {
    entry.name.lower(): entry
    for entry in [
        *_pairs("StringEquals", "StringNotEquals", _equals, wildcards=False, variables=True),
        *_pairs(
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
            _equals_ignoring_case,
            wildcards=False,
            variables=True,
        ),
        *_pairs("StringLike", "StringNotLike", patterns.glob, wildcards=True, variables=True),
        *_ordered("Numeric", _number),
        *_ordered("Date", _seconds),
        Operator("Bool", False, False, True, _boolean),
        Operator("BinaryEquals", False, False, False, _binary),
        *_pairs("IpAddress", "NotIpAddress", _ip_address, wildcards=False, variables=False),
        # ArnEquals and ArnLike behave identically, and so do their negations.
        *_pairs("ArnEquals", "ArnNotEquals", patterns.arn, wildcards=True, variables=True),
        *_pairs("ArnLike", "ArnNotLike", patterns.arn, wildcards=True, variables=True),
        NULL,
    ]
}
"""The base operators by name in lower case."""
