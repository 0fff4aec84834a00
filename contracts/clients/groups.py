"""Consumer groups: committed offsets survive a rebalance, with both group protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contracts.access import Access
from contracts.clients.workbench import Workbench, a_consumer, a_producer
from contracts.model import Failed, NotCovered, Outcome, Verified, Watch
from contracts.registry import Member, family
from orchestrator.environment import Environment

Protocol = Literal["classic", "consumer"]
_RECORDS = 10
#: Seconds for one answer of a group's coordinator.
_ASK_S = 3.0
#: A commit of a member that has to join again first (Apache Kafka documentation, "Error Codes").
_REBALANCING = (
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.STALE_MEMBER_EPOCH,
    KafkaError.FENCED_MEMBER_EPOCH,
)
_UNSUPPORTED = (KafkaError.UNSUPPORTED_VERSION, KafkaError._UNSUPPORTED_FEATURE)


def judge_resumption(
    sent: Iterable[str], by_first: Iterable[str], by_second: Iterable[str], committed: Mapping[int, int], end: int
) -> Outcome:
    """Judge two generations of a group.

    Args:
        sent: every record.
        by_first: what the first generation read and committed.
        by_second: what the group read after it had changed hands.
        committed: the group's committed offset of each partition at the end.
        end: the offset after each partition's last record.
    """
    wanted, before, after = set(sent), set(by_first), set(by_second)
    evidence = {"records": len(wanted), "before": len(before), "after": len(after), "committed": dict(committed)}
    if lost := wanted - before - after:
        return Failed(f"{len(lost)} records were read by nobody after the group had changed hands", evidence)
    if again := before & after:
        return Failed(f"{len(again)} records were read again although their offsets had been committed", evidence)
    if behind := {partition: offset for partition, offset in committed.items() if offset != end}:
        partition, offset = next(iter(behind.items()))
        return Failed(f"the committed offset of partition {partition} is {offset}, not {end}", evidence)
    return Verified(evidence)


@family(
    "client.group.<protocol>.resumes",
    title="Committed offsets survive a rebalance",
    risk="After a deployment, consumers read everything again or skip what nobody has read",
    statement="A group resumes at its committed offsets after its members have changed: nothing lost, nothing again",
    remediation="Check the replication of __consumer_offsets and the clients' group protocol",
    documentation="KIP-848, The Next Generation of the Consumer Rebalance Protocol; KIP-62",
    needs=("operator", "writes"),
    layers=("local",),
    slow=True,
)
def groups(environment: Environment) -> Iterable[Member]:  # noqa: ARG001 - the protocols are the same everywhere
    """Expand to one contract for each group protocol."""
    protocols: tuple[Protocol, ...] = ("classic", "consumer")
    for protocol in protocols:
        yield Member(
            f"client.group.{protocol}.resumes",
            f"A group with the {protocol} protocol resumes at its committed offsets after its members have changed",
            lambda access, watch, protocol=protocol: _probe(protocol, access, watch),  # type: ignore[misc]
        )


def _probe(protocol: Protocol, access: Access, watch: Watch) -> Outcome:
    try:
        return _change_hands(protocol, access, watch)
    except KafkaException as error:
        if error.args[0].code() in _UNSUPPORTED:
            return NotCovered(f"the brokers do not speak the {protocol} group protocol")
        raise


def _change_hands(protocol: Protocol, access: Access, watch: Watch) -> Outcome:
    settings = {"group_protocol": protocol}
    clients = [a_producer(), *[a_consumer("group", **settings)] * 3]
    bench = Workbench(access, watch, f"group-{protocol}", partitions=2, clients=clients)
    bench.leaders()
    values = {partition: [f"{partition}-{n}".encode() for n in range(_RECORDS)] for partition in range(2)}
    for error, _ in bench.send(bench.producer(), values):
        if error is not None:
            raise KafkaException(error)
    sent = [value.decode() for items in values.values() for value in items]
    with bench.consumer("group", **settings) as first:
        first.subscribe([bench.name])
        before = _take(bench, first, len(sent) // 2, "the first member's records")
        _commit(first, before)
    with bench.consumer("group", **settings) as second, bench.consumer("group", **settings) as third:
        members = (second, third)
        for member in members:
            member.subscribe([bench.name])
        after = _drain(bench, members, len(sent) - len(before))
        committed = _committed(bench, members, tuple(values))
    return judge_resumption(
        sent,
        (_text(message) for message in before),
        (_text(message) for message in after),
        {place.partition: place.offset for place in committed},
        _RECORDS,
    )


def _text(message: Message) -> str:
    return (message.value() or b"").decode()


def _record(consumer: Consumer) -> Message | None:
    """Return the next record; raises KafkaException for an error that does not pass by itself."""
    message = consumer.poll(0.05)
    if message is None:
        return None
    error = message.error()
    if error is None:
        return message
    if error.code() in _UNSUPPORTED or error.fatal():
        raise KafkaException(error)
    return None


def _commit(consumer: Consumer, messages: Iterable[Message]) -> None:
    """Commit the offset after the last of the messages of each partition."""
    last = {message.partition(): message for message in messages}
    offsets = [TopicPartition(m.topic() or "", m.partition() or 0, (m.offset() or 0) + 1) for m in last.values()]
    consumer.commit(offsets=offsets, asynchronous=False)


def _take(bench: Workbench, consumer: Consumer, count: int, what: str) -> list[Message]:
    found: list[Message] = []

    def enough() -> bool:
        message = _record(consumer)
        if message is not None:
            found.append(message)
        return len(found) >= count

    bench.until(enough, what)
    return found


def _drain(bench: Workbench, members: tuple[Consumer, ...], count: int) -> list[Message]:
    """Let all members read until `count` records have been read; the owners' positions are committed at the end."""
    found: dict[tuple[int | None, int | None], Message] = {}

    def enough() -> bool:
        for member in members:
            message = _record(member)
            if message is not None:
                found[message.partition(), message.offset()] = message
        return len(found) >= count

    bench.until(enough, "the group's records after it had changed hands")
    by_partition: dict[int | None, list[Message]] = {}
    for message in found.values():
        by_partition.setdefault(message.partition(), []).append(message)

    def committed() -> bool:
        """A partition may be on its way from one member to the other: only its owner can commit."""
        for member in members:
            member.poll(0.02)
            for place in member.assignment():
                messages = by_partition.get(place.partition)
                if messages and _may_commit(member, max(messages, key=lambda m: m.offset() or 0)):
                    del by_partition[place.partition]
        return not by_partition

    bench.until(committed, "the group's last commits")
    return list(found.values())


def _committed(bench: Workbench, members: tuple[Consumer, ...], partitions: tuple[int, ...]) -> list[TopicPartition]:
    """Return the group's committed offsets; asked again while a member that looks for its coordinator hears nothing."""
    found: list[TopicPartition] = []

    def answered() -> bool:
        for member in members:
            member.poll(0)
        try:
            found[:] = members[0].committed(
                [TopicPartition(bench.name, partition) for partition in partitions],
                timeout=bench.watch.remaining(_ASK_S),
            )
        except KafkaException as error:
            if error.args[0].code() != KafkaError._TIMED_OUT:
                raise
        return bool(found)

    bench.until(answered, "the group's committed offsets")
    return found


def _may_commit(consumer: Consumer, message: Message) -> bool:
    try:
        _commit(consumer, [message])
    except KafkaException as error:
        if error.args[0].code() in _REBALANCING:
            return False
        raise
    return True
