"""A plan as contracts see it: resources as they would be, what would change, and what points at what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.terraform.document import Form, read_document
from orchestrator.terraform.reader import planned_resources, resources_below, state_resources
from orchestrator.terraform.resource import PlannedResource, UnknownValue, sensitive_texts

#: Shorter texts are words of every report, and hiding them would hide nothing.
_SHORTEST_SECRET = 5
#: The attributes by which other resources name one.
_NAMES = ("arn", "id", "bucket", "name", "key_id", "key_arn")


@dataclass(frozen=True)
class Change:
    """What would happen to one managed resource.

    Attributes:
        address: how the plan names it.
        type: its type.
        actions: `create`, `update`, `delete`, `forget`, `no-op`; a replacement has `delete` and `create`.
        reason: why Terraform replaces or deletes it, in its own words, such as `replace_because_cannot_update`.
        because: the attributes that make it replace.
        deposed: it is what an earlier, unfinished replacement left behind.
        before: the values until now.
    """

    address: str
    type: str
    actions: tuple[str, ...]
    reason: str = ""
    because: tuple[str, ...] = ()
    deposed: bool = False
    before: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Link:
    """What an attribute points at.

    Attributes:
        found: resources of the plan that it points at, or, when it is not `exact`, may point at.
        outside: known values that are of no resource of the plan.
        unresolved: a part of it may point anywhere.
        count: how many it names; None when that is known only after apply.
    """

    found: tuple[PlannedResource, ...] = ()
    outside: tuple[str, ...] = ()
    unresolved: bool = False
    count: int | None = 0

    @property
    def exact(self) -> bool:
        """Whether `found` is all of it and nothing else."""
        return not self.unresolved and not self.outside and len(self.found) == self.count


@dataclass(frozen=True, eq=False)
class Plan:
    """A plan, or a state in the form of one.

    Attributes:
        form: which of the two.
        file: the file's path as it was given.
        resources: managed resources as they would be.
        changes: what would happen; empty for a state.
        deferred: addresses that Terraform puts off to a later plan.
        secrets: texts that are marked as sensitive.
        region: of the default AWS provider; empty when it is not known.
        document: the whole document, for the rest of the readers.
    """

    form: Form
    file: str
    resources: tuple[PlannedResource, ...]
    changes: tuple[Change, ...] = ()
    deferred: tuple[str, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    region: str = ""
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def of(self, *types: str) -> tuple[PlannedResource, ...]:
        """Return the resources of these types."""
        return tuple(resource for resource in self.resources if resource.type in types)

    def link(self, resource: PlannedResource, path: str, *types: str) -> Link:
        """Return what an attribute, one name or a list of names, points at among the resources of some types."""
        value = resource.get(path)
        if value is None:
            return Link()
        elements = value if isinstance(value, list) else [value]
        candidates = self.of(*types)
        found: dict[str, PlannedResource] = {}
        outside: list[str] = []
        unresolved = False
        for element in elements:
            if isinstance(element, str):
                named = [one for one in candidates if _is_named(one, element)]
                found |= {one.address: one for one in named}
                if not named:
                    outside.append(element)
            else:
                origins = resource.sources.get(path, ())
                named = [one for one in candidates if one.address in origins]
                found |= {one.address: one for one in named}
                unresolved = unresolved or not named or len(named) < len(set(origins))
        count = None if isinstance(value, UnknownValue) and len(found) != 1 else len(elements)
        return Link(tuple(found.values()), tuple(outside), unresolved, count)

    def pointing(
        self, types: Sequence[str], path: str, target: PlannedResource
    ) -> tuple[list[PlannedResource], list[PlannedResource]]:
        """Return the resources whose attribute points at `target`, and those of which it may be so."""
        certain: list[PlannedResource] = []
        possible: list[PlannedResource] = []
        for resource in self.of(*types):
            link = self.link(resource, path, target.type)
            if any(one.address == target.address for one in link.found):
                (certain if link.exact else possible).append(resource)
            elif link.unresolved or (link.outside and _unnamed(target)):
                possible.append(resource)
        return certain, possible


def _is_named(resource: PlannedResource, name: str) -> bool:
    return any(resource.get(attribute) == name for attribute in _NAMES)


def _unnamed(resource: PlannedResource) -> bool:
    """Tell whether a resource that exists already has no known name: then any name may be its own."""
    return not any(isinstance(resource.get(attribute), str) for attribute in _NAMES)


def read_plan(path: Path) -> Plan:
    """Read the output of `terraform show -json`.

    Raises:
        UsageError: the file is something else.
    """
    form, document = read_document(path)
    try:
        return _read(path, form, document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path} is no plan as Terraform writes it ({type(error).__name__})",
            next_step="Make it with: terraform show -json PLAN > plan.json",
        ) from None


def _read(path: Path, form: Form, document: Mapping[str, Any]) -> Plan:
    if form == "state":
        rows = list(resources_below((document.get("values") or {}).get("root_module") or {}))
        secrets = {text for row in rows for text in sensitive_texts(row.get("values"), row.get("sensitive_values"))}
        return Plan(form, str(path), tuple(state_resources(document)), secrets=_long(secrets), document=document)
    changes = document.get("resource_changes") or []
    secrets = {
        text
        for change in changes
        for side in ("before", "after")
        for text in sensitive_texts(change["change"].get(side), change["change"].get(f"{side}_sensitive"))
    }
    secrets |= {
        text
        for variable in _sensitive_variables(document)
        for text in sensitive_texts((document.get("variables") or {}).get(variable), True)
    }
    return Plan(
        form,
        str(path),
        tuple(planned_resources(document, "after")),
        tuple(_change(change) for change in changes if change.get("mode", "managed") == "managed"),
        tuple(_deferred(document)),
        _long(secrets),
        _region(document),
        document,
    )


def _change(change: Mapping[str, Any]) -> Change:
    inner = change["change"]
    paths = inner.get("replace_paths") or ()
    return Change(
        change["address"],
        change["type"],
        tuple(str(action) for action in inner["actions"]),
        str(change.get("action_reason") or ""),
        tuple(str(path[0]) for path in paths if isinstance(path, list) and path),
        "deposed" in change,
        inner.get("before") or {},
    )


def _deferred(document: Mapping[str, Any]) -> list[str]:
    deferred = document.get("deferred_changes")
    return [
        str((one.get("resource_change") or {}).get("address") or "a resource")
        for one in (deferred if isinstance(deferred, list) else ())
        if isinstance(one, Mapping)
    ]


def _sensitive_variables(document: Mapping[str, Any]) -> list[str]:
    root = (document.get("configuration") or {}).get("root_module") or {}
    return [name for name, one in (root.get("variables") or {}).items() if one.get("sensitive")]


def _long(secrets: set[str]) -> frozenset[str]:
    return frozenset(text for text in secrets if len(text) >= _SHORTEST_SECRET)


def _region(document: Mapping[str, Any]) -> str:
    providers = (document.get("configuration") or {}).get("provider_config") or {}
    region = ((providers.get("aws") or {}).get("expressions") or {}).get("region") or {}
    if isinstance(region.get("constant_value"), str):
        return str(region["constant_value"])
    for reference in region.get("references") or ():
        variable = (document.get("variables") or {}).get(str(reference).removeprefix("var.")) or {}
        if isinstance(variable.get("value"), str):
            return str(variable["value"])
    return ""
