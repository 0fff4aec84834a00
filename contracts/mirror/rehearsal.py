"""One run through a mirror: numbered records, a group that read half of them, and what became of both."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from contracts.access import Access
from contracts.authorization import TOPIC_REFUSED, ask
from contracts.connect_access import live, of_class
from contracts.connect_denials import as_principal
from contracts.mirror.sides import Record, Side, linked, new_run
from contracts.model import OutOfReachError, ProbeError, Watch
from contracts.needs import MIRROR_CLASSES
from contracts.wire import error_name, requests
from orchestrator.connect_spec import MIRROR_CANARY
from orchestrator.environment import Connector, Link

#: Seconds without anything new after which it is asked why, beside the mirror's own intervals.
_PATIENCE_S = 6.0
#: Settings that say how often, in seconds, and MirrorMaker's defaults.
_INTERVALS = {"emit.checkpoints.interval.seconds": 60, "sync.group.offsets.interval.seconds": 60}
_POLL_S = 0.2


class NotMirroredError(Exception):
    """Records or offsets do not come through; the message says why."""


@dataclass(frozen=True)
class Crossing:
    """What was sent, read and committed at the source, and what came through.

    Attributes:
        sent: the records, as the source has them.
        read: those that the group read at the source before it committed.
        arrived: the records as the target has them.
        exact: by partition, the offset at the target of the first record that the group has not read.
        translated: by partition, the offset that the mirror committed there for the group.
        mirrored_s: seconds until every record had arrived.
    """

    sent: Sequence[Record]
    read: Sequence[Record]
    arrived: Sequence[Record]
    exact: Mapping[int, int] = field(default_factory=dict)
    translated: Mapping[int, int] = field(default_factory=dict)
    mirrored_s: float = 0.0


class Rehearsal:
    """The canary's topic and group on both sides of a link.

    Args:
        access: the way into the environment that has the connectors.
        watch: the probe's clock.
    """

    topic = group = MIRROR_CANARY

    def __init__(self, access: Access, watch: Watch) -> None:
        self.access, self.watch = access, watch
        self.records, self.checkpoints = (of_class(access.environment, name)[0] for name in MIRROR_CLASSES)
        self.link = _link(self.records)
        self.mirrored = self.link.mirrored[self.topic]
        self._there = linked(access, self.link, watch)
        self.source = Side(self.link.environment, self._there, watch)
        self.target = Side(access.environment.name, access, watch)

    def cross(self, count: int) -> Crossing:
        """Send records, read and commit half of each partition at the source, and wait for records and offsets.

        Raises:
            NotMirroredError: they do not come through.
        """
        self.target.forget_group(self.group)  # what an earlier run committed there is no translation
        sent = self.source.send(self.topic, new_run(), count)
        read = self._read_half(sent)
        begun = time.monotonic()
        arrived = self.await_records(sent)
        mirrored_s = round(time.monotonic() - begun, 2)
        exact = exact_offsets(read, arrived)
        return Crossing(sent, read, arrived, exact, self._await_translation(exact), mirrored_s)

    def _read_half(self, sent: Sequence[Record]) -> list[Record]:
        first = {record.partition: record.offset for record in reversed(sent)}
        per_partition = {partition: [r for r in sent if r.partition == partition] for partition in first}
        half = {partition: records[(len(records) - 1) // 2] for partition, records in per_partition.items()}
        wanted = {r.name for r in sent if r.offset <= half[r.partition].offset}
        self.watch.waiting(f"{self.group} to read half of the records at {self.source.name}")
        found = self.source.read(
            {(self.topic, partition): offset for partition, offset in first.items()},
            lambda records: wanted <= {record.name for record in records},
        )
        self.source.commit(self.group, self.topic, {partition: r.offset + 1 for partition, r in half.items()})
        return [record for record in found if record.name in wanted]

    def await_records(self, sent: Sequence[Record]) -> list[Record]:
        """Wait until the mirror has written every record, and return them as the target has them.

        Raises:
            NotMirroredError: some do not arrive.
        """
        wanted = {record.name for record in sent}
        places = {(self.mirrored, partition): 0 for partition in {record.partition for record in sent}}
        moved = _Movement()

        def enough(found: Sequence[Record]) -> bool:
            seen = sum(record.name in wanted for record in found)
            return seen >= len(wanted) or moved.ended(seen, _PATIENCE_S)

        self.watch.waiting(f"{len(wanted)} records in {self.mirrored} of {self.target.name}")
        found = [record for record in self.target.read(places, enough) if record.name in wanted]
        if missing := wanted - {record.name for record in found}:
            raise NotMirroredError(self._why_no_records(len(missing), len(wanted)))
        return found

    def _why_no_records(self, missing: int, count: int) -> str:
        """Say why records do not arrive. The connector runs all the same, and its lag is 0: it sees nothing to do."""
        what = f"{missing} of {count} records did not arrive in {self.mirrored}"
        codes = ask(self._there, as_principal(self.records), "consume", [self.topic], self.watch)
        state = live(self.access, self.records, self.watch)["connectorState"]
        if refused := [code for code in codes.values() if code == TOPIC_REFUSED]:
            return (
                f"{what}: {self.link.environment} refuses {self.records.name} to read {self.topic} "
                f"({error_name(refused[0])}), although the connector is {state}"
            )
        configuration = live(self.access, self.records, self.watch)["connectorConfiguration"]
        if not _matches(configuration.get("topics", ".*"), self.topic):
            return f"{what}: {self.topic} is not in the topics of {self.records.name}"
        return f"{what}; the connector {self.records.name} is {state}"

    def _await_translation(self, exact: Mapping[int, int]) -> dict[int, int]:
        moved, settings = _Movement(), live(self.access, self.checkpoints, self.watch)["connectorConfiguration"]
        patience_s = _PATIENCE_S + sum(float(settings.get(name, default)) for name, default in _INTERVALS.items())
        self.watch.waiting(f"the offsets of {self.group} at {self.target.name}")
        while True:
            found = self.target.committed(self.group, self.mirrored, exact)
            if found == exact or any(found[partition] > exact[partition] for partition in found):
                return found
            complete = found.keys() == exact.keys()
            if moved.ended(sum(found.values()), patience_s):
                if complete:
                    return found
                raise NotMirroredError(self._why_no_offsets())
            if self.watch.remaining() <= 2.0:
                raise ProbeError(f"the offsets of {self.group} were not looked at long enough", {"found": found})
            time.sleep(_POLL_S)

    def _why_no_offsets(self) -> str:
        what = f"group {self.group} has no translated offset at {self.target.name}"
        name, configuration = self.checkpoints.name, live(self.access, self.checkpoints, self.watch)
        settings = configuration["connectorConfiguration"]
        if settings.get("sync.group.offsets.enabled", "false").lower() != "true":
            return f"{what}: sync.group.offsets.enabled is not true in {name}"
        if not _matches(settings.get("groups", ".*"), self.group):
            return f"{what}: the group is not in the groups of {name} ({settings.get('groups')})"
        role = as_principal(self.checkpoints)
        code, _ = requests.coordinator(self._there.any_connection(role, self.watch), self.group)
        if code:
            return f"{what}: {self.link.environment} refuses {name} to see the group ({error_name(code)})"
        return f"{what}; the connector {name} is {configuration['connectorState']}"


def _link(connector: Connector) -> Link:
    if connector.link is None:
        raise OutOfReachError(f"connector {connector.name} has no link")
    return connector.link


def _matches(patterns: str, name: str) -> bool:
    """Tell whether one of MirrorMaker's comma-separated patterns means a name."""
    return any(re.fullmatch(pattern.strip(), name) for pattern in patterns.split(","))


def exact_offsets(read: Sequence[Record], arrived: Sequence[Record]) -> dict[int, int]:
    """Return, by partition, the offset at the target after the last record that was read at the source."""
    places = {record.name: record for record in arrived}
    exact: dict[int, int] = {}
    for record in read:
        there = places[record.name]
        exact[there.partition] = max(exact.get(there.partition, 0), there.offset + 1)
    return exact


class _Movement:
    """Notices that a number has stopped changing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._last, self._since = clock, -1, clock()

    def ended(self, number: int, patience_s: float) -> bool:
        """Tell whether the number has been the same for so many seconds."""
        if number != self._last:
            self._last, self._since = number, self._clock()
        return self._clock() - self._since > patience_s
