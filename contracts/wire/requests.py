"""The few requests that probes send, as functions over a connection (Apache Kafka documentation, "Protocol")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from contracts.wire import codec
from contracts.wire.connection import BrokerConnection
from contracts.wire.errors import WireError, error_name

T = TypeVar("T")

_PRODUCE, _FETCH, _LIST_OFFSETS, _METADATA, _HEARTBEAT = 0, 1, 2, 3, 12
_FIND_COORDINATOR, _LEAVE_GROUP, _SASL_HANDSHAKE, _DELETE_GROUPS = 10, 13, 17, 42
_API_VERSIONS, _CREATE_TOPICS, _DELETE_TOPICS, _DELETE_RECORDS = 18, 19, 20, 21
EARLIEST, LATEST = -2, -1

#: Bits of an authorized-operations field are AclOperation codes (KIP-430).
_OPERATIONS = {
    3: "READ",
    4: "WRITE",
    5: "CREATE",
    6: "DELETE",
    7: "ALTER",
    8: "DESCRIBE",
    9: "CLUSTER_ACTION",
    10: "DESCRIBE_CONFIGS",
    11: "ALTER_CONFIGS",
    12: "IDEMPOTENT_WRITE",
}


@dataclass(frozen=True)
class Broker:
    """A broker as it advertises itself on one listener."""

    id: int
    host: str
    port: int


@dataclass(frozen=True)
class TopicMetadata:
    """A topic as one principal sees it.

    Attributes:
        error: Kafka's code; 29 means that the principal may not describe it.
        leaders: the leading broker's id by partition.
        replicas: how many replicas each partition has.
        in_sync: how many of them are in sync.
        placement: the brokers that have a replica of each partition, the preferred leader first.
        operations: what the broker says that the principal may do (KIP-430); None when it did not say.
    """

    name: str
    error: int
    leaders: dict[int, int]
    replicas: dict[int, int]
    in_sync: dict[int, int]
    placement: dict[int, tuple[int, ...]]
    operations: frozenset[str] | None


@dataclass(frozen=True)
class NewTopic:
    """A topic that is to be created."""

    name: str
    partitions: int
    replicas: int
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Metadata:
    """What a broker knows of the cluster."""

    brokers: tuple[Broker, ...]
    controller_id: int
    topics: dict[str, TopicMetadata]


def operations(bits: int) -> frozenset[str] | None:
    """Decode an authorized-operations field; the lowest 32-bit integer means that it was not sent."""
    if bits == -(2**31):
        return None
    return frozenset(name for bit, name in _OPERATIONS.items() if bits >> bit & 1)


def api_versions(connection: BrokerConnection) -> dict[int, tuple[int, int]]:
    """Return the versions (lowest, highest) of each API key that the broker offers."""
    reader = connection.request(_API_VERSIONS, 0, b"")
    reader.int16()
    return dict(reader.array(lambda: (reader.int16(), (reader.int16(), reader.int16()))))


def sasl_mechanisms(connection: BrokerConnection) -> tuple[int, tuple[str, ...]]:
    """Ask for a mechanism that does not exist and return (error code, the mechanisms offered instead).

    The connection must not have authenticated; the broker closes it after its answer.
    """
    reader = connection.request(_SASL_HANDSHAKE, 1, codec.string("EPHK-PROBE"))
    return reader.int16(), tuple(reader.array(reader.string))


def metadata(connection: BrokerConnection, topics: list[str] | None) -> Metadata:
    """Return brokers and topics (None: every topic that the principal may see), without creating any."""
    names = None if topics is None else [codec.string(name) for name in topics]
    flags = codec.boolean(False) + codec.boolean(False) + codec.boolean(True)
    reader = connection.request(_METADATA, 8, codec.array(names) + flags)
    reader.int32()

    def broker() -> Broker:
        found = Broker(reader.int32(), reader.string(), reader.int32())
        reader.string()  # rack
        return found

    def partition() -> tuple[int, int, tuple[int, ...], int]:
        reader.int16()
        index, leader = reader.int32(), reader.int32()
        reader.int32()  # leader epoch
        replicas, in_sync = reader.array(reader.int32), reader.array(reader.int32)
        reader.array(reader.int32)  # offline
        return index, leader, tuple(replicas), len(in_sync)

    def topic() -> TopicMetadata:
        error, name = reader.int16(), reader.string()
        reader.int8()  # whether it is internal
        partitions = reader.array(partition)
        placement = {index: brokers for index, _, brokers, _ in partitions}
        return TopicMetadata(
            name=name,
            error=error,
            leaders={index: leader for index, leader, _, _ in partitions},
            replicas={index: len(brokers) for index, brokers in placement.items()},
            in_sync={index: count for index, _, _, count in partitions},
            placement=placement,
            operations=operations(reader.int32()),
        )

    brokers = tuple(reader.array(broker))
    reader.string()  # the cluster's id
    controller = reader.int32()
    return Metadata(brokers, controller, {found.name: found for found in reader.array(topic)})


def _corrupt_batch() -> bytes:
    value = b"ephk-probe"
    # Attributes, timestamp delta, offset delta, no key (zigzag -1), the value, no headers.
    record = b"\x00\x00\x00\x01" + bytes([len(value) * 2]) + value + b"\x00"
    after_checksum = (
        codec.int16(0)  # attributes
        + codec.int32(0)  # last offset delta
        + codec.int64(1) * 2  # base and highest timestamp
        + codec.int64(-1)  # producer id
        + codec.int16(-1)  # producer epoch
        + codec.int32(-1)  # base sequence
        + codec.array([bytes([len(record) * 2]) + record])
    )
    after_length = codec.int32(0) + codec.int8(2) + b"\xde\xad\xbe\xef" + after_checksum  # epoch, magic, checksum
    return codec.int64(0) + codec.blob(after_length)  # base offset


#: A complete record batch (magic 2, one record) whose CRC-32C is wrong: a broker that authorizes the
#: request answers CORRUPT_MESSAGE and stores nothing; one that does not never looks at it.
CORRUPT_BATCH = _corrupt_batch()


def produce_corrupt(connection: BrokerConnection, topic: str, partition: int = 0) -> int:
    """Ask to append the corrupt batch and return Kafka's error code; nothing is ever stored."""
    partitions = codec.array([codec.int32(partition) + codec.blob(CORRUPT_BATCH)])
    body = codec.string(None) + codec.int16(-1) + codec.int32(5000)
    reader = connection.request(_PRODUCE, 3, body + codec.array([codec.string(topic) + partitions]))

    def answer() -> int:
        reader.int32()
        code = reader.int16()
        reader.int64()
        reader.int64()
        return code

    return _only(reader.array(lambda: (reader.string(), reader.array(answer))))


def fetch(connection: BrokerConnection, topic: str, partition: int = 0, offset: int = 0) -> int:
    """Ask for records, without waiting for any, and return Kafka's error code."""
    partitions = codec.array([codec.int32(partition) + codec.int64(offset) + codec.int32(1024)])
    body = codec.int32(-1) + codec.int32(0) + codec.int32(0) + codec.int32(1024) + codec.int8(0)
    reader = connection.request(_FETCH, 4, body + codec.array([codec.string(topic) + partitions]))
    reader.int32()

    def answer() -> int:
        reader.int32()
        code = reader.int16()
        reader.int64()
        reader.int64()
        reader.array(lambda: (reader.int64(), reader.int64()))
        reader.blob()
        return code

    return _only(reader.array(lambda: (reader.string(), reader.array(answer))))


def first_batch_codec(connection: BrokerConnection, topic: str, partition: int = 0) -> int:
    """Return the codec (0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd) of the batch at the log's beginning; ask the leader.

    Fetch version 10 is the first that may answer with zstd (KIP-110).

    Raises:
        WireError: the broker refused, or there is no batch.
    """
    wanted = codec.int32(partition) + codec.int32(-1) + codec.int64(0) + codec.int64(-1) + codec.int32(65536)
    body = codec.int32(-1) + codec.int32(1000) + codec.int32(1) + codec.int32(65536) + codec.int8(0)
    session = codec.int32(0) + codec.int32(-1)
    topics = codec.array([codec.string(topic) + codec.array([wanted])])
    reader = connection.request(_FETCH, 10, body + session + topics + codec.array([]))
    reader.int32()
    refused = reader.int16()
    reader.int32()

    def answer() -> tuple[int, bytes]:
        reader.int32()
        code = reader.int16()
        for _ in ("high watermark", "last stable offset", "log start offset"):
            reader.int64()
        reader.array(lambda: (reader.int64(), reader.int64()))
        return code, reader.blob()

    code, records = (refused, b"") if refused else _only(reader.array(lambda: (reader.string(), reader.array(answer))))
    attributes = records[21:23]  # after offset, length, leader epoch, magic and checksum
    if code != 0 or len(attributes) != 2:
        raise WireError(connection.address, f"no batch of {topic} could be read: {error_name(code)}")
    return attributes[1] & 0x07


def coordinator(connection: BrokerConnection, group: str) -> tuple[int, Broker]:
    """Return (error code, the broker that coordinates a consumer group)."""
    reader = connection.request(_FIND_COORDINATOR, 1, codec.string(group) + codec.int8(0))
    reader.int32()
    code = reader.int16()
    reader.string()
    return code, Broker(reader.int32(), reader.string(), reader.int32())


def delete_group(connection: BrokerConnection, group: str) -> int:
    """Delete an empty consumer group with its offsets (ask its coordinator) and return the error code."""
    reader = connection.request(_DELETE_GROUPS, 0, codec.array([codec.string(group)]))
    reader.int32()
    return reader.array(lambda: (reader.string(), reader.int16()))[0][1]


def remove_static_member(connection: BrokerConnection, group: str, instance: str) -> int:
    """Take a static member out of a consumer group (ask its coordinator) and return the error code; KIP-345."""
    members = codec.array([codec.string("") + codec.string(instance)])
    reader = connection.request(_LEAVE_GROUP, 3, codec.string(group) + members)
    reader.int32()
    code = reader.int16()
    of_members = reader.array(lambda: (reader.string(), reader.string(), reader.int16()))
    return code or next((problem for _, _, problem in of_members), 0)


def heartbeat(connection: BrokerConnection, group: str) -> int:
    """Send a heartbeat of a member that does not exist; it needs READ on the group and changes nothing."""
    reader = connection.request(_HEARTBEAT, 1, codec.string(group) + codec.int32(1) + codec.string("ephk-probe"))
    reader.int32()
    return reader.int16()


def list_offset(connection: BrokerConnection, topic: str, partition: int, which: int) -> tuple[int, int]:
    """Return (error code, offset) of a partition's EARLIEST or LATEST offset; ask the partition's leader."""
    partitions = codec.array([codec.int32(partition) + codec.int64(which)])
    reader = connection.request(_LIST_OFFSETS, 1, codec.int32(-1) + codec.array([codec.string(topic) + partitions]))

    def answer() -> tuple[int, int]:
        reader.int32()
        code = reader.int16()
        reader.int64()
        return code, reader.int64()

    return _only(reader.array(lambda: (reader.string(), reader.array(answer))))


def create_topics(
    connection: BrokerConnection, topics: Sequence[NewTopic], *, timeout_ms: int
) -> dict[str, tuple[int, str]]:
    """Create topics and return (error code, message) by name; a KRaft broker passes it on to the controller."""
    wanted = [
        codec.string(topic.name)
        + codec.int32(topic.partitions)
        + codec.int16(topic.replicas)
        + codec.array([])  # no assignment of our own
        + codec.array([codec.string(name) + codec.string(value) for name, value in topic.config.items()])
        for topic in topics
    ]
    body = codec.array(wanted) + codec.int32(timeout_ms) + codec.boolean(False)
    reader = connection.request(_CREATE_TOPICS, 2, body, timeout_s=max(connection.timeout_s, timeout_ms / 1000))
    reader.int32()
    return dict(reader.array(lambda: (reader.string(), (reader.int16(), reader.string()))))


def delete_topic(connection: BrokerConnection, topic: str, *, timeout_ms: int) -> int:
    """Delete a topic (ask the controller) and return the error code."""
    reader = connection.request(_DELETE_TOPICS, 1, codec.array([codec.string(topic)]) + codec.int32(timeout_ms))
    reader.int32()
    return reader.array(lambda: (reader.string(), reader.int16()))[0][1]


def delete_records(connection: BrokerConnection, topic: str, partition: int, before: int, *, timeout_ms: int) -> int:
    """Delete a partition's records below an offset (ask the leader) and return the error code."""
    partitions = codec.array([codec.int32(partition) + codec.int64(before)])
    reader = connection.request(
        _DELETE_RECORDS, 0, codec.array([codec.string(topic) + partitions]) + codec.int32(timeout_ms)
    )
    reader.int32()

    def answer() -> int:
        reader.int32()
        reader.int64()
        return reader.int16()

    return _only(reader.array(lambda: (reader.string(), reader.array(answer))))


def _only(topics: list[tuple[str, list[T]]]) -> T:
    return topics[0][1][0]
