"""A scratch topic with real clients for one probe; everything it makes is gone when the run is over."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from contracts import probe_topic
from contracts.access import ANSWER_S, Access
from contracts.diagnosis import explain_kafka
from contracts.model import ProbeError, Watch
from contracts.wire import requests

#: librdkafka prints what it regrets, even where a probe provokes it; what matters comes through error_cb and results.
SILENT = logging.getLogger("ephk.librdkafka")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False


@dataclass(frozen=True)
class Wanted:
    """A client that a probe is going to use; settings are librdkafka's, `_` for `.`."""

    kind: Literal["producer", "consumer"]
    group: str = ""
    settings: tuple[tuple[str, object], ...] = ()


def a_producer(**settings: object) -> Wanted:
    """Return what `Workbench.producer` makes with these settings."""
    return Wanted("producer", "", tuple(sorted(settings.items())))


def a_consumer(group: str = "", **settings: object) -> Wanted:
    """Return what `Workbench.consumer` makes with these settings."""
    return Wanted("consumer", group, tuple(sorted(settings.items())))


class Workbench:
    """Clients of the operator role on a topic of their own.

    A client that signs in with a token is there only after a second: confluent-kafka sleeps until it looks for its
    first token again. So what a probe is going to use is made beside the topic, and side by side.

    Args:
        access: the run's way into the environment.
        watch: the probe's clock.
        purpose: makes the topic's, the groups' and the transactional ids' names.
        partitions: how many the topic has; None is one for each broker.
        config: the topic's configuration.
        replicas: how many replicas a partition has; None is three, or as many as there are brokers.
        clients: what the probe is going to use.

    Raises:
        ProbeError: the topic cannot be made.
    """

    def __init__(
        self,
        access: Access,
        watch: Watch,
        purpose: str,
        *,
        partitions: int | None = None,
        config: Mapping[str, str] | None = None,
        replicas: int | None = None,
        clients: Sequence[Wanted] = (),
    ) -> None:
        self.access = access
        self.watch = watch
        self.name = f"{access.probe_topic_name}-{purpose}"
        self.partitions = partitions or access.environment.cluster.brokers
        self.errors: list[KafkaError] = []
        self._made: dict[Wanted, list[Future[Any]]] = {}
        if clients:
            access.on_close(self._close_unused)
            pool = ThreadPoolExecutor(max_workers=len(clients), thread_name_prefix=f"clients of {purpose}")
            for wanted in clients:
                self._made.setdefault(wanted, []).append(pool.submit(self._make, wanted))
            pool.shutdown(wait=False)
        probe_topic.create(access, self.name, watch, partitions=self.partitions, config=config, replicas=replicas)

    def leaders(self) -> dict[int, int]:
        """Return the leading broker of each partition.

        Raises:
            ProbeError: a partition has no leader in time.
        """
        while True:
            known = requests.metadata(self.access.any_connection(self.access.operator, self.watch), [self.name])
            leaders = known.topics[self.name].leaders
            if len(leaders) == self.partitions and all(leader >= 0 for leader in leaders.values()):
                return leaders
            if self.watch.remaining() <= 0.1:
                raise ProbeError(f"topic {self.name} has a partition without a leader")
            time.sleep(0.02)

    def _config(self, settings: Mapping[str, object]) -> dict[str, Any]:
        base = self.access.librdkafka(self.access.operator, self.watch)
        return {**base, "error_cb": self.errors.append, **settings}

    def _make(self, wanted: Wanted) -> Any:
        # A callback keeps its name: confluent-kafka calls it so itself.
        named = {name if name.endswith("_cb") else name.replace("_", "."): value for name, value in wanted.settings}
        if wanted.kind == "producer":
            patience = int(max(ANSWER_S, self.watch.remaining()) * 1000)
            usual = {"acks": "all", "enable.idempotence": True, "linger.ms": 0, "message.timeout.ms": patience}
            return Producer(self._config({**usual, **named}), logger=SILENT)
        usual = {"auto.offset.reset": "earliest", "enable.auto.commit": False, "enable.partition.eof": True}
        return Consumer(self._config({"group.id": self.group(wanted.group), **usual, **named}), logger=SILENT)

    def _take(self, wanted: Wanted) -> Any:
        """Return a client that was made ahead, or make it."""
        made = self._made.get(wanted)
        if not made:
            return self._make(wanted)
        self.watch.waiting(f"a {wanted.kind} of the operator")
        return made.pop(0).result(timeout=self.watch.remaining())

    def _close_unused(self) -> None:
        for wanted, made in self._made.items():
            for future in made:
                if wanted.kind == "consumer" and future.done() and future.exception() is None:
                    future.result().close()

    def producer(self, **settings: object) -> Producer:
        """Return an idempotent producer that waits for all replicas; settings are librdkafka's, `_` for `.`."""
        made: Producer = self._take(a_producer(**settings))
        return made

    @contextlib.contextmanager
    def consumer(self, group: str = "", **settings: object) -> Iterator[Consumer]:
        """Yield a consumer from the beginning that commits when it is told to; closed afterwards."""
        self.forget_later(self.group(group))
        consumer: Consumer = self._take(a_consumer(group, **settings))
        try:
            yield consumer
        finally:
            consumer.close()

    def group(self, suffix: str) -> str:
        """Return the name of a consumer group of this probe."""
        return f"{self.name}-{suffix}" if suffix else self.name

    def forget_later(self, group: str, static_member: str = "") -> None:
        """Have a group deleted with its offsets when the run is over.

        Args:
            group: its name.
            static_member: a `group.instance.id` that stays in the group when its client is gone (KIP-345); a group
                with members cannot be deleted.
        """
        self.access.once(
            ("group", group), lambda: self.access.on_close(lambda: self._forget(group, static_member)), self.watch
        )

    def _forget(self, group: str, static_member: str) -> None:
        """Delete a group of this probe with its offsets."""
        watch = Watch(ANSWER_S)
        code, broker = requests.coordinator(self.access.any_connection(self.access.operator, watch), group)
        if code == 0:
            address = self.access.brokers(self.access.operator, watch)[broker.id]
            connection = self.access.connection(self.access.operator, address, watch)
            if static_member:
                requests.remove_static_member(connection, group, static_member)
            requests.delete_group(connection, group)

    def send(self, producer: Producer, values: Mapping[int, list[bytes]]) -> list[tuple[KafkaError | None, Message]]:
        """Produce values by partition and return every delivery report.

        Raises:
            ProbeError: not every report came in time; says what the client met meanwhile.
        """
        reports: list[tuple[KafkaError | None, Message]] = []
        expected = 0
        for partition, items in values.items():
            for item in items:
                producer.produce(
                    self.name, value=item, partition=partition, on_delivery=lambda e, m: reports.append((e, m))
                )
                expected += 1
        self.until(lambda: producer.poll(0.05) is not None and len(reports) == expected, f"{expected} delivery reports")
        return reports

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Call `done` until it is true.

        Raises:
            ProbeError: the probe's time was over first; names the errors that clients met.
        """
        self.watch.waiting(what)
        while not done():
            if self.watch.remaining() <= 0.1:
                raise ProbeError(f"{what} did not come in time{self._met()}")

    def _met(self) -> str:
        causes = dict.fromkeys(explain_kafka(error.code(), error.str()).cause for error in self.errors)
        return f": {'; '.join(causes)}" if causes else ""

    def read_all(self, consumer: Consumer, ends: Mapping[int, int], *, topic: str = "") -> list[Message]:
        """Assign partitions from their beginning and read until `ends` (the next offset of each) or their end.

        A reader of committed records is at the end when it has reached the last stable offset, so both are watched.
        """
        consumer.assign([TopicPartition(topic or self.name, partition, 0) for partition in ends])
        found: list[Message] = []
        finished: set[int] = set()

        def read() -> bool:
            message = consumer.poll(0.1)
            if message is None:
                return finished == set(ends)
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                if (message.offset() or 0) >= ends[message.partition()]:
                    finished.add(message.partition())
                else:
                    finished.discard(message.partition())
            elif error.fatal():
                raise KafkaException(error)
            return finished == set(ends)

        self.until(read, f"the records of {self.name}")
        return found

    def ends(self, consumer: Consumer, *, topic: str = "") -> dict[int, int]:
        """Return the high watermark of each partition."""
        timeout = self.watch.remaining(ANSWER_S)
        return {
            partition: consumer.get_watermark_offsets(TopicPartition(topic or self.name, partition), timeout=timeout)[1]
            for partition in range(self.partitions)
        }
