"""Differences as sentences that a reviewer reads at a glance."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.iam.actions import action_info, service_actions
from orchestrator.iam_review.access import Change
from orchestrator.iam_review.globs import ANYTHING
from orchestrator.iam_review.model import Severity
from orchestrator.iam_review.universe import OTHER_SERVICES

_WORD = re.compile(r"[A-Z][a-z0-9]*|[a-z0-9]+")
_SHOWN_ACTIONS = 6
_SHOWN_RESOURCES = 3
_LEAST_FOR_WILDCARD = 3
#: Reads whose result is worth as much as a change: credentials and other people's secrets.
_SECRET_READS = frozenset({"secretsmanager:getsecretvalue", "ssm:getparameter", "ssm:getparameters", "kms:decrypt"})


def compact(actions: Sequence[str]) -> list[str]:
    """Return actions of one service with wildcards, each of which covers exactly actions of the list.

    Args:
        actions: with their service prefix.
    """
    if not actions:
        return []
    service = actions[0].partition(":")[0]
    mine = {action.partition(":")[2] for action in actions}
    every = {info.name.partition(":")[2] for info in service_actions(service).values()} | mine
    return [f"{service}:{entry}" for entry in _compact("", mine, every)]


def _compact(prefix: str, mine: set[str], every: set[str]) -> list[str]:
    here = {name for name in mine if name.startswith(prefix)}
    if here == {name for name in every if name.startswith(prefix)} and len(here) >= _LEAST_FOR_WILDCARD:
        return [f"{prefix}*"]
    found = [prefix] if prefix in here else []
    longer: dict[str, None] = {}
    for name in sorted(here - {prefix}):
        word = _WORD.match(name, len(prefix))
        longer[name[: word.end()] if word else name] = None
    if len(here) < _LEAST_FOR_WILDCARD or not longer:
        return sorted(here)
    for next_prefix in longer:
        found += [entry for entry in _compact(next_prefix, mine, every) if entry not in found]
    return found


def actions_in_words(change: Change) -> str:
    """Name a change's actions in as few words as say it."""
    if change.service == OTHER_SERVICES:
        but = f" but {', '.join(change.excepted)}" if change.excepted else ""
        return f"take every action of every service{but}"
    found = compact(change.actions)
    more = f" and {len(found) - _SHOWN_ACTIONS} more" if len(found) > _SHOWN_ACTIONS else ""
    return ", ".join(found[:_SHOWN_ACTIONS]) + more


def resources_in_words(resources: Sequence[str]) -> str:
    """Name resources."""
    shown = [pattern.replace(ANYTHING, "*") for pattern in resources[:_SHOWN_RESOURCES]]
    more = f" and {len(resources) - _SHOWN_RESOURCES} more" if len(resources) > _SHOWN_RESOURCES else ""
    return ", ".join(shown) + more


def sentence(who: str, change: Change, *, new: bool) -> str:
    """Tell one change, such as "new: role/app can now s3:DeleteObject on arn:aws:s3:::orders/*"."""
    verb = f"new: {who} can now" if new else f"lost: {who} can no longer"
    text = f"{verb} {actions_in_words(change)} on {resources_in_words(change.resources)}"
    if change.condition:
        text += f" when {change.condition}"
    if change.otherwise:
        text += f" ({'before' if new else 'still'} only when {change.otherwise})"
    return text


def severity_of(change: Change) -> Severity:
    """Return how bad new access is, by the access levels of AWS's Service Authorization Reference."""
    if change.service == OTHER_SERVICES:
        return Severity.CRITICAL
    levels = set()
    for action in change.actions:
        info = action_info(action)
        levels.add(info.access_level if info else "Write")
        if action.lower() in _SECRET_READS:
            levels.add("Write")
        if action == "iam:PassRole" and change.resources == ("*",):
            levels.add("Permissions management")
    if "Permissions management" in levels:
        return Severity.CRITICAL
    if "Write" in levels:
        return Severity.HIGH
    return Severity.MEDIUM if levels & {"Read", "Tagging"} else Severity.LOW
