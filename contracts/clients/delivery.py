"""Delivery: every record arrives once and in order, at every broker, with each codec, up to the size limit."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import KafkaError

from contracts.access import Access
from contracts.clients.workbench import Workbench, a_consumer, a_producer
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.wire import requests

_RECORDS = 50
#: Codes in the lowest bits of a record batch's attributes (Apache Kafka documentation, "Record Batch").
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_LIMIT = 4096


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return the median, the 99th percentile and the largest of durations, in milliseconds."""
    ordered = sorted(seconds)
    cut = statistics.quantiles(ordered, n=100, method="inclusive") if len(ordered) > 1 else ordered * 99
    return {name: round(value * 1000, 1) for name, value in (("p50", cut[49]), ("p99", cut[98]), ("max", ordered[-1]))}


def judge_delivery(
    leaders: Mapping[int, int],
    sent: Mapping[int, Sequence[bytes]],
    received: Mapping[int, Sequence[bytes]],
    seconds: Mapping[int, Sequence[float]],
) -> Outcome:
    """Judge loss, duplicates and order, by partition; the evidence is by broker.

    Args:
        leaders: the broker that leads each partition.
        sent: the values in the order in which they were sent.
        received: the values in the order of the log.
        seconds: from sending until the broker's acknowledgement.
    """
    evidence: dict[str, Any] = {}
    problems: list[str] = []
    for partition, values in sent.items():
        got = list(received.get(partition, []))
        lost, more = len(set(values) - set(got)), len(got) - len(set(got))
        broker = f"broker {leaders[partition]}"
        evidence[broker] = {
            "sent": len(values),
            "lost": lost,
            "duplicates": more,
            "ack_ms": percentiles(seconds[partition]),
        }
        if lost:
            problems.append(f"{broker} lost {lost} of {len(values)} acknowledged records")
        elif more:
            problems.append(f"{broker} has {more} records twice")
        elif got != list(values):
            problems.append(f"{broker} holds the records in another order")
    return Failed("; ".join(problems), evidence) if problems else Verified(evidence)


@contract(
    "client.delivery",
    title="What is acknowledged is there, once and in order",
    risk="Records are lost or doubled although the producer was told that they are safe",
    statement="On every broker, records of an idempotent producer (acks=all) are read back once each and in order",
    remediation="Check min.insync.replicas, the replicas' state and the brokers' disks",
    documentation="KIP-98, Exactly Once Delivery; Apache Kafka documentation, Producer configs: acks",
    needs=("operator", "writes"),
    layers=("local",),
    slow=True,
)
def delivery(access: Access, watch: Watch) -> Outcome:
    """Produce to a partition led by each broker and read everything back."""
    bench = Workbench(access, watch, "delivery", clients=[a_producer(), a_consumer()])
    leaders = bench.leaders()
    brokers = set(access.brokers(access.operator, watch))
    if missing := brokers - set(leaders.values()):
        raise ProbeError(f"no partition of the probe topic is led by broker {min(missing)}")
    producer = bench.producer()
    sent = {partition: [f"{partition}-{n}".encode() for n in range(_RECORDS)] for partition in leaders}
    seconds: dict[int, list[float]] = {partition: [] for partition in leaders}
    for n in range(_RECORDS):
        begun = time.monotonic()
        for error, message in bench.send(producer, {partition: [values[n]] for partition, values in sent.items()}):
            if error is not None:
                return Failed(f"a record was not stored: {error.name()}", {"partition": message.partition()})
            seconds[message.partition() or 0].append(message.latency() or time.monotonic() - begun)
    received: dict[int, list[bytes]] = {}
    with bench.consumer() as consumer:
        for message in bench.read_all(consumer, bench.ends(consumer)):
            received.setdefault(message.partition() or 0, []).append(message.value() or b"")
    return judge_delivery(leaders, sent, received, seconds)


#: A broker and a codec, such as `("broker 2", "zstd")`.
Batch = tuple[str, str]


def judge_codecs(stored: Mapping[Batch, int], intact: Mapping[Batch, bool]) -> Outcome:
    """Judge compression.

    Args:
        stored: the codec's number in the stored batch, by broker and the codec that the producer used.
        intact: whether the record came back byte for byte.
    """
    names = {number: name for name, number in CODECS.items()}
    evidence: dict[str, dict[str, str]] = {}
    for (broker, codec), number in stored.items():
        evidence.setdefault(broker, {})[codec] = f"stored as {names.get(number, number)}"
    for broker, codec in stored:
        if not intact[broker, codec]:
            return Failed(f"{broker}: a record that was compressed with {codec} did not come back as it was", evidence)
    for (broker, codec), number in stored.items():
        if number != CODECS[codec]:
            return Failed(f"{broker}: a batch compressed with {codec} is {evidence[broker][codec]}", evidence)
    return Verified(evidence)


@contract(
    "client.compression",
    title="Every codec works from end to end",
    risk="A producer with another codec fails, or brokers spend their processors on compressing again",
    statement="Every broker stores batches of none, gzip, snappy, lz4 and zstd as they were sent; they are read back",
    remediation="Set compression.type=producer on the topic or the brokers",
    documentation="Apache Kafka documentation, Topic configs: compression.type; KIP-110",
    needs=("operator", "writes"),
    layers=("local",),
    slow=True,
)
def compression(access: Access, watch: Watch) -> Outcome:
    """Produce with each codec to each broker, look at the stored batches, and read them back."""
    clients = [*(a_producer(compression_type=codec) for codec in CODECS), a_consumer()]
    partitions = len(CODECS) * access.environment.cluster.brokers
    bench = Workbench(access, watch, "codecs", partitions=partitions, clients=clients)
    batches = _batches(bench.leaders())
    values = {codec: (codec * 400).encode() for codec in CODECS}

    def produce(codec: str) -> KafkaError | None:
        own = {partition: [values[codec]] for (_, used), partition in batches.items() if used == codec}
        reports = bench.send(bench.producer(compression_type=codec), own)
        return next((error for error, _ in reports if error is not None), None)

    with ThreadPoolExecutor(max_workers=len(CODECS)) as pool:
        for codec, error in zip(CODECS, pool.map(produce, CODECS), strict=True):
            if error is not None:
                return Failed(f"a batch compressed with {codec} was refused: {error.name()}")
    stored = {}
    for batch, partition in batches.items():
        leader = access.leader_connection(access.operator, bench.name, partition, watch)
        stored[batch] = requests.first_batch_codec(leader, bench.name, partition)
    with bench.consumer() as consumer:
        back = {m.partition(): m.value() for m in bench.read_all(consumer, bench.ends(consumer))}
    return judge_codecs(stored, {batch: back.get(n) == values[batch[1]] for batch, n in batches.items()})


def _batches(leaders: Mapping[int, int]) -> dict[Batch, int]:
    """Return a partition for each broker and codec, led by that broker.

    Raises:
        ProbeError: a broker leads too few.
    """
    led: dict[int, list[int]] = {}
    for partition, broker in leaders.items():
        led.setdefault(broker, []).append(partition)
    for broker, partitions in led.items():
        if len(partitions) < len(CODECS):
            raise ProbeError(
                f"broker {broker} leads {len(partitions)} partitions of the probe topic, not {len(CODECS)}"
            )
    return {
        (f"broker {broker}", codec): partition
        for broker in sorted(led)
        for codec, partition in zip(CODECS, sorted(led[broker]), strict=False)
    }


def judge_size(small: str, large: str, limit: int) -> Outcome:
    """Judge the limit by the error names of a record below it and one above; empty is acceptance."""
    evidence = {"limit_bytes": limit, "below": small or "accepted", "above": large or "accepted"}
    if small:
        return Failed(f"a record below the limit of {limit} bytes was refused: {small}", evidence)
    if not large:
        return Failed(f"a record above the limit of {limit} bytes was accepted", evidence)
    if large != "MSG_SIZE_TOO_LARGE":
        raise ProbeError(f"a record above the limit was refused with {large}, not for its size", evidence)
    return Verified(evidence)


@contract(
    "client.message-size",
    title="A topic's size limit holds",
    risk="One large record fills buffers that were planned for small ones, or a limit is not where it was set",
    statement="A record below the topic's max.message.bytes is stored, one above is refused: MSG_SIZE_TOO_LARGE",
    remediation="Set max.message.bytes on the topic, and the consumers' fetch sizes with it",
    documentation="Apache Kafka documentation, Topic configs: max.message.bytes",
    needs=("operator", "writes"),
    layers=("local",),
    slow=True,
)
def message_size(access: Access, watch: Watch) -> Outcome:
    """Produce on both sides of a small limit."""
    small = {"max.message.bytes": str(_LIMIT)}
    bench = Workbench(access, watch, "size", partitions=1, config=small, clients=[a_producer()])
    bench.leaders()
    producer = bench.producer()
    answers = []
    for size in (_LIMIT // 2, _LIMIT * 2):
        ((error, _),) = bench.send(producer, {0: [bytes(size)]})
        answers.append(error.name() if error is not None else "")
    return judge_size(answers[0], answers[1], _LIMIT)
