"""Where a plan's values come from: the references of its configuration, followed to instances of resources.

What is unknown until apply stands in `after_unknown`; what it will come from stands in `configuration`, so an
attachment to a role that the same plan creates is still known to belong to it. Source: Terraform, "JSON Output Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: First words of references that name no resource and hide none behind them.
_NEITHER = frozenset({"count", "path", "self", "terraform"})
_RESOURCE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\[[^\]]*\])?")
_MODULE = re.compile(r"module\.([^.\[]+(?:\[[^\]]*\])?)\.")
_INDEX = re.compile(r"\[[^\]]*\]")
_DEEPEST = 10

#: Dotted attribute to the references of its expression; every attribute that is set has an entry. Blocks have one more
#: that ends with a dot: what is set inside them is listed one by one, unlike what one expression gives as a whole.
References = dict[str, list[str | None]]


def plain(address: str) -> str:
    """Return an address without the indices of `count` and `for_each`."""
    return _INDEX.sub("", address)


def instances(target: str, address: str, by_plain: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Turn a reference to a resource into the instances that may be meant.

    Args:
        target: what is referred to.
        address: the resource whose attribute refers to it.
        by_plain: the plan's addresses by their address without indices.

    Returns:
        The one of that very address or of the same index, else all instances.
    """
    all_of_it = tuple(one for one in by_plain.get(plain(target), ()) if _same_modules(target, one))
    if target in all_of_it:
        return (target,)
    index = _INDEX.findall(address)[-1:] if address.endswith("]") else []
    own = tuple(one for one in all_of_it if index and one == target + index[0])
    return own or all_of_it


def _same_modules(target: str, address: str) -> bool:
    """Tell whether an address is in the instances of modules that a target names; without index any is meant."""
    pairs = zip(split(target)[0], split(address)[0], strict=True)
    return all(wanted == there or "[" not in wanted for wanted, there in pairs)


class Configuration:
    """The configuration's expressions, in which references stand.

    Args:
        root: the root module.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def references(self, address: str) -> References | None:
        """Return, for each attribute that is set, the addresses of the resources that its value comes from.

        None in a list stands for something whose origin cannot be followed (a local value, a data source). The answer
        is None for a resource that the configuration does not have, such as one that is going away.
        """
        path, local = split(address)
        for resource in self._module(path).get("resources", ()):
            if resource.get("address") == plain(local):
                each = (resource.get("for_each_expression") or {}).get("references", ())
                found: References = {}
                self._flatten(found, "", resource.get("expressions") or {}, path, each)
                return found
        return None

    def module_sources(self, address: str) -> list[str]:
        """Return the `source` of each module on the way to a resource, from the root."""
        path, _ = split(address)
        return [
            str(self._module(path[:depth]).get("module_calls", {}).get(plain(name), {}).get("source", ""))
            for depth, name in enumerate(path)
        ]

    def _flatten(
        self, found: References, prefix: str, expressions: Mapping[str, Any], path: tuple[str, ...], each: Sequence[str]
    ) -> None:
        for name, expression in expressions.items():
            where = f"{prefix}{name}"
            targets = found.setdefault(where, [])
            blocks = expression if isinstance(expression, list) else [expression]
            for block in blocks:
                if not isinstance(block, Mapping):
                    continue
                if isinstance(expression, list) or not ({"references", "constant_value"} & block.keys() or not block):
                    found.setdefault(f"{where}.", [])
                    self._flatten(found, f"{where}.", block, path, each)
                else:
                    references = [str(one) for one in block.get("references", ())]
                    targets += self._resolved(path, references, each, depth=0)

    def _module(self, path: Sequence[str]) -> Mapping[str, Any]:
        module: Mapping[str, Any] = self._root
        for name in path:
            module = module.get("module_calls", {}).get(plain(name), {}).get("module", {})
        return module

    def _resolved(
        self, path: tuple[str, ...], references: Sequence[str], each: Sequence[str], *, depth: int
    ) -> Iterator[str | None]:
        """Follow references to resources, through `for_each`, a module's variables and outputs."""
        indexed = {".".join(plain(reference).split(".")[:2]) for reference in references if "[" in reference}
        for reference in references:
            parts = plain(reference).split(".")
            if depth > _DEEPEST:
                yield None
            elif parts[0] == "each":
                if len(parts) > 1 and parts[1] == "value":
                    yield from self._resolved(path, each, (), depth=depth + 1)
            elif parts[0] == "var":
                if path:  # a variable of the root module is known when the plan is made
                    call = self._module(path[:-1]).get("module_calls", {}).get(plain(path[-1]), {})
                    expression = call.get("expressions", {}).get(parts[1], {})
                    outer = (call.get("for_each_expression") or {}).get("references", ())
                    targets = expression.get("references", ()) if isinstance(expression, Mapping) else ()
                    yield from self._resolved(path[:-1], targets, outer, depth=depth + 1)
            elif parts[0] == "module":
                if len(parts) >= 3 and (named := _MODULE.match(reference)) is not None:
                    output = self._module((*path, parts[1])).get("outputs", {}).get(parts[2], {})
                    inner = (output.get("expression") or {}).get("references", ())
                    yield from self._resolved((*path, named[1]), inner, (), depth=depth + 1)
            elif parts[0] in ("local", "data"):
                yield None
            elif parts[0] not in _NEITHER and (found := _RESOURCE.match(reference)) is not None:
                if "[" not in found[0] and found[0] in indexed:
                    continue  # `aws_x.y[0].id` is told as `aws_x.y` as well, which would mean every instance
                yield "".join(f"module.{name}." for name in path) + found[0]


def split(address: str) -> tuple[tuple[str, ...], str]:
    """Split `module.a.module.b["x"].aws_iam_role.r` into the modules' names and the rest."""
    modules: list[str] = []
    rest = address
    while (found := _MODULE.match(rest)) is not None:
        modules.append(found[1])
        rest = rest[found.end() :]
    return tuple(modules), rest
