"""Who may do what, as declared: the matrix of principals, topics and actions that the ACL contracts walk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from orchestrator.environment import Environment, Grant, Principal

Action = Literal["produce", "consume"]
ACTIONS: tuple[Action, ...] = ("produce", "consume")


def covers(grant: Grant, topic: str) -> bool:
    """Tell whether a grant is about a topic."""
    return topic.startswith(grant.topic) if grant.pattern == "prefixed" else topic == grant.topic


def allowed(principal: Principal, topic: str, action: Action) -> bool:
    """Tell whether a principal was granted an action on a topic."""
    return any(action in grant.allow and covers(grant, topic) for grant in principal.grants)


def groups(principal: Principal, topic: str | None = None) -> tuple[str, ...]:
    """Return the consumer groups granted to a principal, for one topic or for all."""
    found = {grant.group: None for grant in principal.grants if grant.group and (topic is None or covers(grant, topic))}
    return tuple(found)


def foreign_groups(environment: Environment, principal: Principal) -> tuple[str, ...]:
    """Return groups that a principal must not use: everybody else's, and one that nobody was granted."""
    own = set(groups(principal))
    others = {group: None for other in environment.principals for group in groups(other) if group not in own}
    return (*others, f"ephk-probe-{environment.lease_id}")


def topics(environment: Environment) -> tuple[str, ...]:
    """Return every topic that is declared, or granted by its whole name."""
    declared = {topic.name: None for topic in environment.topics}
    granted = {
        grant.topic: None
        for principal in environment.principals
        for grant in principal.grants
        if grant.pattern == "literal"
    }
    return tuple(declared | granted)


def matrix(environment: Environment, action: Action, *, granted: bool) -> Iterator[tuple[Principal, str]]:
    """Yield the (principal, topic) pairs to which an action is granted, or those to which it is not."""
    for principal in environment.principals:
        for topic in topics(environment):
            if allowed(principal, topic, action) == granted:
                yield principal, topic
