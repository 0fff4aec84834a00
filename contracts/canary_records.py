"""The canary's records: numbered ones sent, what arrived in the bucket, and the numbers that its source wrote."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from contracts.access import ANSWER_S, Access
from contracts.model import ProbeError, Watch
from orchestrator.environment import Connector

_POLL_S = 0.1
#: Seconds between two questions whether the sink still runs.
_ASK_S = 1.0


@dataclass(frozen=True)
class Batch:
    """Records that were sent: their values, and the offset of the first one in each partition."""

    topic: str
    values: tuple[str, ...]
    first: Mapping[int, int] = field(default_factory=dict)


def send(access: Access, topic: str, count: int, watch: Watch) -> Batch:
    """Produce numbered records as the operator, over all partitions, each acknowledged by all replicas.

    Raises:
        ProbeError: one was refused, or not acknowledged in time.
    """
    run = uuid.uuid4().hex[:12]
    values = tuple(f"{run}-{number:04d}" for number in range(count))
    producer = access.once("canary producer", lambda: Producer(_quiet(access, watch)), watch)
    lock, first, problems = threading.Lock(), dict[int, int](), list[str]()

    def delivered(error: Any, message: Any) -> None:
        with lock:
            if error is not None:
                problems.append(str(error))
            else:
                partition, offset = message.partition(), message.offset()
                first[partition] = min(first.get(partition, offset), offset)

    watch.waiting(f"{count} records to be stored in {topic}")
    for value in values:
        producer.produce(topic, value=value, key=value, on_delivery=delivered)
    if producer.flush(watch.remaining(2 * ANSWER_S)):
        raise ProbeError(f"records for {topic} were not acknowledged in time: {'; '.join(problems[:1])}")
    if problems:
        raise ProbeError(f"a record for {topic} was refused: {problems[0]}")
    return Batch(topic, values, first)


def _quiet(access: Access, watch: Watch) -> dict[str, Any]:
    return {**access.librdkafka(access.operator, watch), "acks": "all", "linger.ms": 0, "log_level": 0}


def arrived(access: Access, sink: Connector, batch: Batch) -> dict[str, int]:
    """Return how often each value of a batch is in the bucket by now."""
    bucket = access.environment.bucket
    if bucket is None:
        raise ProbeError("the environment has no bucket")
    s3 = access.client("s3")
    seen: dict[str, int] = {}
    prefix = sink.config.get("canary.prefix", "")
    wanted = set(batch.values)
    for partition, first in batch.first.items():
        place = f"{prefix}{batch.topic}/{partition}/"
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket.name, Prefix=place):
            for item in page.get("Contents", ()):
                if _last_offset(item["Key"]) < first:
                    continue
                body = s3.get_object(Bucket=bucket.name, Key=item["Key"])["Body"].read().decode()
                for line in body.splitlines():
                    value = json.loads(line)["value"]
                    if value in wanted:
                        seen[value] = seen.get(value, 0) + 1
    return seen


def _last_offset(key: str) -> int:
    """Read the last offset from an object's name, `FIRST-LAST.jsonl`."""
    try:
        return int(key.rsplit("/", 1)[1].removesuffix(".jsonl").rsplit("-", 1)[1])
    except (IndexError, ValueError):
        return -1


def await_arrival(
    access: Access, sink: Connector, batch: Batch, watch: Watch, gave_up: Callable[[], str] = lambda: ""
) -> dict[str, int]:
    """Wait until every value of a batch is in the bucket; returns what is there.

    Args:
        access: the way into the environment.
        sink: whose records they are.
        batch: what was sent.
        watch: the probe's clock; waiting ends when its time is nearly over.
        gave_up: returns why the sink will not deliver any more, empty while it may; asked now and then.
    """
    watch.waiting(f"{len(batch.values)} records of {batch.topic} in the bucket")
    asked = time.monotonic()
    while True:
        seen = arrived(access, sink, batch)
        if len(seen) == len(batch.values) or watch.remaining() < 2.0:
            return seen
        if time.monotonic() - asked > _ASK_S:
            if gave_up():
                return arrived(access, sink, batch)
            asked = time.monotonic()
        time.sleep(_POLL_S)


def numbers(access: Access, topic: str, at_least: int, watch: Watch, *, since: Iterable[int] = ()) -> list[int]:
    """Return the numbers that the canary source has written to a topic, in no certain order.

    Args:
        access: the way into the environment.
        topic: the source's.
        at_least: how many different numbers to wait for, beyond those of `since`.
        watch: the probe's clock.
        since: numbers that were seen before.

    Raises:
        ProbeError: the topic cannot be read.
    """
    watch.waiting(f"{at_least} numbers in {topic}")
    consumer = Consumer({**_quiet(access, watch), "group.id": "ephk-verify", "enable.auto.commit": False})
    known, found = set(since), list[int]()
    try:
        partitions = consumer.list_topics(topic, timeout=watch.remaining(ANSWER_S)).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        while len(set(found) - known) < at_least and watch.remaining() > 2.0:
            for message in consumer.consume(100, timeout=0.2):
                if message.error():
                    raise ProbeError(f"{topic} cannot be read: {message.error()}")
                found.append(int(message.value()))
    except KafkaException as error:
        raise ProbeError(f"{topic} cannot be read: {error.args[0].str()}") from error
    finally:
        consumer.close()
    return found
