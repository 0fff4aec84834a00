"""A statement's Condition element: which keys it compares, how, and whether a request meets it.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "Conditions with multiple context keys or
values" and "Single-valued vs. multivalued context keys". Operators and keys are joined by AND, the values of one key
by OR (a negated operator: NOR).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from orchestrator.iam import variables
from orchestrator.iam.operators import NULL, OPERATORS, Operator
from orchestrator.iam.patterns import Matcher
from orchestrator.iam.variables import ContextValues, Template

_IF_EXISTS = "ifexists"
_EMPTY_SET = ("",)


class Qualifier(Enum):
    """A set operator before a condition operator."""

    NONE = ""
    FOR_ALL_VALUES = "forallvalues"
    FOR_ANY_VALUE = "foranyvalue"


class _UnresolvedVariableError(Exception):
    """A variable in a negated condition of an Allow statement has no value, which makes the statement invalid."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of a Condition element with its operator.

    Args:
        key: the context key in lower case.
        operator: the base operator.
        qualifier: the set operator.
        if_exists: whether ``IfExists`` was written.
        fixed: predicates of the values that do not depend on the request.
        templates: the values with policy variables.
        fails_closed: the statement is an Allow: a variable without a value then makes it invalid instead of
            making a negated operator true.
    """

    key: str
    operator: Operator
    qualifier: Qualifier
    if_exists: bool
    fixed: tuple[Matcher, ...]
    templates: tuple[Template, ...]
    fails_closed: bool

    def holds(self, context: ContextValues) -> bool:
        """Whether the request's context meets the condition."""
        values = context.get(self.key)
        if self.operator is NULL:
            return any(matches("false" if values else "true") for matches in self.fixed)
        try:
            if self.qualifier is Qualifier.FOR_ALL_VALUES:
                return not values or values == _EMPTY_SET or all(self._one_holds(value, context) for value in values)
            if self.qualifier is Qualifier.FOR_ANY_VALUE:
                # Absent or empty is false here even with IfExists and for negated operators: there is no value that
                # the operator could be true of.
                return (
                    bool(values)
                    and values != _EMPTY_SET
                    and any(self._one_holds(value, context) for value in values or ())
                )
            if not values:
                return self.if_exists or self.operator.negated
            return any(self._matches(value, context) for value in values) != self.operator.negated
        except _UnresolvedVariableError:
            return False

    def _one_holds(self, value: str, context: ContextValues) -> bool:
        return self._matches(value, context) != self.operator.negated

    def _matches(self, value: str, context: ContextValues) -> bool:
        for matches in self.fixed:
            if matches(value):
                return True
        for template in self.templates:
            resolved = variables.resolve(template, context)
            if resolved is None:
                if self.operator.negated and self.fails_closed:
                    raise _UnresolvedVariableError
                continue
            try:
                if self.operator.compile(resolved)(value):
                    return True
            except ValueError:  # the variable's value is of another type than the operator's: no match
                continue
        return False


def compile_conditions(
    block: object,
    *,
    with_variables: bool,
    is_allow: bool,
    fail: Callable[[str, str], Exception],
) -> tuple[Condition, ...]:
    """Read a Condition element.

    Args:
        block: the element's value.
        with_variables: whether the document's Version supports policy variables.
        is_allow: whether the statement's Effect is Allow.
        fail: makes the error to raise, from a field's name and what is wrong with it.
    """
    if not isinstance(block, Mapping):
        raise fail("Condition", "it must be an object of condition operators")
    compiled: list[Condition] = []
    for name, keys in block.items():
        field = f"Condition.{name}"
        operator, qualifier, if_exists = _operator(name, field, fail)
        if not isinstance(keys, Mapping):
            raise fail(field, "it must be an object of condition keys")
        seen: set[str] = set()
        for key, value in keys.items():
            key_field = f"{field}.{key}"
            if not isinstance(key, str) or not key:
                raise fail(key_field, "a condition key is a non-empty string")
            if key.lower() in seen:
                raise fail(key_field, "the condition key appears more than once with different capitalization")
            seen.add(key.lower())
            fixed, templates = _values(value, operator, key_field, with_variables, fail)
            compiled.append(Condition(key.lower(), operator, qualifier, if_exists, fixed, templates, is_allow))
    return tuple(compiled)


def _operator(name: object, field: str, fail: Callable[[str, str], Exception]) -> tuple[Operator, Qualifier, bool]:
    if not isinstance(name, str):
        raise fail(field, "a condition operator is a string")
    prefix, colon, rest = name.lower().rpartition(":")
    try:
        qualifier = Qualifier(prefix)
    except ValueError:
        raise fail(field, f"unknown set operator {prefix!r}; known are ForAllValues and ForAnyValue") from None
    if colon and qualifier is Qualifier.NONE:
        raise fail(field, f"unknown condition operator {name!r}")
    if_exists = rest.endswith(_IF_EXISTS)
    operator = OPERATORS.get(rest.removesuffix(_IF_EXISTS))
    if operator is None:
        raise fail(field, f"unknown condition operator {name!r}")
    if operator is NULL and if_exists:
        raise fail(field, "the Null operator does not support IfExists")
    return operator, qualifier, if_exists


def _values(
    value: object,
    operator: Operator,
    field: str,
    with_variables: bool,
    fail: Callable[[str, str], Exception],
) -> tuple[tuple[Matcher, ...], tuple[Template, ...]]:
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise fail(field, "the list of values is empty")
    fixed: list[Matcher] = []
    templates: list[Template] = []
    plain: set[str] = set()
    for entry in listed:
        text = scalar_text(entry)
        if text is None:
            raise fail(field, "a condition value is a string, a number or a Boolean")
        if with_variables and not operator.variables and "${" in text:
            raise fail(field, f"policy variables are not supported with {operator.name}")
        try:
            template = variables.parse(
                text, wildcards=operator.wildcards, variables=with_variables and operator.variables
            )
            if variables.has_variables(template):
                templates.append(template)
            elif operator.name in ("StringEquals", "StringNotEquals"):
                plain.add("".join(str(piece) for piece in template))
            else:
                fixed.append(operator.compile(variables.resolve(template, {}) or ()))
        except ValueError as error:
            raise fail(field, str(error)) from None
    if plain:
        # One look-up instead of a comparison with each of the values.
        fixed.insert(0, frozenset(plain).__contains__)
    return tuple(fixed), tuple(templates)


def scalar_text(value: object) -> str | None:
    """A JSON scalar as the text that IAM compares, or None when it is no string, number or Boolean."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return repr(value)
    return None
