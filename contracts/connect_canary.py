"""The canary: numbered records go all the way, and a restart loses none of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.access import Access
from contracts.canary_records import Batch, await_arrival, numbers, send
from contracts.connect_access import SINK_CLASS, SOURCE_CLASS, live, of_class, undisturbed
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from orchestrator.connect_causes import state_problem
from orchestrator.environment import Connector

_RECORDS = 20
_OWN_TOPIC = "ephk-canary"
_NUMBERS = 3
_POLL_S = 0.1
_BUSY = frozenset({"RESTARTING", "UPDATING", "PAUSING", "RESUMING"})


def judge_delivery(
    sent: Sequence[str], seen: Mapping[str, int], evidence: Mapping[str, Any], cause: str = ""
) -> Outcome:
    """Judge what arrived of numbered records: each at least once; `cause` says why the sink stopped, if it did."""
    missing = [value for value in sent if value not in seen]
    more = {
        **evidence,
        "sent": len(sent),
        "arrived": len(sent) - len(missing),
        "delivered_again": sum(count - 1 for count in seen.values()),
    }
    if missing:
        why = f": {cause}" if cause else ""
        return Failed(f"{len(missing)} of {len(sent)} records did not arrive in the bucket{why}", more)
    return Verified(more)


def _the_sink(access: Access) -> tuple[Connector, str]:
    """Return a canary sink with a topic of the canary's own; an application's topic is left alone.

    Raises:
        ProbeError: every canary sink reads topics of others.
    """
    sinks = of_class(access.environment, SINK_CLASS)
    for sink in sinks:
        for topic in sink.config.get("topics", "").split(","):
            if topic.strip().startswith(_OWN_TOPIC):
                return sink, topic.strip()
    names = ", ".join(sink.name for sink in sinks)
    raise ProbeError(f"{names}: none reads a topic that begins with {_OWN_TOPIC}; nothing is written into others")


def _the_source(access: Access) -> Connector:
    return of_class(access.environment, SOURCE_CLASS)[0]


def _not_running(access: Access, connector: Connector, watch: Watch) -> str:
    """Return why a connector cannot deliver, empty when it runs."""
    problem = state_problem(live(access, connector, watch))
    return f"{connector.name} {problem}" if problem else ""


@contract(
    "connect.canary.delivers",
    title="Records arrive in the bucket",
    risk="Everything is configured and nothing arrives: broker, worker, role, key or bucket is in the way",
    statement="Numbered records that are produced to the canary's topic arrive in the bucket, each at least once",
    remediation="connect.connector.running names the failing part; look at the sink's log",
    documentation="Apache Kafka documentation, Kafka Connect: sink tasks (put, then commit)",
    needs=("connect.canary.sink", "bucket", "operator", "listener.iam"),
)
def delivers(access: Access, watch: Watch) -> Outcome:
    """Produce as the operator, read the bucket as the administrator; the sink in between has its own role only."""
    with undisturbed(access, watch):
        return _delivers(access, watch)


def _delivers(access: Access, watch: Watch) -> Outcome:
    sink, topic = _the_sink(access)
    problem = _not_running(access, sink, watch)
    if problem:
        return Failed(problem)
    begun = time.monotonic()
    batch = send(access, topic, _RECORDS, watch)
    seen = await_arrival(access, sink, batch, watch, lambda: _not_running(access, sink, watch))
    evidence = {"topic": topic, "partitions": len(batch.first), "seconds": round(time.monotonic() - begun, 2)}
    cause = "" if len(seen) == len(batch.values) else _not_running(access, sink, watch)
    return judge_delivery(batch.values, seen, evidence, cause)


def judge_numbers(found: Sequence[int], *, at_least: int) -> Verified | Failed:
    """Judge the numbers of a source: from 0 on, none missing."""
    different = sorted(set(found))
    evidence = {
        "numbers": len(different),
        "last": different[-1] if different else None,
        "written_again": len(found) - len(different),
    }
    if len(different) < at_least:
        return Failed(f"the source wrote {len(different)} numbers, expected are {at_least} at least", evidence)
    gaps = sorted(set(range(different[-1] + 1)) - set(different)) if different[0] == 0 else []
    gaps = gaps or sorted(set(range(different[0], different[-1] + 1)) - set(different))  # older ones may have expired
    if gaps:
        return Failed(f"the source's numbers have gaps: {', '.join(map(str, gaps[:5]))}", evidence)
    return Verified(evidence)


@contract(
    "connect.canary.source",
    title="A source's records arrive in its topic",
    risk="A source shows as running and writes nothing, or loses records between two polls",
    statement="The canary source writes its numbers to its topic, and none is missing between the first and the last",
    remediation="Look at the source's log: the role's grant on the topic is the usual reason",
    documentation="Apache Kafka documentation, Kafka Connect: source tasks",
    needs=("connect.canary.source", "operator", "listener.iam"),
)
def source(access: Access, watch: Watch) -> Outcome:
    """Read the topic as the operator."""
    with undisturbed(access, watch):
        return _source(access, watch)


def _source(access: Access, watch: Watch) -> Outcome:
    connector = _the_source(access)
    problem = _not_running(access, connector, watch)
    if problem:
        return Failed(problem)
    found = numbers(access, connector.config["canary.topic"], _NUMBERS, watch)
    return judge_numbers(found, at_least=_NUMBERS)


@contract(
    "connect.restart.resumes",
    title="A restarted sink goes on where it was",
    risk="A restart, which happens with every deployment and every lost worker, loses records",
    statement="Of numbered records sent before and during a restart of the sink, none is missing in the bucket",
    remediation="Commit offsets only after the data are stored (flush before preCommit returns)",
    documentation="Apache Kafka documentation, Kafka Connect: offsets; MSK Connect API, RestartConnector",
    needs=("connect.canary.sink", "bucket", "operator", "listener.iam"),
)
def restart_resumes(access: Access, watch: Watch) -> Outcome:
    """Send, restart, send while it restarts, and look for all of it."""
    with undisturbed(access, watch):
        return _restart_resumes(access, watch)


def _restart_resumes(access: Access, watch: Watch) -> Outcome:
    sink, topic = _the_sink(access)
    problem = _not_running(access, sink, watch)
    if problem:
        return Failed(problem)
    before = send(access, topic, _RECORDS, watch)
    restart_begun = time.monotonic()
    access.client("kafkaconnect").restart_connector(connectorArn=sink.arn)
    during = send(access, topic, _RECORDS, watch)
    _await_running(access, sink, watch)
    restarted_s = round(time.monotonic() - restart_begun, 2)
    seen: dict[str, int] = {}
    batches: tuple[Batch, ...] = (before, during)
    for batch in batches:
        seen |= await_arrival(access, sink, batch, watch)
    return judge_delivery((*before.values, *during.values), seen, {"restarted_s": restarted_s})


def _await_running(access: Access, connector: Connector, watch: Watch) -> None:
    watch.waiting(f"{connector.name} to run again")
    while (state := live(access, connector, watch)["connectorState"]) != "RUNNING":
        if state not in _BUSY or watch.remaining() < 2.0:
            raise ProbeError(f"{connector.name} is {state} after a restart: {_not_running(access, connector, watch)}")
        time.sleep(_POLL_S)


def judge_continuation(before: Sequence[int], after: Sequence[int]) -> Outcome:
    """Judge a source's numbers across a restart: they go on, without a gap and not from the beginning.

    Args:
        before: what was in the topic before.
        after: what is in the topic afterwards, including `before`.
    """
    outcome: Verified | Failed = judge_numbers(after, at_least=len(set(before)) + 1)
    again = len(after) - len(set(after)) - (len(before) - len(set(before)))
    evidence = {**outcome.evidence, "before": max(before, default=None), "written_again": again}
    if isinstance(outcome, Failed):
        return Failed(outcome.reason, evidence)
    if again > 0 and after.count(min(after)) > list(before).count(min(after)):
        return Failed("the source began from its first number again: its offsets are lost", evidence)
    return Verified(evidence)


@contract(
    "connect.offsets.survive",
    title="A source's offsets survive a restart",
    risk="A source that begins again after each restart floods its topic with what was there already",
    statement="After a restart the canary source goes on with the number after the last committed one, and skips none",
    remediation="Keep the offsets topic (compacted), and the same worker configuration for the same connector",
    documentation="Amazon MSK Developer Guide, Manage source connector offsets using offset.storage.topic",
    needs=("connect.canary.source", "operator", "listener.iam"),
)
def offsets_survive(access: Access, watch: Watch) -> Outcome:
    """Read the numbers, restart the source, and read on."""
    with undisturbed(access, watch):
        return _offsets_survive(access, watch)


def _offsets_survive(access: Access, watch: Watch) -> Outcome:
    connector = _the_source(access)
    problem = _not_running(access, connector, watch)
    if problem:
        return Failed(problem)
    topic = connector.config["canary.topic"]
    before = numbers(access, topic, _NUMBERS, watch)
    access.client("kafkaconnect").restart_connector(connectorArn=connector.arn)
    _await_running(access, connector, watch)
    after = numbers(access, topic, _NUMBERS, watch, since=range(max(before, default=-1) + 1))
    return judge_continuation(before, after)
