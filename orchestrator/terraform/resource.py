"""One resource of a plan, with markers where a value is not known yet or must not be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any


class UnknownValue:
    """Stands for a value that is known only after apply."""

    def __repr__(self) -> str:
        """Return what a person may read in a report."""
        return "(known after apply)"


class SensitiveValue:
    """Stands for a value that Terraform marks as sensitive: it is never read, so that nothing can show it."""

    def __repr__(self) -> str:
        """Return what a person may read in a report."""
        return "(sensitive)"


UNKNOWN = UnknownValue()
SENSITIVE = SensitiveValue()


@dataclass(frozen=True)
class PlannedResource:
    """One resource on one side of a plan.

    Attributes:
        address: how the plan names it.
        type: Terraform's type name, whichever tool made the plan.
        values: attributes in Terraform's spelling; `UNKNOWN` where they are known only after apply, `SENSITIVE` where
            they must not be read.
        references: attribute to the addresses of the instances that its value certainly comes from.
        sources: attribute to the addresses of all instances that its value may come from (`aws_subnet.a[*].id` names
            each); None as an element stands for something that is no resource of the plan.
    """

    address: str
    type: str
    values: Mapping[str, Any]
    references: Mapping[str, tuple[str, ...]]
    sources: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)

    def get(self, path: str, default: object = None) -> Any:
        """Return the value at a dotted path, which goes through blocks of which there is one.

        Returns:
            `default` where nothing is set, `UNKNOWN` or `SENSITIVE` where the value or a part above it is that.
        """
        value: Any = self.values
        for name in path.split("."):
            if isinstance(value, list) and len(value) <= 1:
                value = value[0] if value else None
            if isinstance(value, UnknownValue | SensitiveValue):
                return value
            value = value.get(name) if isinstance(value, Mapping) else None
        return default if value is None else value

    def blocks(self, path: str) -> list[Any]:
        """Return the blocks at a path; an unknown list, or an unknown block in it, is `UNKNOWN` as an element."""
        value = self.get(path)
        if value is None:
            return []
        return value if isinstance(value, list) else [value]


def merged(value: Any, unknown: Any, sensitive: Any = None) -> Any:
    """Put `UNKNOWN` and `SENSITIVE` where Terraform's marks say so.

    Args:
        value: the known part, as it stands in `after`.
        unknown: the marks of `after_unknown`: `true`, or an object or array with marks inside.
        sensitive: the marks of `after_sensitive`, of the same form.
    """
    if unknown is True:
        return UNKNOWN
    if sensitive is True:
        return value if value is None else SENSITIVE
    if isinstance(value, Mapping) or (value is None and isinstance(unknown, Mapping) and unknown):
        known: Mapping[str, Any] = value or {}
        names = [*known, *(name for name in _names(unknown) if name not in known)]
        return {name: merged(known.get(name), _at(unknown, name), _at(sensitive, name)) for name in names}
    if isinstance(value, list) or (value is None and isinstance(unknown, list) and unknown):
        marks = unknown if isinstance(unknown, list) else []
        hidden = sensitive if isinstance(sensitive, list) else []
        longest = max(len(value or []), len(marks))
        rows = zip_longest(value or [], marks, hidden[:longest])
        return [merged(one, mark, hide) for one, mark, hide in rows]
    return value


def sensitive_texts(value: Any, sensitive: Any) -> Iterator[str]:
    """Yield every text below a mark of `sensitive`, so that it can be taken out of whatever is printed."""
    if sensitive is True:
        yield from _texts(value)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from sensitive_texts(one, _at(sensitive, name))
    elif isinstance(value, list) and isinstance(sensitive, list):
        for one, mark in zip(value, sensitive, strict=False):
            yield from sensitive_texts(one, mark)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _names(marks: Any) -> Sequence[str]:
    """Return the names under which a mark has something to say; `false` and empty marks say nothing."""
    return [name for name, mark in marks.items() if _says(mark)] if isinstance(marks, Mapping) else []


def _says(mark: Any) -> bool:
    if isinstance(mark, Mapping):
        return any(_says(one) for one in mark.values())
    if isinstance(mark, list):
        return any(_says(one) for one in mark)
    return mark is True


def _at(marks: Any, name: str) -> Any:
    return marks.get(name) if isinstance(marks, Mapping) else None
