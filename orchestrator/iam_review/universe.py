"""What to ask: actions that all policies in view treat alike, and the regions into which their patterns cut resources.

AWS has some 20,000 actions and no end of resources. Two actions that the same statements cover and that work on the
same kinds of resource are decided alike, so one of them stands for all; of the resources, one witness for each
pattern in view and for each overlap of two is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from orchestrator.iam import services
from orchestrator.iam.actions import resource_patterns, service_actions, services_by_arn
from orchestrator.iam.statements import CompiledStatement
from orchestrator.iam_review.globs import contains, overlap, witness
from orchestrator.iam_review.statement import Statement, listed

#: Stands for all services that no policy in view names.
OTHER_SERVICES = "every-other-service"
_ACTION = re.compile(r"[a-zA-Z0-9-]+:[a-zA-Z0-9]+")
_OTHER_ACTION = f"{OTHER_SERVICES}:Action"
#: Overlaps of two patterns are tried for so many patterns of one kind of resource at most (they grow as its square).
_MAX_PAIRED = 80


@dataclass(frozen=True)
class View:
    """One statement, compiled and as it was written."""

    compiled: CompiledStatement
    raw: Statement


@dataclass(frozen=True)
class ActionClass:
    """Actions that are decided alike.

    Attributes:
        service: their service prefix, or `OTHER_SERVICES`.
        actions: in AWS's capitalization, sorted.
        resource_types: what they work on; empty for actions whose resource is ``*``.
        known: whether AWS's reference has them; what is not known is tried on every resource in view.
    """

    service: str
    actions: tuple[str, ...]
    resource_types: frozenset[str]
    known: bool = True

    @property
    def representative(self) -> str:
        """The action that is asked about."""
        return self.actions[0]


class _Treatment(NamedTuple):
    """All that decides about an action, but for the resource and the circumstances."""

    covered: tuple[bool, ...]
    resource_types: frozenset[str]
    known: bool
    by_trust_policy: bool
    by_key_policy: bool


def action_classes(views: Sequence[View]) -> Iterator[ActionClass]:
    """Yield the classes of all actions that an Allow statement in view covers."""
    for service in sorted(services_of(views)):
        groups: dict[_Treatment, list[str]] = {}
        known = service_actions(service)
        named = _named_actions(views, service)
        for key in {**dict.fromkeys(known), **named}:
            covered = tuple(view.compiled.covers_action(key) for view in views)
            if not any(hit and view.compiled.is_allow for hit, view in zip(covered, views, strict=True)):
                continue
            info = known.get(key)
            types = info.resource_types if info else frozenset[str]()
            group = _Treatment(covered, types, info is not None, services.is_assume_role(key), _needs_key_policy(key))
            groups.setdefault(group, []).append(info.name if info else named[key])
        for group, names in groups.items():
            yield ActionClass(service, tuple(sorted(names)), group.resource_types, group.known)
    if any(view.compiled.is_allow and view.compiled.covers_action(_OTHER_ACTION) for view in views):
        yield ActionClass(OTHER_SERVICES, (_OTHER_ACTION,), frozenset(), known=False)


def services_of(views: Sequence[View]) -> set[str]:
    """Return the services that the statements name, by action or by the ARN of a resource."""
    found: set[str] = set()
    for view in views:
        for entry in (*listed(view.raw.get("Action")), *listed(view.raw.get("NotAction"))):
            if ":" in entry:
                found.add(entry.partition(":")[0].lower())
        for entry in (*listed(view.raw.get("Resource")), *listed(view.raw.get("NotResource"))):
            parts = entry.split(":", 5)
            if len(parts) == 6:
                found |= services_by_arn().get(parts[2], frozenset())
    return found


def _named_actions(views: Sequence[View], service: str) -> dict[str, str]:
    """Return the actions that policies name without wildcard: AWS may have some that the reference lacks."""
    return {
        entry.lower(): entry
        for view in views
        for entry in listed(view.raw.get("Action"))
        if entry.lower().startswith(f"{service}:") and _ACTION.fullmatch(entry)
    }


def _needs_key_policy(action_key: str) -> bool:
    return services.needs_resource_allow(action_key, "arn:aws:kms:region:account:key/id")


class Regions:
    """The regions of resources that the patterns of some statements distinguish.

    Args:
        patterns: every Resource and NotResource entry in view, and the ARNs of resources with policies in view.
        account: what an open account part means.
        region: what an open region part means.
    """

    def __init__(self, patterns: Sequence[str], account: str, region: str) -> None:
        self._patterns = tuple(dict.fromkeys(patterns))
        self._account, self._region = account, region
        self._known: dict[tuple[str, frozenset[str], bool], tuple[str, ...]] = {}

    def of(self, group: ActionClass) -> tuple[str, ...]:
        """Return a pattern for each region that matters to a class of actions, wider ones first."""
        key = (group.service, group.resource_types, group.known)
        if key not in self._known:
            self._known[key] = tuple(self._find(group))
        return self._known[key]

    def everything(self, group: ActionClass) -> frozenset[str]:
        """Return the regions that together are every resource that a class of actions can work on."""
        if not group.known:
            return frozenset({self._anything(group)})
        formats = resource_patterns(group.service)
        types = [name for name in group.resource_types if name in formats]
        return frozenset(self._filled(formats[name]) for name in types) or frozenset({"*"})

    def _anything(self, group: ActionClass) -> str:
        return f"arn:aws:{group.service}:{self._region}:{self._account}:*"

    def _find(self, group: ActionClass) -> Iterator[str]:
        if not group.resource_types:
            yield "*"
        if not group.known:
            yield from dict.fromkeys((self._anything(group), *self._unknown(group)))
        formats = resource_patterns(group.service)
        for name in sorted(group.resource_types):
            if name in formats:
                yield from self._of_type(formats, name)

    def _unknown(self, group: ActionClass) -> Iterator[str]:
        if group.service != OTHER_SERVICES:
            yield from (self._filled(pattern) for pattern in self._patterns if pattern != "*")

    def _of_type(self, formats: Mapping[str, str], name: str) -> list[str]:
        found = {self._filled(formats[name]): None}
        for pattern in self._patterns:
            common = overlap(pattern, formats[name])
            if common is not None:
                found[self._filled(common)] = None
        if len(found) <= _MAX_PAIRED:
            for first, second in combinations(list(found), 2):
                common = overlap(first, second)
                if common is not None:
                    found[common] = None
        return [pattern for pattern in found if _type_of(witness(pattern), formats) == name]

    def _filled(self, pattern: str) -> str:
        """Put partition, region and account where a pattern leaves them open."""
        parts = pattern.split(":", 5)
        if len(parts) < 6:
            return pattern
        for index, value in ((1, "aws"), (3, self._region), (4, self._account)):
            if parts[index] == "*":
                parts[index] = value
        return ":".join(parts)


def _type_of(resource: str, formats: Mapping[str, str]) -> str:
    """Return the resource type of an ARN: the format with most fixed text, as `bucket/key` is an object."""
    fitting = [(len(form.replace("*", "")), name) for name, form in formats.items() if contains(form, resource)]
    return max(fitting)[1] if fitting else ""
