"""What a resource type is: its input properties, and the five verbs on it.

A type is a table (`fields`) and functions. Everything that can be decided from the table alone is decided here,
without any call: which inputs are refused (`check`), what changed and whether that needs a new resource (`diff`), and
how a property is written in Pulumi (`camelCase`) and in the AWS API (`PascalCase`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.embedded.provider.codec import UNKNOWN

if TYPE_CHECKING:
    from orchestrator.embedded.provider.call import Call

Values = dict[str, Any]
Kind = Literal["plain", "json", "set"]


@dataclass(frozen=True)
class Field:
    """One input property.

    Attributes:
        name: as Pulumi writes it.
        required: must be given.
        replace: a change needs a new resource.
        secret: the value is secret even when the program did not say so.
        kind: how two values are compared: as they are, as JSON documents, or as sets.
        choices: the values that are implemented; empty means any.
        fields: of an object, its properties; empty means that the value is no object (or a free map).
        many: the value is a list of such objects.
        api: the AWS API's name, where it is not the Pulumi name with a capital.
        local: AWS keeps no such thing (it steers this provider), so a read cannot see it.
    """

    name: str
    required: bool = False
    replace: bool = False
    secret: bool = False
    kind: Kind = "plain"
    choices: tuple[Any, ...] = ()
    fields: tuple[Field, ...] = ()
    many: bool = False
    api: str = ""
    local: bool = False

    @property
    def api_name(self) -> str:
        """The property's name in the AWS API."""
        return self.api or self.name[:1].upper() + self.name[1:]


TAGS = Field("tags")


@dataclass(frozen=True)
class ResourceType:
    """A type of resource.

    Attributes:
        token: Pulumi's name of the type.
        fields: the input properties.
        create: makes the resource and returns its id. As soon as something exists it says so by `Call.created`, so
            that a failure half-way leaves an entry in the state by which destroy finds it.
        read: returns the properties as they are now, or None when the resource is gone.
        delete: removes the resource; one that is gone already is fine.
        update: changes the resource in place; gets the id, the old state, the new inputs and the paths that changed.
        secrets: outputs that are secret always.
    """

    token: str
    fields: tuple[Field, ...]
    create: Callable[[Call, Values], str]
    read: Callable[[Call, str, Values], Values | None]
    delete: Callable[[Call, str, Values], None]
    update: Callable[[Call, str, Values, Values, frozenset[str]], None] | None = None
    secrets: frozenset[str] = frozenset()

    @property
    def secret_properties(self) -> frozenset[str]:
        """The properties that are secret whatever the program says."""
        return self.secrets | {item.name for item in self.fields if item.secret}


@dataclass(frozen=True)
class Refusal:
    """An input that is wrong or not implemented."""

    property: str
    reason: str


@dataclass(frozen=True)
class Change:
    """A difference between old and new inputs.

    Attributes:
        path: the property, `outer.inner` inside an object.
        verb: what happened to it.
        replace: it needs a new resource.
    """

    path: str
    verb: Literal["add", "delete", "update"]
    replace: bool


def check(resource: ResourceType, inputs: Values) -> list[Refusal]:
    """Return what is wrong with the inputs: unknown, missing or unimplemented properties, by name."""
    return list(_check(resource.token, resource.fields, inputs, ""))


def _check(token: str, fields: Sequence[Field], inputs: Values, prefix: str) -> Iterator[Refusal]:
    known = {item.name: item for item in fields}
    for name in sorted(inputs.keys() - known.keys()):
        if name.startswith("__"):
            continue  # the engine's own bookkeeping
        yield Refusal(
            prefix + name,
            f"the embedded target's provider does not implement '{prefix}{name}' of {token}; it implements "
            + ", ".join(prefix + item for item in sorted(known)),
        )
    for item in fields:
        path = prefix + item.name
        if item.name not in inputs:
            if item.required:
                yield Refusal(path, f"{token} needs '{path}'")
            continue
        value = inputs[item.name]
        if value is UNKNOWN:
            continue
        if item.choices and value not in item.choices:
            listed = ", ".join(map(str, item.choices))
            yield Refusal(path, f"the embedded target's provider implements {listed} for '{path}' of {token}")
        if item.fields:
            yield from _check_nested(token, item, value, path)


def _check_nested(token: str, item: Field, value: Any, path: str) -> Iterator[Refusal]:
    elements = value if item.many else [value]
    if not isinstance(elements, list) or not all(
        isinstance(element, dict) or element is UNKNOWN for element in elements
    ):
        yield Refusal(path, f"'{path}' of {token} must be {'a list of objects' if item.many else 'an object'}")
        return
    for index, element in enumerate(elements):
        if element is not UNKNOWN:
            yield from _check(token, item.fields, element, f"{path}[{index}]." if item.many else f"{path}.")


def diff(resource: ResourceType, olds: Values, news: Values) -> list[Change]:
    """Return what differs between two sets of inputs; an unknown new value counts as a difference."""
    return list(_diff(resource.fields, olds, news, "", replace=False))


def _diff(fields: Sequence[Field], olds: Values, news: Values, prefix: str, *, replace: bool) -> Iterator[Change]:
    for item in fields:
        old, new = olds.get(item.name), news.get(item.name)
        if equal(item, old, new):
            continue
        whole = replace or item.replace
        path = prefix + item.name
        if item.fields and not item.many and isinstance(old, dict) and isinstance(new, dict):
            yield from _diff(item.fields, old, new, f"{path}.", replace=whole)
        else:
            yield Change(path, "add" if old is None else "delete" if new is None else "update", whole)


def equal(item: Field, left: Any, right: Any) -> bool:
    """Tell whether two values of a property mean the same."""
    if left is UNKNOWN or right is UNKNOWN:
        return False
    if left is None or right is None:
        return left is right
    if item.fields:
        return _equal_objects(item, left, right)
    if item.kind == "json":
        return bool(_document(left) == _document(right))
    if item.kind == "set":
        return sorted(map(str, left)) == sorted(map(str, right))
    return bool(left == right)


def _equal_objects(item: Field, left: Any, right: Any) -> bool:
    if item.many:
        return len(left) == len(right) and all(
            _equal_objects(Field(item.name, fields=item.fields), a, b) for a, b in zip(left, right, strict=True)
        )
    return all(equal(inner, left.get(inner.name), right.get(inner.name)) for inner in item.fields)


def _document(text: Any) -> Any:
    """Parse a policy; lists of one element are the same as the element alone ("IAM JSON policy grammar")."""
    try:
        return _plain(json.loads(text))
    except (TypeError, ValueError):
        return text


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _plain(value) for name, value in node.items()}
    if isinstance(node, list):
        plain = [_plain(value) for value in node]
        if len(plain) == 1:
            return plain[0]
        return sorted(plain, key=lambda value: json.dumps(value, sort_keys=True))
    return node


def observed_inputs(resource: ResourceType, inputs: Values, state: Values) -> Values:
    """Return the inputs as a refresh should record them: what was given, with what AWS says now.

    A value that means the same keeps its old spelling, so that a refresh without drift changes nothing.
    """
    if not inputs:  # an import: everything that is there
        return {item.name: state[item.name] for item in resource.fields if item.name in state}
    return _observed(resource.fields, inputs, state)


def _observed(fields: Sequence[Field], inputs: Values, state: Values) -> Values:
    seen: Values = {}
    for item in fields:
        given, actual = inputs.get(item.name), state.get(item.name)
        if given is None:
            continue
        if item.local:
            seen[item.name] = given
        elif actual is None:
            continue  # it was removed behind our back
        elif item.fields and not item.many and isinstance(given, dict) and isinstance(actual, dict):
            seen[item.name] = _observed(item.fields, given, actual)
        elif item.fields and item.many and len(given) == len(actual):
            seen[item.name] = [_observed(item.fields, a, b) for a, b in zip(given, actual, strict=True)]
        else:
            seen[item.name] = given if equal(item, given, actual) else actual
    return seen


def to_api(fields: Sequence[Field], values: Values) -> Values:
    """Write properties as the AWS API names them; properties that AWS does not know are left out."""
    written: Values = {}
    for item in fields:
        value = values.get(item.name)
        if value is None or item.local:
            continue
        if item.fields and item.many:
            value = [to_api(item.fields, element) for element in value]
        elif item.fields:
            value = to_api(item.fields, value)
        written[item.api_name] = value
    return written


def from_api(fields: Sequence[Field], answer: Values) -> Values:
    """Read properties as the AWS API names them."""
    read: Values = {}
    for item in fields:
        value = answer.get(item.api_name)
        if value is None:
            continue
        if item.fields and item.many:
            value = [from_api(item.fields, element) for element in value]
        elif item.fields:
            value = from_api(item.fields, value)
        read[item.name] = value
    return read
