"""A word count that is killed in the middle of its work and started again: what it had to say, and what it said."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contracts import probe_topic
from contracts.access import Access
from contracts.clients import scratch_acls
from contracts.clients.java import client_properties
from contracts.clients.workbench import Workbench
from contracts.model import ProbeError, Watch
from contracts.streams.application import Application
from orchestrator.environment import Principal

Guarantee = Literal["exactly_once_v2", "at_least_once"]

_MEMBER = "one"
_PARTITIONS = 2
#: The record behind which the application stands still and is killed, and a word that only it has.
_STOP, _STOP_WORD = "stop", "middle"
#: Words of the last record of each partition. Enough of them that every partition of the repartition topic has one: it
#: is read in order, so when these have been counted, everything before them has been.
_LAST = [f"last-{number}" for number in range(12)]
_FIRST_HALF = [f"{word} beta gamma" for word in ("alpha", "beta", "gamma", "alpha", "delta", "beta")]
_SECOND_HALF = [f"{word} alpha delta" for word in ("gamma", "alpha", "beta", "delta")]


@dataclass(frozen=True)
class Observed:
    """What the output has.

    Attributes:
        expected: how often each word was sent.
        counts: the counts that were written for each word, in order.
        again_s: seconds from the second start until everything had been counted.
    """

    expected: Mapping[str, int]
    counts: Mapping[str, Sequence[int]]
    again_s: float


class WordCount:
    """Topics, grants and processes of one application.

    Args:
        access: the way into the environment.
        watch: the probe's clock.
        command: starts the application.
        principal: whom it authenticates as, an identity that ACLs rule.
        guarantee: its processing guarantee.
    """

    def __init__(
        self, access: Access, watch: Watch, command: Sequence[str], principal: Principal, guarantee: Guarantee
    ) -> None:
        self._access, self._watch, self._guarantee = access, watch, guarantee
        # Names of its own for each run: a broker may still show the topics that the run before has deleted.
        self._bench = Workbench(access, watch, f"streams-{uuid.uuid4().hex[:8]}", partitions=_PARTITIONS)
        self._name = self._bench.name  # input topic, application id, group, and the beginning of everything else
        self._output = probe_topic.create(access, f"{self._name}-output", watch, partitions=_PARTITIONS)
        self._repartition = f"{self._name}-words-repartition"
        for internal in (self._repartition, f"{self._name}-counts-changelog"):
            access.on_close(partial(probe_topic.delete, access, internal))
        # Kafka Streams adds the number of its thread to the member's name.
        self._bench.forget_later(self._name, static_member=f"{_MEMBER}-1")
        scratch_acls.grant(access, watch, self._name, [principal], scratch_acls.STREAMS)
        self._home = access.scratch() / self._name
        (self._home / "tmp").mkdir(parents=True, exist_ok=True)
        # The native library of the state store is unpacked into the run's own directory.
        self._command = [command[0], f"-Djava.io.tmpdir={self._home / 'tmp'}", *command[1:]]
        self._settings = client_properties(access, principal, watch) | {
            "application.id": self._name,
            "processing.guarantee": guarantee,
            "state.dir": str(self._home / "state"),
            "num.stream.threads": "1",
            "commit.interval.ms": "100",
            "statestore.cache.max.bytes": "0",  # every count is written, not only the last one of an interval
            "producer.linger.ms": "0",
            "enable.metrics.push": "false",
            # A member that comes back under its name takes its place at once (KIP-345).
            "main.consumer.group.instance.id": _MEMBER,
            "main.consumer.auto.offset.reset": "earliest",
            "ephk.input": self._name,
            "ephk.output": self._output,
        }

    def kill_in_the_middle(self) -> Observed:
        """Let the application work, kill it, start it again, and read what it has written.

        Raises:
            ApplicationError: the application ended with an exception.
            ProbeError: something did not happen in time.
        """
        expected = Counter(word for line in (*_FIRST_HALF, *_SECOND_HALF) for word in line.split())
        expected += Counter({_STOP_WORD: 1} | dict.fromkeys(_LAST, _PARTITIONS))
        half = Counter(word for line in _FIRST_HALF for word in line.split())
        self._send([("", line) for line in _FIRST_HALF])
        with Application(self._command, {**self._settings, "ephk.stop.at": _STOP}) as first:
            first.until("running", self._watch)
            self._await(first, self._output, "read_committed", half)
            self._await_commit(first)
            self._send([(_STOP, _STOP_WORD)], partition=0)
            first.until("stopped", self._watch)
            # It has sent the word on, and brokers have it; nothing of that has been committed.
            self._await(first, self._repartition, "read_uncommitted", {_STOP_WORD: 1})
            first.kill()
        self._send([("", line) for line in _SECOND_HALF])
        for partition in range(_PARTITIONS):
            self._send([("", " ".join(_LAST))], partition=partition)
        begun = time.monotonic()
        with Application(self._command, self._settings) as second:
            second.until("running", self._watch)
            self._await(second, self._output, "read_committed", dict.fromkeys(_LAST, _PARTITIONS))
        again_s = round(time.monotonic() - begun, 2)
        return Observed(expected, self._counts(), again_s)

    def _send(self, records: Sequence[tuple[str, str]], *, partition: int | None = None) -> None:
        producer = self._access.once(("streams producer", self._name), self._bench.producer, self._watch)
        problems: list[KafkaError] = []
        for number, (key, line) in enumerate(records):
            where = number % _PARTITIONS if partition is None else partition
            producer.produce(
                self._name,
                key=key,
                value=line,
                partition=where,
                on_delivery=lambda error, _: problems.append(error) if error is not None else None,
            )
        self._watch.waiting(f"{len(records)} records to be stored in {self._name}")
        if producer.flush(self._watch.remaining(10)) or problems:
            raise ProbeError(f"records for {self._name} were not stored: {problems[0].str() if problems else 'late'}")

    def _await(self, application: Application, topic: str, isolation: str, wanted: Mapping[str, int]) -> None:
        """Wait until a topic has so many records with each key."""
        seen: Counter[str] = Counter()
        with self._bench.consumer(f"await-{isolation}", isolation_level=isolation) as consumer:
            consumer.assign([TopicPartition(topic, partition, 0) for partition in range(_PARTITIONS)])
            self._watch.waiting(f"{sum(wanted.values())} records in {topic} ({isolation})")
            while any(seen[word] < count for word, count in wanted.items()):
                application.check()
                if (message := _next(consumer)) is not None:
                    seen[(message.key() or b"").decode()] += 1
                if self._watch.remaining() <= 1.0:
                    missing = sum((Counter(dict(wanted)) - seen).values())
                    raise ProbeError(f"{missing} records did not appear in {topic} in time")

    def _await_commit(self, application: Application) -> None:
        """Wait until the application has committed all that it was sent."""
        places = [TopicPartition(self._name, partition) for partition in range(_PARTITIONS)]
        with self._bench.consumer() as consumer:  # of the application's group, which it does not join
            ends = self._bench.ends(consumer)
            self._watch.waiting(f"the offsets of {self._name} to be committed")
            while {p.partition: p.offset for p in consumer.committed(places, timeout=10)} != ends:
                application.check()
                if self._watch.remaining() <= 1.0:
                    raise ProbeError("the Streams application did not commit its offsets in time")
                time.sleep(0.05)

    def _counts(self) -> dict[str, list[int]]:
        """Read all that the output has for a reader of committed records."""
        counts: dict[str, list[int]] = {}
        with self._bench.consumer("counts", isolation_level="read_committed") as consumer:
            ends = self._bench.ends(consumer, topic=self._output)
            for message in self._bench.read_all(consumer, ends, topic=self._output):
                word, count = (message.key() or b"").decode(), int(message.value() or b"0")
                counts.setdefault(word, []).append(count)
        return counts


def _next(consumer: Consumer) -> Message | None:
    """Return the next record; raises KafkaException for an error that does not pass by itself."""
    message = consumer.poll(0.1)
    if message is None:
        return None
    error = message.error()
    if error is None:
        return message
    if error.fatal():
        raise KafkaException(error)
    return None
