"""Brokers as leaders: every one of them stores records and gives them back, each once and in order."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from contracts import probe_topic
from contracts.access import ANSWER_S, Access
from contracts.diagnosis import explain_kafka
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.wire import error_name, requests
from contracts.wire.records import fetch_values

RECORDS = 30


@dataclass
class Trip:
    """What one broker did with the records that it was given, as the leader of their partition.

    Attributes:
        stored: values that the broker acknowledged, in the order in which they were given.
        refused: why records were not acknowledged.
        read: values that came back, in the order in which they came.
        latencies_s: seconds from giving a record to its acknowledgement by every replica that is in sync.
    """

    stored: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below or at which a share of the values lies (nearest rank); values must not be empty."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def judge_trips(trips: Mapping[str, Trip], records: int) -> Outcome:
    """Judge what each broker did with `records` records: none refused, none lost, none twice, all in order."""
    evidence: dict[str, Any] = {}
    for broker, trip in trips.items():
        seen = Counter(trip.read)
        told: dict[str, Any] = {
            "acknowledged": len(trip.stored),
            "lost": sum(1 for value in trip.stored if not seen[value]),
            "duplicates": sum(count - 1 for count in seen.values()),
        }
        if trip.latencies_s:
            told |= {
                f"p{round(share * 100)} ms": round(percentile(trip.latencies_s, share) * 1000, 1)
                for share in (0.5, 0.95, 0.99)
            }
        evidence[broker] = told
    for broker, trip in trips.items():
        told = evidence[broker]
        if trip.refused or len(trip.stored) < records:
            why = trip.refused[0] if trip.refused else "no acknowledgement came in time"
            return Failed(f"{broker} acknowledged {len(trip.stored)} of {records} records: {why}", evidence)
        if told["lost"]:
            return Failed(f"{broker} lost {told['lost']} of {records} acknowledged records", evidence)
        if told["duplicates"]:
            return Failed(f"{broker} gave {told['duplicates']} records back twice", evidence)
        if trip.read != trip.stored:
            return Failed(f"{broker} gave records back in another order", evidence)
    return Verified(evidence)


@contract(
    "broker.round-trip",
    title="Every broker stores and returns records",
    risk="One broker of several does not work, and only the keys of its partitions notice",
    statement="Every broker, as a leader, acknowledges records with acks=all and returns each once and in order",
    remediation="Look at the broker that the reason names: its state, its disk, and its followers in the in-sync set",
    documentation="Apache Kafka documentation, Message Delivery Semantics; Amazon MSK Developer Guide, Broker states",
    needs=("operator", "listener.iam", "writes"),
)
def round_trip(access: Access, watch: Watch) -> Outcome:
    """Write to and read from a topic with one partition led by each broker, as the operator."""
    expected, there = access.environment.cluster.brokers, access.brokers(access.operator, watch)
    if len(there) < expected:
        return Failed(f"{len(there)} of {expected} brokers are there", {"brokers": sorted(there)})
    topic = probe_topic.ensure(access, watch)
    leaders = _leaders(access, topic, watch)
    config = access.librdkafka(access.operator, watch)
    trips = {partition: Trip() for partition in leaders}
    # A run of its own is told apart from what an interrupted one may have left in the topic.
    mark = f"{time.time_ns():x}"
    _write(config, topic, trips, mark, watch)
    _read(access, topic, trips, mark, watch)
    return judge_trips({f"broker {leaders[partition]}": trip for partition, trip in trips.items()}, RECORDS)


def _leaders(access: Access, topic: str, watch: Watch) -> dict[int, int]:
    """Return the leading broker of each partition.

    Raises:
        ProbeError: a broker leads none, so that nothing can be said of it.
    """
    watch.waiting(f"the leaders of topic {topic}")
    known = requests.metadata(access.any_connection(access.operator, watch), [topic]).topics[topic].leaders
    idle = set(access.brokers(access.operator, watch)) - set(known.values())
    if idle:
        raise ProbeError(f"broker {', '.join(map(str, sorted(idle)))} leads no partition of the probe's topic")
    return known


def _write(config: Mapping[str, object], topic: str, trips: Mapping[int, Trip], mark: str, watch: Watch) -> None:
    producer = Producer(
        {**config, "acks": "all", "linger.ms": 0, "message.timeout.ms": int(ANSWER_S * 1000), "log_level": 0}
    )

    outstanding: set[tuple[int, int]] = set()

    def give(partition: int, number: int) -> None:
        value, begun = f"{mark}-{number}", time.monotonic()
        outstanding.add((partition, number))

        def delivered(error: KafkaError | None, _message: Message) -> None:
            outstanding.discard((partition, number))
            if error is None:
                trips[partition].stored.append(value)
                trips[partition].latencies_s.append(time.monotonic() - begun)
            else:
                trips[partition].refused.append(explain_kafka(error.code(), error.str()).cause)

        producer.produce(topic, value=value.encode(), partition=partition, on_delivery=delivered)

    watch.waiting(f"every broker to acknowledge {RECORDS} records")
    end = time.monotonic() + watch.remaining(ANSWER_S + 1)
    for number in range(RECORDS):
        for partition in trips:
            give(partition, number)
        # Round by round, so that each latency is of one record and not of a queue.
        while outstanding and time.monotonic() < end:
            producer.poll(0.01)
        if outstanding:
            return


def _read(access: Access, topic: str, trips: Mapping[int, Trip], mark: str, watch: Watch) -> None:
    """Read each partition from its beginning to its end at its leader, without a group: a group would leave traces.

    Raises:
        ProbeError: a leader does not say what it has.
    """
    for partition, trip in trips.items():
        watch.waiting(f"the records of partition {partition} to come back")
        leader = access.leader_connection(access.operator, topic, partition, watch)
        code, end = requests.list_offset(leader, topic, partition, requests.LATEST)
        offset = 0
        while code == 0 and offset < end and watch.remaining() > 0.1:
            code, following, values = fetch_values(leader, topic, partition, offset)
            trip.read += [text for value in values if (text := value.decode(errors="replace")).startswith(mark)]
            if following == offset:
                break  # nothing more comes: what is missing is lost
            offset = following
        if code:
            raise ProbeError(f"partition {partition} of {topic} cannot be read: {error_name(code)}")
