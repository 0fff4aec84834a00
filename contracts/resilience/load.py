"""A steady load under which something is done to the cluster, and what the applications saw of it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from confluent_kafka import KafkaError, Message

from contracts.clients.delivery import percentiles
from contracts.clients.workbench import Workbench
from contracts.model import Failed, Outcome, ProbeError, Verified

#: Records a second, over all partitions: enough to see a gap, too few to be what fails.
RATE = 50
#: Seconds without any acknowledgement on a partition that a restart may cost. Leadership moves in a controlled shutdown
#: within a second or two; a killed broker is noticed after `broker.session.timeout.ms` (9 s) in KRaft, and clients
#: look for the new leader after that (Apache Kafka documentation, Broker configs).
STALL_LIMIT_S = 20.0
#: What says, while it is under way, that it has to be taken back ("Amazon MSK metrics for monitoring Standard brokers";
#: `orchestrator.msk_metrics` has the alarm).
ROLL_BACK_WHEN = "UnderMinIsrPartitionCount above 0 for longer than the stall limit, or records refused"


@dataclass(frozen=True)
class Ride:
    """What the load saw.

    Attributes:
        acknowledged: the values that the brokers took, by partition.
        refused: error names of records that were not taken, with how many.
        stored: the values that were read back, by partition, in the order of the log.
        stall_s: the longest time that a partition went without an acknowledgement, seconds.
        latencies_s: from sending until the acknowledgement, seconds.
    """

    acknowledged: Mapping[int, tuple[bytes, ...]]
    refused: Mapping[str, int]
    stored: Mapping[int, tuple[bytes, ...]]
    stall_s: float
    latencies_s: tuple[float, ...]

    @property
    def evidence(self) -> dict[str, Any]:
        """What a reviewer can check."""
        return {
            "acknowledged": sum(map(len, self.acknowledged.values())),
            "lost": self.lost,
            "duplicates": self.duplicates,
            "refused": dict(self.refused),
            "stall_s": round(self.stall_s, 2),
            "stall_limit_s": STALL_LIMIT_S,
            "roll_back_when": ROLL_BACK_WHEN,
            "ack_ms": percentiles(self.latencies_s) if self.latencies_s else {},
        }

    @property
    def lost(self) -> int:
        """How many acknowledged records were not read back."""
        return sum(len(set(values) - set(self.stored.get(p, ()))) for p, values in self.acknowledged.items())

    @property
    def duplicates(self) -> int:
        """How many records were read back more than once."""
        return sum(len(values) - len(set(values)) for values in self.stored.values())


def judge_ride(ride: Ride, before: int, done: str) -> Outcome:
    """Judge what the load saw.

    Args:
        ride: the whole ride.
        before: how many records had been acknowledged when it was done; a load that had not begun shows nothing.
        done: what was done to the cluster, in a few words.
    """
    evidence = {"done": done, **ride.evidence}
    if not before or evidence["acknowledged"] <= before:
        raise ProbeError(f"the load did not run before and after it ({done})", evidence)
    if ride.lost:
        return Failed(f"{ride.lost} acknowledged records were lost ({done})", evidence)
    if ride.duplicates:
        return Failed(f"{ride.duplicates} records of an idempotent producer are there twice ({done})", evidence)
    if ride.refused:
        name, count = next(iter(ride.refused.items()))
        return Failed(f"{count} records were refused with {name} ({done})", evidence)
    if ride.stall_s > STALL_LIMIT_S:
        return Failed(f"producers stood still for {ride.stall_s:.1f} s, the limit is {STALL_LIMIT_S:g} s", evidence)
    return Verified(evidence)


class Load:
    """An idempotent producer (acks=all) that writes to every partition of a bench from its entry to its end.

    Args:
        bench: the scratch topic; it should have replicas and `min.insync.replicas` as production has.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._producer = bench.producer()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"load {bench.name}", daemon=True)
        self._acknowledged: dict[int, list[bytes]] = {partition: [] for partition in range(bench.partitions)}
        self._at: dict[int, list[float]] = {partition: [] for partition in range(bench.partitions)}
        self._latencies: list[float] = []
        self._refused: dict[str, int] = {}

    @property
    def acknowledged(self) -> int:
        """How many records the brokers have taken until now."""
        return sum(map(len, self._acknowledged.values()))

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            partition = number % self._bench.partitions
            value = f"{partition}-{number}".encode()
            self._producer.produce(self._bench.name, value=value, partition=partition, on_delivery=self._report)
            number += 1
            self._producer.poll(0)
            self._stop.wait(1 / RATE)

    def _report(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused[error.name()] = self._refused.get(error.name(), 0) + 1
            return
        partition = message.partition() or 0
        self._acknowledged[partition].append(message.value() or b"")
        self._at[partition].append(time.monotonic())
        self._latencies.append(message.latency() or 0.0)

    def __enter__(self) -> Load:
        self._thread.start()
        self._until(RATE, "the load's first records")
        return self

    def _until(self, count: int, what: str) -> None:
        """Wait until so many records have been acknowledged."""

        def enough() -> bool:
            self._stop.wait(0.05)
            return self.acknowledged >= count

        self._bench.until(enough, what)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(5)

    def finish(self, *, more: int = RATE) -> Ride:
        """Let `more` records through, stop, wait for every report, and read everything back.

        Raises:
            ProbeError: it did not come to an end in the probe's time.
        """
        self._until(self.acknowledged + more, "the load to go on")
        self._stop.set()
        self._thread.join(5)
        self._bench.until(lambda: self._producer.flush(0.1) == 0, "the last delivery reports")
        stored: dict[int, list[bytes]] = {}
        with self._bench.consumer() as consumer:
            for message in self._bench.read_all(consumer, self._bench.ends(consumer)):
                stored.setdefault(message.partition() or 0, []).append(message.value() or b"")
        return Ride(
            acknowledged={partition: tuple(values) for partition, values in self._acknowledged.items()},
            refused=dict(self._refused),
            stored={partition: tuple(values) for partition, values in stored.items()},
            stall_s=max((longest_gap(moments) for moments in self._at.values()), default=0.0),
            latencies_s=tuple(self._latencies),
        )


def longest_gap(moments: list[float]) -> float:
    """Return the longest time between two that follow each other, seconds; 0 for fewer than two."""
    return max((later - earlier for earlier, later in itertools.pairwise(moments)), default=0.0)
