"""Under which circumstances to ask: request contexts in which the conditions in view come out differently.

Each condition key that a statement compares gets the values that matter: one that each of the policy's values matches,
one that none does, and none at all. A decision is then asked for in every combination, so that a dropped condition
shows as access in circumstances in which there was none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import product

from orchestrator.iam_review.globs import ANYTHING, witness
from orchestrator.iam_review.statement import Statement, listed
from orchestrator.iam_review.universe import View

Value = str | tuple[str, ...] | None
Context = Mapping[str, Value]

#: A value that nobody has named.
OTHER = "~other~"
_OTHER_ADDRESSES = ("192.0.2.1", "2001:db8::1")
#: Keys that every request carries ("AWS global condition context keys", IAM User Guide).
_ALWAYS_THERE = frozenset(
    {
        "aws:securetransport",
        "aws:currenttime",
        "aws:epochtime",
        "aws:requestedregion",
        "aws:viaawsservice",
        "aws:useragent",
    }
)
#: Keys that follow from the principal and the resource; the evaluation fills them in.
_DERIVED = frozenset(
    {
        "aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:principalisawsservice",
        "aws:principalservicename", "aws:username", "aws:resourceaccount",
    }
)  # fmt: skip
_MAX_COMBINATIONS = 512


def contexts(views: Sequence[View]) -> list[Context]:
    """Return the contexts that the statements tell apart, the plainest first.

    With too many combinations each key varies alone, beside contexts in which one statement's conditions all hold.
    """
    candidates = _candidates(views)
    if not candidates:
        return [{}]
    keys = sorted(candidates)
    size = 1
    for key in keys:
        size *= len(candidates[key])
    if size <= _MAX_COMBINATIONS:
        combined: list[Context] = [
            dict(zip(keys, values, strict=True)) for values in product(*(candidates[key] for key in keys))
        ]
    else:
        combined = list(_one_at_a_time(keys, candidates, views))
    return sorted(combined, key=lambda context: sum(_is_special(value) for value in context.values()))


def _is_special(value: Value) -> bool:
    return value is not None and value != OTHER and value not in _OTHER_ADDRESSES


def _one_at_a_time(
    keys: Sequence[str], candidates: Mapping[str, list[Value]], views: Sequence[View]
) -> Iterator[Context]:
    plain = {key: candidates[key][0] for key in keys}
    yield plain
    bases = [plain]
    for view in views:
        if view.compiled.conditions:
            base = dict(plain)
            for condition in view.compiled.conditions:
                base[condition.key] = next(
                    (
                        value
                        for value in candidates.get(condition.key, [None])
                        if condition.holds(_values(condition.key, value))
                    ),
                    base.get(condition.key),
                )
            bases.append({key: base[key] for key in keys})
    for base in bases:
        yield base
        for key in keys:
            yield from (base | {key: value} for value in candidates[key] if value != base[key])


def _values(key: str, value: Value) -> dict[str, tuple[str, ...]]:
    if value is None:
        return {}
    return {key: (value,) if isinstance(value, str) else value}


def _candidates(views: Sequence[View]) -> dict[str, list[Value]]:
    found: dict[str, dict[Value, None]] = {}
    for view in views:
        conditions = view.raw.get("Condition")
        for operator, tests in conditions.items() if isinstance(conditions, Mapping) else ():
            for key, value in tests.items():
                _add(found.setdefault(str(key).lower(), {}), str(operator).lower(), listed(value))
        for key in _variables(view.raw):
            found.setdefault(key, {})[variable_value(key)] = None
    return {
        key: ([] if key in _ALWAYS_THERE else [None]) + [value for value in values if value is not None]
        for key, values in found.items()
        if key not in _DERIVED and (values or key not in _ALWAYS_THERE)
    }


def _add(found: dict[Value, None], operator: str, values: list[str]) -> None:
    qualifier, _, base = operator.rpartition(":")
    base = base.removesuffix("ifexists")
    if base == "null":
        found[OTHER] = None
        return
    specific = [one for value in values for one in _specific(base, value)]
    others = _outside(base, values)
    found.update(dict.fromkeys([*others, *specific]))
    if qualifier and specific:
        found.update(dict.fromkeys([tuple(specific), (*specific, *others)]))


def _specific(base: str, value: str) -> list[str]:
    """Return values on both sides of what a condition draws the line at."""
    if base == "bool":
        return ["false", "true"]
    try:
        if base.startswith("numeric"):
            number = float(value)
            return [f"{number - 1:g}", f"{number:g}", f"{number + 1:g}"]
        if base.startswith("date"):
            moment = datetime.fromisoformat(value)
            return [(moment + timedelta(seconds=shift)).isoformat() for shift in (-1, 0, 1)]
        if base in ("ipaddress", "notipaddress"):
            return [str(ipaddress.ip_network(value, strict=False)[0])]
    except (ValueError, OverflowError):
        return [value]
    text = _with_variables(value)
    return [witness(text) if "like" in base or base.startswith("arn") else text]


def _outside(base: str, values: list[str]) -> list[str]:
    if base == "bool" or base.startswith(("numeric", "date", "binary")):
        return []
    if base in ("ipaddress", "notipaddress"):
        networks = []
        for value in values:
            try:
                networks.append(ipaddress.ip_network(value, strict=False))
            except ValueError:
                continue
        return [
            address for address in _OTHER_ADDRESSES if not any(ipaddress.ip_address(address) in net for net in networks)
        ]
    return [OTHER]


def variable_value(key: str) -> str:
    """Return the value that a policy variable has in the contexts that are asked about."""
    return f"~{key}~"


def _with_variables(text: str, fixed: Mapping[str, str] | None = None) -> str:
    for source, key in _keys_in(text):
        text = text.replace(source, (fixed or {}).get(key, variable_value(key)))
    return text


def _keys_in(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while (start := text.find("${", position)) >= 0 and (end := text.find("}", start)) >= 0:
        source = text[start : end + 1]
        if source not in ("${*}", "${?}", "${$}"):
            found.append((source, source[2:-1].partition(",")[0].strip().lower()))
        position = end + 1
    return found


def _variables(statement: Statement) -> list[str]:
    entries = (*listed(statement.get("Resource")), *listed(statement.get("NotResource")))
    return [key for entry in entries for _, key in _keys_in(entry)]


def resource_text(entry: str, fixed: Mapping[str, str]) -> str:
    """Return a Resource entry with the values that its policy variables have in the contexts that are asked about.

    Args:
        entry: an entry of Resource or NotResource.
        fixed: the keys in lower case that follow from the principal, with their values.
    """
    return _with_variables(entry, fixed)


def key_names(views: Sequence[View]) -> dict[str, str]:
    """Return condition keys as the policies write them, by their names in lower case."""
    return {
        str(key).lower(): str(key)
        for view in views
        if isinstance(conditions := view.raw.get("Condition"), Mapping)
        for tests in conditions.values()
        for key in tests
    }


def told(context: Context, relevant: Sequence[str], names: Mapping[str, str]) -> str:
    """Say in words what a context demands: ``aws:SecureTransport is false``; empty for nothing in particular."""
    return " and ".join(
        f"{names.get(key, key)} is {_value_in_words(context[key])}" for key in relevant if key in context
    )


def _value_in_words(value: Value) -> str:
    if value is None:
        return "absent"
    texts = [value] if isinstance(value, str) else list(value)
    words = ["anything else" if text == OTHER else text.replace(ANYTHING, "*") for text in texts]
    return " + ".join(words) or "empty"
