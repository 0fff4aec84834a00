"""Cut-over and the way back, rehearsed with the canary's own producers and consumers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.access import Access
from contracts.connect_access import undisturbed
from contracts.mirror.offsets import not_running
from contracts.mirror.rehearsal import NotMirroredError, Rehearsal
from contracts.mirror.sides import Record, new_run
from contracts.model import Failed, Outcome, Verified, Watch
from contracts.registry import contract

_RECORDS = 20


def judge_rehearsal(
    sent: Mapping[str, Sequence[Record]], read: Mapping[str, Sequence[Record]], evidence: Mapping[str, Any]
) -> Outcome:
    """Judge a rehearsal: whatever was sent in any of its phases was read in one of them.

    Args:
        sent: what was produced, by phase, in order.
        read: what the group read, by phase, in order.
        evidence: what has been seen besides.
    """
    known: set[str] = set()
    phases: dict[str, Any] = {}
    for phase, records in read.items():
        names = {record.name for record in records} & {r.name for group in sent.values() for r in group}
        phases[phase] = {"sent": len(sent.get(phase, ())), "read": len(names), "read_again": len(names & known)}
        known |= names
    seen = {**evidence, **phases}
    for phase, records in sent.items():
        if lost := {record.name for record in records} - known:
            return Failed(f"{len(lost)} of {len(records)} records sent {phase} were never read", seen)
    return Verified(seen)


@contract(
    "connect.mirror.cutover",
    title="Consumers can move over and back",
    risk="The first cut-over is the one in the incident, and the way back was never tried",
    statement="Producers and a group move to the mirror, work there and move back; no record of any phase is lost",
    remediation="connect.mirror.offsets names what does not come through; drain the mirror before the way back",
    documentation="KIP-382, MirrorMaker 2.0; KIP-545; Amazon MSK Developer Guide, Migrate with MirrorMaker 2",
    needs=("connect.mirror", "operator", "listener.iam", "writes"),
    deadline_s=90.0,
)
def cutover(access: Access, watch: Watch) -> Outcome:
    """Move the canary's group to the target, produce and drain there, move it back, and produce at the source."""
    with undisturbed(access, watch):
        if problem := not_running(access, watch):
            return Failed(problem)
        return _rehearse(Rehearsal(access, watch))


def _rehearse(rehearsal: Rehearsal) -> Outcome:
    group, topic, mirrored = rehearsal.group, rehearsal.topic, rehearsal.mirrored
    evidence: dict[str, Any] = {"from": rehearsal.link.environment}
    try:
        crossing = rehearsal.cross(_RECORDS)
        over = rehearsal.target.send(topic, new_run(), _RECORDS)
        wanted = _names(crossing.sent) - _names(crossing.read) | _names(over)
        read_over = rehearsal.target.consume(
            group, [mirrored, topic], lambda found: wanted <= _names(found), reset="earliest"
        )
        back = rehearsal.source.send(topic, new_run(), _RECORDS)
        read_back = rehearsal.source.consume(group, [topic], lambda found: _names(back) <= _names(found))
        rehearsal.await_records(back)
    except NotMirroredError as error:
        return Failed(str(error), evidence)
    phases = ("before", "at the target", "back at the source")
    sent = dict(zip(phases, (crossing.sent, over, back), strict=True))
    read = dict(zip(phases, (crossing.read, read_over, read_back), strict=True))
    return judge_rehearsal(sent, read, evidence)


def _names(records: Sequence[Record]) -> set[str]:
    return {record.name for record in records}
