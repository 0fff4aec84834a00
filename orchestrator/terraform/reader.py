"""`terraform show -json` of a plan or of a state, as resources. Source: Terraform, "JSON Output Format"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from orchestrator.terraform.references import Configuration, References, instances, plain
from orchestrator.terraform.resource import PlannedResource, UnknownValue, merged

Side = Literal["before", "after"]


def planned_resources(plan: Mapping[str, Any], side: Side) -> list[PlannedResource]:
    """Return the managed resources of one side of a plan.

    Args:
        plan: the JSON document.
        side: as they are (`before`) or as they would be (`after`).
    """
    configuration = configuration_of(plan)
    changes = [change for change in plan.get("resource_changes") or () if change.get("mode", "managed") == "managed"]
    # A deposed object is what an unfinished replacement left: it is no resource of its own.
    changes = [change for change in changes if "deposed" not in change]
    by_plain = _by_plain(change["address"] for change in changes)
    found = []
    for change in changes:
        values = change["change"].get(side)
        if not isinstance(values, Mapping):
            continue
        unknown = change["change"].get("after_unknown") if side == "after" else None
        configured = configuration.references(change["address"])
        read = merged(values, unknown, change["change"].get(f"{side}_sensitive"))
        if configured is not None:
            read = _without_unset(read, "", configured)
        found.append(_resource(change["address"], change["type"], read, configured or {}, by_plain))
    return found


def state_resources(state: Mapping[str, Any]) -> list[PlannedResource]:
    """Return the managed resources of a state: everything is known, and nothing refers to anything but by value."""
    found = []
    for one in resources_below((state.get("values") or {}).get("root_module") or {}):
        if one.get("mode", "managed") == "managed":
            values = merged(one.get("values") or {}, None, one.get("sensitive_values"))
            found.append(PlannedResource(one["address"], one["type"], values, {}))
    return found


def resources_below(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the resources of a module's values and of all modules in it."""
    waiting = [module]
    while waiting:
        one = waiting.pop()
        yield from one.get("resources") or ()
        waiting += one.get("child_modules") or ()


def configuration_of(plan: Mapping[str, Any]) -> Configuration:
    """Return the configuration of a plan; of a state an empty one."""
    return Configuration((plan.get("configuration") or {}).get("root_module") or {})


def _by_plain(addresses: Iterator[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for address in addresses:
        found.setdefault(plain(address), []).append(address)
    return found


def _resource(
    address: str, kind: str, values: Any, configured: References, by_plain: Mapping[str, Sequence[str]]
) -> PlannedResource:
    certain: dict[str, tuple[str, ...]] = {}
    possible: dict[str, tuple[str | None, ...]] = {}
    for attribute, targets in configured.items():
        found = [(target, instances(target, address, by_plain) if target else ()) for target in targets]
        certain[attribute] = tuple(dict.fromkeys(one[0] for _, one in found if len(one) == 1))
        origins = [origin for _, one in found for origin in (one or (None,))]
        possible[attribute] = tuple(dict.fromkeys(origins))
    return PlannedResource(address, kind, values, certain, possible)


def _without_unset(values: Any, prefix: str, configured: References) -> Any:
    """Drop what nobody sets and the provider fills in after apply: that is no value that somebody chose.

    Blocks that are made by `dynamic` are in no expression; their contents are known to be there and stay.
    """
    if not isinstance(values, Mapping):
        return values
    kept: dict[str, Any] = {}
    for name, value in values.items():
        where = f"{prefix}{name}"
        if isinstance(value, UnknownValue) and where not in configured:
            continue
        if isinstance(value, list) and len(value) == 1 and f"{where}." in configured:
            value = [_without_unset(value[0], f"{where}.", configured)]
        kept[name] = value
    return kept
