"""What a principal can do before and after a change, found by asking the evaluator about each region of each action.

Nothing here compares texts: two policies that say the same differently have no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.iam import (
    Decision,
    StatementRef,
)
from orchestrator.iam.actions import service_actions
from orchestrator.iam_review.contexts import Context, contexts, key_names, resource_text, told
from orchestrator.iam_review.globs import contains, witness
from orchestrator.iam_review.statement import listed
from orchestrator.iam_review.subject import Subject
from orchestrator.iam_review.universe import OTHER_SERVICES, ActionClass, Regions, View, action_classes, services_of

_REGION = "us-east-1"


@dataclass(frozen=True)
class Change:
    """Something that a principal can do on one side only.

    Attributes:
        service: the actions' service prefix.
        actions: in AWS's capitalization, sorted.
        resources: patterns of the resources.
        condition: in which circumstances; empty for all.
        otherwise: in which circumstances the other side allows it, empty when it never does.
        statement: the statement that allows it.
        excepted: services that are not meant, where all services are.
    """

    service: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: str
    otherwise: str
    statement: StatementRef | None
    excepted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """What differs between two sides of one principal.

    Attributes:
        new: what only the second side allows.
        lost: what only the first side allows.
        decisions: how many requests were decided to find out.
    """

    new: tuple[Change, ...] = ()
    lost: tuple[Change, ...] = ()
    decisions: int = 0


@dataclass
class _Outcome:
    """Regions that came out alike for one class of actions."""

    regions: list[str] = field(default_factory=list)
    statement: StatementRef | None = None


def compare(before: Subject | None, after: Subject | None, *, only: Sequence[str] = ()) -> Comparison:
    """Find what one side allows and the other does not.

    Args:
        before: the principal before the change; None when it does not exist there.
        after: the principal after it; None when it is gone.
        only: look at these resources (patterns) alone; empty for all.
    """
    subjects = [subject for subject in (before, after) if subject is not None]
    views = [view for subject in subjects for view in subject.views()]
    of_resources = [entry for subject in subjects for entry in subject.resource_views()]
    everything = [*views, *(view for _, found in of_resources for view in found)]
    fixed = {key: values[0] for key, values in subjects[0].principal.derived_context}
    patterns = [resource_text(entry, fixed) for view in everything for entry in _resource_entries(view)]
    patterns += [pattern for record, _ in of_resources for pattern in (record.arn, f"{record.arn}/*")]
    regions = Regions(patterns, subjects[0].account, _REGION)
    new, lost = _Collected(), _Collected()
    for group in action_classes(everything):
        for region in regions.of(group):
            if only and not any(contains(pattern, region) for pattern in only):
                continue
            resource = witness(region)
            seen = [*views, *(v for record, found in of_resources if record.covers(resource) for v in found)]
            relevant = [view for view in seen if view.compiled.covers_action(group.representative.lower())]
            _ask(before, after, group, region, relevant, new, lost)
    in_view = {service for service in services_of(everything) if service_actions(service)}
    return Comparison(
        new.changes(regions, in_view), lost.changes(regions, in_view), sum(subject.decisions for subject in subjects)
    )


def ask_one(before: Subject | None, after: Subject | None, action: str, role_arn: str) -> Comparison:
    """Find whether one side alone lets somebody assume a role, and in which circumstances."""
    subjects = [subject for subject in (before, after) if subject is not None]
    views = [view for subject in subjects for view in subject.trust_views(role_arn)]
    group = ActionClass("sts", (action,), frozenset({"role"}))
    new, lost = _Collected(), _Collected()
    relevant = [view for view in views if view.compiled.covers_action(action.lower())]
    _ask(before, after, group, role_arn, relevant, new, lost)
    regions = Regions([role_arn], subjects[0].account, _REGION)
    decisions = sum(subject.decisions for subject in subjects)
    return Comparison(new.changes(regions, set()), lost.changes(regions, set()), decisions)


def _resource_entries(view: View) -> list[str]:
    return [*listed(view.raw.get("Resource")), *listed(view.raw.get("NotResource"))]


class _Collected:
    """Differences in one direction, put together so that a reader gets few sentences."""

    def __init__(self) -> None:
        self._found: dict[ActionClass, dict[tuple[str, str], _Outcome]] = {}

    def add(
        self, group: ActionClass, region: str, condition: str, otherwise: str, statement: StatementRef | None
    ) -> None:
        outcomes = self._found.setdefault(group, {})
        outcome = outcomes.setdefault((condition, otherwise), _Outcome(statement=statement))
        outcome.regions.append(region)

    def changes(self, regions: Regions, services_in_view: set[str]) -> tuple[Change, ...]:
        merged: dict[tuple[str, str, str, tuple[str, ...], StatementRef | None], list[str]] = {}
        for group, outcomes in self._found.items():
            for (condition, otherwise), outcome in outcomes.items():
                found = tuple(_widest(outcome.regions))
                if regions.everything(group) <= set(found):
                    found = ("*",)
                key = (group.service, condition, otherwise, found, outcome.statement)
                merged.setdefault(key, []).extend(group.actions)
        changes = [
            Change(service, tuple(sorted(actions)), found, condition, otherwise, statement)
            for (service, condition, otherwise, found, statement), actions in merged.items()
        ]
        return tuple(_without_repetition(changes, services_in_view))


def _without_repetition(changes: list[Change], services_in_view: set[str]) -> list[Change]:
    """Leave out whole services where all services are meant, and name those that are not."""
    kept: list[Change] = []
    for every in [change for change in changes if change.service == OTHER_SERVICES]:
        whole = {change.service for change in changes if _is_whole_service(change, every)}
        kept.append(replace(every, excepted=tuple(sorted(services_in_view - whole))))
        changes = [change for change in changes if change != every and change.service not in whole]
    return [*kept, *changes]


def _is_whole_service(change: Change, every: Change) -> bool:
    return (
        change.service != OTHER_SERVICES
        and (change.condition, change.otherwise, change.resources) == (every.condition, every.otherwise, ("*",))
        and len(change.actions) == len(service_actions(change.service))
    )


def _widest(regions: list[str]) -> Iterator[str]:
    """Leave out the regions that lie in others."""
    for region in dict.fromkeys(regions):
        if not any(other != region and contains(other, region) for other in regions):
            yield region


def _ask(
    before: Subject | None,
    after: Subject | None,
    group: ActionClass,
    region: str,
    views: list[View],
    new: _Collected,
    lost: _Collected,
) -> None:
    resource, action = witness(region), group.representative
    asked = contexts(views)
    first = [before.decide(action, resource, context) if before else None for context in asked]
    second = [after.decide(action, resource, context) if after else None for context in asked]
    names = key_names(views)
    for ours, theirs, collected in ((second, first, new), (first, second, lost)):
        gained = [
            index
            for index, (one, other) in enumerate(zip(ours, theirs, strict=True))
            if one is not None and one.allowed and not (other is not None and other.allowed)
        ]
        if not gained:
            continue
        chosen, decision = gained[0], ours[gained[0]]
        condition = told(asked[chosen], _relevant(asked, chosen, ours), names)
        elsewhere = next((i for i, other in enumerate(theirs) if other is not None and other.allowed), None)
        otherwise = "" if elsewhere is None else told(asked[elsewhere], _relevant(asked, elsewhere, theirs), names)
        # What both sides demand needs no telling twice.
        otherwise = " and ".join(part for part in otherwise.split(" and ") if part not in condition.split(" and "))
        collected.add(group, region, condition, otherwise, decision.statement if decision else None)


def _relevant(asked: list[Context], chosen: int, decisions: Sequence[Decision | None]) -> list[str]:
    """Return the keys without whose value the chosen context would be decided differently."""
    here = asked[chosen]
    keys = []
    for key in here:
        varied = [
            index
            for index, context in enumerate(asked)
            if context[key] != here[key] and all(context[other] == here[other] for other in here if other != key)
        ]
        if any(not ((decision := decisions[index]) is not None and decision.allowed) for index in varied):
            keys.append(key)
    return keys
