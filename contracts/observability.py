"""Observability: brokers' logs arrive where people look for them, stay for a while, and give nothing away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from orchestrator.tags import rfc3339

#: MSK names a broker's stream so; an environment on EC2 may put more around it.
_BROKER = re.compile(r"broker-(\d+)\b", re.IGNORECASE)
#: Events that are looked through for secrets; a broker writes some thousands at its start, and one for each refusal.
_MOST_EVENTS = 200_000
_SHORTEST_SECRET = 6


def _group(access: Access) -> str:
    name = access.environment.log_group
    if name is None:
        raise ProbeError("the environment names no log group")
    return name


def _pages(access: Access, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    for page in access.client("logs").get_paginator(operation).paginate(**arguments):
        yield from page[key]


def newest_events(streams: Iterable[Mapping[str, Any]]) -> dict[int, datetime]:
    """Return the time of each broker's newest event, by the broker's number in its stream's name."""
    found: dict[int, datetime] = {}
    for stream in streams:
        broker, stamp = _BROKER.search(stream["logStreamName"]), stream.get("lastEventTimestamp")
        if broker and stamp:
            number, moment = int(broker.group(1)), datetime.fromtimestamp(stamp / 1000, UTC)
            found[number] = max(moment, found.get(number, moment))
    return found


def judge_arrival(newest: Mapping[int, datetime], brokers: int, since: datetime) -> Outcome:
    """Judge whether each broker has written since the environment was made."""
    evidence = {f"broker {number}": rfc3339(moment) for number, moment in sorted(newest.items())}
    for number in range(1, brokers + 1):
        if number not in newest:
            return Failed(f"no log event of broker {number} has arrived", evidence)
        if newest[number] < since:
            return Failed(f"broker {number}'s newest log event is of {evidence[f'broker {number}']}", evidence)
    return Verified(evidence)


def judge_delivery(logging: Mapping[str, Any], group: str) -> Failed | None:
    """Judge the cluster's logging information; None when broker logs go to the log group.

    Events that arrived before delivery was switched off are young, too, so they alone do not tell.
    """
    where = (logging.get("BrokerLogs") or {}).get("CloudWatchLogs") or {}
    if not where.get("Enabled"):
        return Failed("the cluster delivers no broker logs to CloudWatch Logs", {"delivery": dict(where)})
    if where.get("LogGroup") != group:
        return Failed(f"the cluster delivers broker logs to {where.get('LogGroup')}", {"delivery": dict(where)})
    return None


@contract(
    "logs.brokers.arrive",
    title="Every broker's log arrives",
    risk="When a broker fails, nobody can read why: its log stayed on a disk that is gone",
    statement="Logs are delivered to the log group, which has an event of every broker since the environment was made",
    remediation="Enable broker logs to CloudWatch Logs in the cluster's logging information",
    documentation="Amazon MSK Developer Guide, MSK logging",
    needs=("log-group",),
    vantage="control plane",
)
def arrival(access: Access, watch: Watch) -> Outcome:
    """Look at the cluster's logging information and at the newest event of each broker's stream."""
    if access.environment.flavour == "msk":
        watch.waiting("the cluster's logging information")
        described = access.client("kafka").describe_cluster(ClusterArn=access.environment.cluster.arn)["ClusterInfo"]
        if problem := judge_delivery(described.get("LoggingInfo") or {}, _group(access)):
            return problem
    watch.waiting("the log group's streams")
    try:
        streams = list(_pages(access, "describe_log_streams", "logStreams", logGroupName=_group(access)))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return Failed(f"the log group {_group(access)} does not exist")
    environment = access.environment
    return judge_arrival(newest_events(streams), environment.cluster.brokers, environment.created_at)


@contract(
    "logs.retention",
    title="Logs go away by themselves",
    risk="Logs of short-lived environments are kept and paid for without an end",
    statement="The log group has a retention period",
    remediation="Set a retention period on the log group",
    documentation="Amazon CloudWatch Logs User Guide, Change log data retention in CloudWatch Logs",
    needs=("log-group",),
    vantage="control plane",
)
def retention(access: Access, watch: Watch) -> Outcome:
    """Read the log group's retention."""
    watch.waiting("the log group")
    name = _group(access)
    for group in _pages(access, "describe_log_groups", "logGroups", logGroupNamePrefix=name):
        if group["logGroupName"] == name:
            days = group.get("retentionInDays")
            evidence = {"log_group": name, "days": days or "for ever"}
            return Verified(evidence) if days else Failed(f"the log group {name} keeps events for ever", evidence)
    return Failed(f"the log group {name} does not exist")


def judge_secrets(messages: Sequence[str], secrets: Iterable[str], complete: bool) -> Outcome:
    """Judge whether a secret stands in a log; the evidence never holds one.

    Args:
        messages: the events that were read.
        secrets: every secret that was used in this run.
        complete: whether these were all events.
    """
    wanted = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
    evidence = {"events": len(messages), "secrets": len(wanted), "all events": complete}
    for index, message in enumerate(messages):
        if any(secret in message for secret in wanted):
            return Failed(f"event {index + 1} of {len(messages)} holds a secret of the environment", evidence)
    if not messages or not wanted:
        raise ProbeError("there is no event, or no secret, to look for", evidence)
    if not complete:
        raise ProbeError(f"there are more than {_MOST_EVENTS} events, so not all of them were read", evidence)
    return Verified(evidence)


@contract(
    "logs.no-secrets",
    title="No secret stands in a log",
    risk="Whoever may read logs can log in as an application",
    statement="No event of the log group holds a password or a token of the environment's principals",
    remediation="Lower the log level of the security packages, and rotate the secret",
    documentation="OWASP Logging Cheat Sheet, Data to exclude",
    needs=("log-group", "principal.scram"),
    vantage="control plane",
)
def no_secrets(access: Access, watch: Watch) -> Outcome:
    """Search every event for every principal's secret."""
    for principal in access.environment.principals:
        if principal.auth == "scram":
            access.credentials.scram(principal, watch)
    watch.waiting("the log group's events")
    messages: list[str] = []
    complete = True
    for event in _pages(access, "filter_log_events", "events", logGroupName=_group(access)):
        if len(messages) == _MOST_EVENTS:
            complete = False
            break
        messages.append(event["message"])
    return judge_secrets(messages, access.credentials.known_secrets(), complete)
