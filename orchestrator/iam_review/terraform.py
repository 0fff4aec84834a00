"""`terraform show -json` of a plan, as the resources of one of its sides.

What is unknown until apply stands in `after_unknown`; what it will come from stands in `configuration`, so an
attachment to a role that the same plan creates is still known to belong to it. Source: Terraform, "JSON Output Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from orchestrator.iam_review.plans import UNKNOWN, PlannedResource, UnknownValue

Side = Literal["before", "after"]
_NO_RESOURCE = frozenset({"var", "local", "each", "count", "path", "data", "module", "self", "terraform"})
_RESOURCE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\[[^\]]*\])?")
_INDEX = re.compile(r"\[[^\]]*\]")


def planned_resources(plan: Mapping[str, Any], side: Side) -> list[PlannedResource]:
    """Return the resources of a plan.

    Args:
        plan: the JSON document.
        side: as they are (`before`) or as they would be (`after`).
    """
    configuration = _Configuration(plan.get("configuration", {}).get("root_module", {}))
    changes = [change for change in plan.get("resource_changes", ()) if change.get("mode", "managed") == "managed"]
    addresses = [change["address"] for change in changes]
    found = []
    for change in changes:
        values = change["change"].get(side)
        if not isinstance(values, Mapping):
            continue
        unknown = change["change"].get("after_unknown") if side == "after" else None
        configured = configuration.references(change["address"])
        merged = {
            attribute: value
            for attribute, value in _merged(values, unknown).items()
            # What nobody sets and the provider fills in after apply is no policy that somebody wrote.
            if not (isinstance(value, UnknownValue) and configured is not None and attribute not in configured)
        }
        references = {
            attribute: tuple(_instances(targets, change["address"], addresses))
            for attribute, targets in (configured or {}).items()
        }
        found.append(PlannedResource(change["address"], change["type"], merged, references))
    return found


def _merged(values: Mapping[str, Any], unknown: object) -> dict[str, Any]:
    """Put `UNKNOWN` where a value, or a part of it, is known only after apply."""
    marks = unknown if isinstance(unknown, Mapping) else {}
    merged = dict(values)
    for attribute, mark in marks.items():
        if mark is True:
            merged[attribute] = UNKNOWN
        elif isinstance(mark, list) and isinstance(values.get(attribute), list):
            merged[attribute] = [
                UNKNOWN if one is True else _merged(value, one) if isinstance(value, Mapping) else value
                for value, one in zip(values[attribute], [*mark, *[None] * len(values[attribute])], strict=False)
            ]
    return merged


def _instances(targets: Sequence[str], address: str, addresses: Sequence[str]) -> Iterator[str]:
    """Turn references to resources into the instances that are meant: the one of the same index, or the only one."""
    index = _INDEX.findall(address)[-1:] if address.endswith("]") else []
    for target in targets:
        exact = [one for one in addresses if one == target]
        own = [one for one in addresses if index and one == target + index[0]]
        instances = [one for one in addresses if _INDEX.sub("", one) == _INDEX.sub("", target)]
        yield from exact or own or (instances if len(instances) == 1 else [])


class _Configuration:
    """The configuration's expressions, in which references stand.

    Args:
        root: the root module.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def references(self, address: str) -> dict[str, list[str]] | None:
        """Return, for each attribute that is set, the addresses of the resources that it refers to.

        None for a resource that the configuration does not have, such as one that is going away.
        """
        path, local = _split(address)
        module = self._module(path)
        plain = _INDEX.sub("", local)
        for resource in module.get("resources", ()):
            if resource.get("address") == plain:
                return {
                    attribute: [*self._resolved(path, expression.get("references", ()), depth=0)]
                    for attribute, expression in resource.get("expressions", {}).items()
                    if isinstance(expression, Mapping)
                } | {
                    attribute: []
                    for attribute, expression in resource.get("expressions", {}).items()
                    if not isinstance(expression, Mapping)
                }
        return None

    def _module(self, path: Sequence[str]) -> Mapping[str, Any]:
        module: Mapping[str, Any] = self._root
        for name in path:
            module = module.get("module_calls", {}).get(_INDEX.sub("", name), {}).get("module", {})
        return module

    def _resolved(self, path: tuple[str, ...], references: Sequence[str], *, depth: int) -> Iterator[str]:
        """Follow references to resources, through a module's variables and outputs."""
        if depth > 10:
            return
        for reference in references:
            parts = _INDEX.sub("", reference).split(".")
            if parts[0] == "var" and path:
                call = self._module(path[:-1]).get("module_calls", {}).get(_INDEX.sub("", path[-1]), {})
                expression = call.get("expressions", {}).get(parts[1], {})
                yield from self._resolved(path[:-1], expression.get("references", ()), depth=depth + 1)
            elif parts[0] == "module" and len(parts) >= 3:
                output = self._module((*path, parts[1])).get("outputs", {}).get(parts[2], {})
                inner = output.get("expression", {}).get("references", ())
                yield from self._resolved((*path, parts[1]), inner, depth=depth + 1)
            elif parts[0] not in _NO_RESOURCE and (found := _RESOURCE.match(reference)) is not None:
                yield "".join(f"module.{name}." for name in path) + found[0]


def _split(address: str) -> tuple[tuple[str, ...], str]:
    """Split `module.a.module.b["x"].aws_iam_role.r` into the modules' names and the rest."""
    modules: list[str] = []
    rest = address
    while (found := re.match(r"module\.([^.\[]+(?:\[[^\]]*\])?)\.", rest)) is not None:
        modules.append(found[1])
        rest = rest[found.end() :]
    return tuple(modules), rest
