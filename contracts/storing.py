"""Proof that data flows: a record that is really stored (and removed again), a fetch from every leader.

Probes leave an application's data alone. A record is stored only in a partition that has none, and is
deleted up to its own offset, so nothing but the probe's record can go; the application's first offset
there becomes 1. Where that is impossible the result's evidence says why no record was stored; the
brokers' authorization has been shown by then all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from contracts.access import ANSWER_S, Access
from contracts.diagnosis import explain_kafka
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.wire import BrokerConnection, error_name, requests
from orchestrator.environment import Principal

_DENIED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
HEADER = "ephk-probe"
_OFFSET_OUT_OF_RANGE = 1


class ProbeProducer:
    """A librdkafka producer of one principal, shared by the probes of one run.

    Args:
        config: the principal's librdkafka configuration.
        patience_s: seconds for the delivery of a record.
    """

    def __init__(self, config: Mapping[str, object], patience_s: float) -> None:
        self.errors: list[KafkaError] = []
        self._producer = Producer(
            {
                **config,
                "acks": "all",
                "linger.ms": 0,
                "message.timeout.ms": int(patience_s * 1000),
                "error_cb": self.errors.append,
                "log_level": 0,  # what matters comes through error_cb
            }
        )

    def send(self, topic: str, partition: int, value: bytes, watch: Watch) -> int:
        """Store one record and return its offset.

        Raises:
            KafkaException: the record was refused.
            ProbeError: nothing was heard in time; says what the client met meanwhile.
        """
        done = threading.Event()
        answer: list[tuple[KafkaError | None, Message]] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            answer.append((error, message))
            done.set()

        self._producer.produce(
            topic, value=value, key=HEADER, partition=partition, headers=[(HEADER, value)], on_delivery=delivered
        )
        while not done.is_set() and watch.remaining() > 0.1:
            self._producer.poll(0.05)
        error = answer[0][0] if answer else KafkaError(KafkaError._MSG_TIMED_OUT)
        if error is None:
            return int(answer[0][1].offset())
        if error.code() in (KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT):
            reasons = "; ".join(dict.fromkeys(explain_kafka(e.code(), e.str()).cause for e in self.errors))
            raise ProbeError(f"the record was not delivered in time: {reasons or error.str()}")
        raise KafkaException(error)


def _empty_partition(access: Access, principal: Principal, topic: str, watch: Watch) -> tuple[int, int] | None:
    """Return (partition, next offset) of a partition without records, as the principal sees it."""
    seen = requests.metadata(access.any_connection(principal, watch), [topic]).topics[topic]
    for partition in sorted(seen.leaders):
        leader = access.leader_connection(principal, topic, partition, watch)
        earliest_code, earliest = requests.list_offset(leader, topic, partition, requests.EARLIEST)
        latest_code, latest = requests.list_offset(leader, topic, partition, requests.LATEST)
        if earliest_code == latest_code == 0 and earliest == latest:
            return partition, latest
    return None


def _why_not(access: Access, topic: str) -> str | None:
    """Return why no record may be stored, or could not be removed again; None when it may and could."""
    if access.environment.read_only:
        return "the environment is somebody else's, and nothing is written to it"
    if "operator" not in access.environment.roles or "iam" not in access.environment.cluster.bootstrap:
        return "there is no operator who could delete it again"
    declared = {found.name: found for found in access.environment.topics}.get(topic)
    policy = declared.config.get("cleanup.policy", "delete") if declared else "delete"
    if "delete" not in policy:
        return "the topic is compacted, and records cannot be deleted from it"
    return None


def store(access: Access, principal: Principal, topic: str, evidence: dict[str, Any], watch: Watch) -> Outcome:
    """Produce one record with a real client and delete it; `evidence` is what has been shown already."""
    if reason := _why_not(access, topic):
        return Verified({**evidence, "stored": f"no record: {reason}"})
    with access.topic_lock(topic):
        watch.waiting(f"an empty partition of {topic}")
        empty = _empty_partition(access, principal, topic, watch)
        if empty is None:
            return Verified({**evidence, "stored": "no record: every partition has data"})
        partition, expected = empty
        producer = access.once(
            ("producer", principal.name),
            lambda: ProbeProducer(access.librdkafka(principal, watch), watch.patience(ANSWER_S)),
            watch,
        )
        watch.waiting(f"a record of {principal.name} to be stored in {topic}")
        try:
            offset = producer.send(topic, partition, access.environment.lease_id.encode(), watch)
        except KafkaException as error:
            problem = error.args[0]
            if problem.code() in _DENIED:
                return Failed(f"a client's record was refused: {problem.name()}", evidence)
            raise
        where = {"partition": partition, "offset": offset}
        if offset != expected:
            return Verified({**evidence, "stored": where, "removed": "no: the application wrote meanwhile"})
        watch.waiting(f"the operator to delete the record from {topic}")
        leader = access.leader_connection(access.operator, topic, partition, watch)
        code = requests.delete_records(leader, topic, partition, offset + 1, timeout_ms=int(ANSWER_S * 1000))
        removed = "yes" if code == 0 else f"no: {error_name(code)}"
        return Verified({**evidence, "stored": where, "removed": removed})


def read(access: Access, principal: Principal, topic: str, evidence: dict[str, Any], watch: Watch) -> Outcome:
    """Fetch from the beginning of every partition at its leader; no group and no offset is touched."""
    seen = requests.metadata(access.any_connection(principal, watch), [topic]).topics[topic]
    offsets: dict[str, int] = {}
    for partition in sorted(seen.leaders):
        watch.waiting(f"records of partition {partition} of {topic}")
        leader = access.leader_connection(principal, topic, partition, watch)
        code, earliest = _read_beginning(leader, topic, partition, watch)
        if code != 0:
            return Failed(f"partition {partition} of {topic} cannot be read: {error_name(code)}", evidence)
        offsets[str(partition)] = earliest
    return Verified({**evidence, "read_from": offsets})


def _read_beginning(leader: BrokerConnection, topic: str, partition: int, watch: Watch) -> tuple[int, int]:
    """Return (error code, offset) of a fetch from a partition's beginning.

    The beginning moves when records are deleted between the two questions (retention, another probe's record): a
    consumer asks again then, and so does this.
    """
    while True:
        code, earliest = requests.list_offset(leader, topic, partition, requests.EARLIEST)
        if code == 0:
            code = requests.fetch(leader, topic, partition, earliest)
        if code != _OFFSET_OUT_OF_RANGE or watch.remaining() <= 0.1:
            return code, earliest
