"""The shop's own contracts: every topic has an owner in its name, and enough replicas."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.access import Access
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import Registry
from contracts.wire import requests

#: The teams that may own a topic: the first part of its name.
TEAMS = ("orders", "payments", "catalogue")


def judge_names(topics: Mapping[str, int]) -> Outcome:
    """Judge topic names; the values are Kafka's error codes."""
    if not topics:
        raise ProbeError("the operator sees no topic at all")
    for name in topics:
        if name.startswith("ephk-probe-"):
            continue  # made by a probe that runs beside this one
        if name.split(".")[0] not in TEAMS:
            return Failed(f"topic {name} names no team; teams: {', '.join(TEAMS)}", {"topics": sorted(topics)})
    return Verified({"topics": sorted(topics)})


def owned_topics(access: Access, watch: Watch) -> Outcome:
    """List topics as the operator, who sees all of them."""
    watch.waiting("the operator's list of topics")
    seen = requests.metadata(access.any_connection(access.operator, watch), None).topics
    return judge_names({name: topic.error for name, topic in seen.items() if not name.startswith("__")})


def register(registry: Registry) -> None:
    """Declare the contracts; ephk calls this once."""
    registry.contract(
        "shop.topics.owned",
        title="Topics name their team",
        risk="A topic outlives its team, and nobody dares to delete it",
        statement="Every topic's name begins with the team that owns it",
        remediation="Rename the topic, or add the team to TEAMS",
        documentation="The shop's naming convention",
        needs=("operator", "listener.iam"),
    )(owned_topics)
