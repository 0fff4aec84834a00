"""Both ends of a link, each with clients of its own operator."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from contracts.access import ANSWER_S, Access
from contracts.model import ProbeError, Watch
from contracts.wire import error_name, requests
from orchestrator.environment import Environment, Link

_SILENT = logging.getLogger("ephk.librdkafka")
_EMPTY, _UNKNOWN_GROUP = 0, 69
_POLL_S = 0.1


@dataclass(frozen=True)
class Record:
    """One numbered record, as it was written or as it was read.

    Attributes:
        name: its key, unique over all runs.
        content: value, header and timestamp: what a mirror has to keep.
        partition: where it is.
        offset: likewise.
    """

    name: str
    content: tuple[bytes, bytes, int]
    partition: int
    offset: int


class Side:
    """One of the two clusters.

    Args:
        name: its environment's.
        access: the way into it.
        watch: the probe's clock.
    """

    def __init__(self, name: str, access: Access, watch: Watch) -> None:
        self.name, self._access, self._watch = name, access, watch

    def send(self, topic: str, run: str, count: int) -> list[Record]:
        """Store numbered records, spread over all partitions, each acknowledged by all replicas.

        Raises:
            ProbeError: one was refused, or not acknowledged in time.
        """
        self._watch.waiting(f"{count} records to be stored in {topic} of {self.name}")
        producer = Producer({**self._config(), "acks": "all", "enable.idempotence": True, "linger.ms": 0})
        partitions = len(producer.list_topics(topic, timeout=self._watch.remaining(ANSWER_S)).topics[topic].partitions)
        sent, problems = dict[str, Record](), list[str]()
        now = int(time.time() * 1000)
        for number in range(count):
            name = f"{run}-{number:04d}"
            content = (f"value of {name}".encode(), f"header of {name}".encode(), now + number)

            def stored(error: Any, message: Message, name: str = name, content: Any = content) -> None:
                if error is not None:
                    problems.append(str(error))
                else:
                    sent[name] = Record(name, content, int(message.partition() or 0), int(message.offset() or 0))

            producer.produce(
                topic,
                key=name,
                value=content[0],
                headers=[("ephk", content[1])],
                timestamp=content[2],
                partition=number % partitions,
                on_delivery=stored,
            )
        if producer.flush(self._watch.remaining(2 * ANSWER_S)) or problems:
            raise ProbeError(f"records for {topic} of {self.name} were not stored: {'; '.join(problems[:1]) or 'late'}")
        return [sent[name] for name in sorted(sent)]

    def read(self, places: Mapping[tuple[str, int], int], enough: Callable[[Sequence[Record]], bool]) -> list[Record]:
        """Read from offsets on, without a group, until it is enough or there is no time left."""
        consumer = Consumer({**self._config(), "group.id": "ephk-verify", "enable.auto.commit": False})
        try:
            consumer.assign([TopicPartition(topic, number, offset) for (topic, number), offset in places.items()])
            return self._collect(consumer, enough)
        finally:
            consumer.close()

    def consume(
        self, group: str, topics: Iterable[str], enough: Callable[[Sequence[Record]], bool], *, reset: str = "error"
    ) -> list[Record]:
        """Read as a member of a group from its committed offsets, and commit what was read.

        Args:
            group: the group.
            topics: what it subscribes to.
            enough: when to stop.
            reset: where to begin in a partition without a committed offset: `earliest`, or `error`.
        """
        consumer = self._member(group, reset)
        try:
            consumer.subscribe(list(dict.fromkeys(topics)))
            self._watch.waiting(f"{group} to read {', '.join(topics)} of {self.name}")
            found = self._collect(consumer, enough)
            if found:
                consumer.commit(asynchronous=False)
            return found
        finally:
            consumer.close()

    def _collect(self, consumer: Consumer, enough: Callable[[Sequence[Record]], bool]) -> list[Record]:
        found: list[Record] = []
        while not enough(found) and self._watch.remaining() > 2.0:
            for message in consumer.consume(100, timeout=_POLL_S):
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._AUTO_OFFSET_RESET:
                        raise ProbeError(f"{message.topic()} of {self.name} has no committed offset to begin from")
                    raise KafkaException(error)
                found.append(_record(message))
        return found

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Commit a group's offsets, as its consumers would."""
        consumer = self._member(group)
        try:
            places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
            consumer.commit(offsets=places, asynchronous=False)
        finally:
            consumer.close()

    def committed(self, group: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Return a group's committed offsets; partitions without one are absent."""
        member = self._access.once(("mirror group", self.name, group), lambda: self._kept_member(group), self._watch)
        places = [TopicPartition(topic, partition) for partition in partitions]
        found = member.committed(places, timeout=self._watch.remaining(ANSWER_S))
        return {place.partition: place.offset for place in found if place.offset >= 0}

    def forget_group(self, group: str) -> None:
        """Delete a group that nobody is a member of, with its offsets; raises ProbeError when that is refused."""
        self._watch.waiting(f"group {group} of {self.name} to be forgotten")
        operator = self._access.operator
        code, broker = requests.coordinator(self._access.any_connection(operator, self._watch), group)
        if code == 0:
            address = self._access.brokers(operator, self._watch)[broker.id]
            code = requests.delete_group(self._access.connection(operator, address, self._watch), group)
        if code not in (_EMPTY, _UNKNOWN_GROUP):
            raise ProbeError(f"group {group} of {self.name} cannot be deleted: {error_name(code)}")

    def _kept_member(self, group: str) -> Consumer:
        member = self._member(group)
        self._access.on_close(member.close)
        return member

    def _member(self, group: str, reset: str = "error") -> Consumer:
        settings = {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": reset}
        consumer = Consumer({**self._config(), **settings}, logger=_SILENT)
        consumer.poll(0)  # the token comes through a callback
        return consumer

    def _config(self) -> dict[str, Any]:
        return {**self._access.librdkafka(self._access.operator, self._watch), "log_level": 0}


def _record(message: Message) -> Record:
    headers = dict(message.headers() or ())
    content = (message.value() or b"", headers.get("ephk") or b"", message.timestamp()[1])
    return Record((message.key() or b"").decode(), content, int(message.partition() or 0), int(message.offset() or 0))


def linked(access: Access, link: Link, watch: Watch) -> Access:
    """Return the way into a linked environment, made once and closed with the run; its secrets are kept out, too."""

    def open_it() -> Access:
        environment = linked_environment(access.environment, link)
        opened = Access(environment, access.session)
        opened.credentials.secret_values = access.credentials.secret_values
        access.on_close(opened.close)
        return opened

    return access.once(("linked", link.lease_id), open_it, watch)


def linked_environment(own: Environment, link: Link) -> Environment:
    """Return what is known of a linked environment: its cluster and its operator."""
    return Environment(
        lease_id=link.lease_id,
        name=link.environment,
        flavour=own.flavour,
        target=own.target,
        created_at=own.created_at,
        expires_at=own.expires_at,
        cloud=own.cloud,
        cluster=link.cluster,
        roles={"operator": link.operator_arn},
    )


def new_run() -> str:
    """Return a name for the records of one run."""
    return uuid.uuid4().hex[:12]
