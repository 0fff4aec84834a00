"""A mirror keeps every record, and translates a group's offsets so that its consumers can move over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.access import Access
from contracts.connect_access import connectors, live, undisturbed
from contracts.mirror.rehearsal import Crossing, NotMirroredError, Rehearsal
from contracts.mirror.sides import Record
from contracts.model import Failed, Outcome, Verified, Watch
from contracts.registry import contract

_RECORDS = 40


def judge_records(crossing: Crossing) -> Failed | None:
    """Judge the mirrored records one by one: none lost, none altered, in order, in their partition; None is fine."""
    arrived: dict[str, list[Record]] = {}
    for record in crossing.arrived:
        arrived.setdefault(record.name, []).append(record)
    for record in crossing.sent:
        copies = arrived.get(record.name, [])
        if not copies:
            return Failed(f"record {record.name} did not arrive")
        for copy in copies:
            if (copy.content, copy.partition) != (record.content, record.partition):
                return Failed(f"record {record.name} arrived with another value, header, timestamp or partition")
    for partition in {record.partition for record in crossing.sent}:
        sent = [r.name for r in crossing.sent if r.partition == partition]
        firsts = [r.name for r in sorted(crossing.arrived, key=lambda r: r.offset) if r.partition == partition]
        if list(dict.fromkeys(firsts)) != sent:
            return Failed(f"the records of partition {partition} arrived in another order")
    return None


def judge_move(crossing: Crossing, read_there: Sequence[Record], evidence: dict[str, Any]) -> Outcome:
    """Judge what a consumer read that moved over: with what it read before, every record at least once.

    Args:
        crossing: what was sent, read at the source, and came through.
        read_there: what the group read at the target, from its translated offsets.
        evidence: what has been seen besides.
    """
    before, after = {record.name for record in crossing.read}, {record.name for record in read_there}
    sent = {record.name for record in crossing.sent}
    ahead = {p: offset - crossing.exact[p] for p, offset in crossing.translated.items() if offset > crossing.exact[p]}
    evidence = {
        **evidence,
        "records": len(sent),
        "mirrored_s": crossing.mirrored_s,
        "read_before": len(before),
        "translated": {str(partition): offset for partition, offset in sorted(crossing.translated.items())},
        "exact": {str(partition): offset for partition, offset in sorted(crossing.exact.items())},
        "read_after": len(after & sent),
        "read_again": len(before & after),
    }
    if wrong := judge_records(crossing):
        return Failed(wrong.reason, evidence)
    if ahead:
        partition, by = next(iter(ahead.items()))
        return Failed(f"the translated offset of partition {partition} is {by} records ahead: they are lost", evidence)
    if lost := sent - before - after:
        return Failed(f"{len(lost)} of {len(sent)} records were read on neither side", evidence)
    return Verified(evidence)


@contract(
    "connect.mirror.offsets",
    title="A mirror keeps records and offsets",
    risk="Consumers that move to the other cluster skip records, or begin from the first one again",
    statement="Numbered records arrive one by one as they were, and a group that moves over reads each at least once",
    remediation="Correct what the reason names: a grant at the source, the connectors' topics or groups, or the sync",
    documentation="KIP-382, MirrorMaker 2.0; KIP-545, Support automated consumer offset sync across clusters",
    needs=("connect.mirror", "operator", "listener.iam", "writes"),
    deadline_s=90.0,
)
def offsets(access: Access, watch: Watch) -> Outcome:
    """Send at the source, read half there, look at the target, and read on there from the translated offsets."""
    with undisturbed(access, watch):
        if problem := not_running(access, watch):
            return Failed(problem)
        rehearsal = Rehearsal(access, watch)
        evidence: dict[str, Any] = {"from": rehearsal.link.environment, "topic": rehearsal.mirrored}
        try:
            crossing = rehearsal.cross(_RECORDS)
        except NotMirroredError as error:
            return Failed(str(error), evidence)
        unread = {record.name for record in crossing.sent} - {record.name for record in crossing.read}
        read_there = rehearsal.target.consume(
            rehearsal.group,
            [rehearsal.mirrored],
            lambda found: unread <= {record.name for record in found},
        )
        return judge_move(crossing, read_there, evidence)


def not_running(access: Access, watch: Watch) -> str:
    """Return which linked connector does not run, and why; empty when all do."""
    for connector in connectors(access.environment):
        if connector.link is not None:
            answer = live(access, connector, watch)
            if answer["connectorState"] != "RUNNING":
                why = answer.get("stateDescription", {}).get("message", "no reason is given")
                return f"{connector.name} is {answer['connectorState']}: {why}"
    return ""
