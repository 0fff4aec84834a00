"""The `server.properties` of an MSK configuration: what may be set, to which values, and what the brokers get.

Source of names and limits: "Custom Amazon MSK configurations" and "Default Amazon MSK configuration", Amazon MSK
Developer Guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from orchestrator.embedded.gateway.service import AwsError

Check = Callable[[str], str | None]


def _integer(minimum: int | None = None, maximum: int | None = None) -> Check:
    def check(value: str) -> str | None:
        if not re.fullmatch(r"-?\d+", value):
            return "must be an integer"
        number = int(value)
        if minimum is not None and number < minimum:
            return f"must be at least {minimum}"
        if maximum is not None and number > maximum:
            return f"must be at most {maximum}"
        return None

    return check


def _ratio(value: str) -> str | None:
    try:
        return None if 0 <= float(value) <= 1 else "must be between 0 and 1"
    except ValueError:
        return "must be a number between 0 and 1"


def _one_of(*choices: str) -> Check:
    return lambda value: None if value in choices else f"must be one of {', '.join(choices)}"


def _list_of(*choices: str) -> Check:
    def check(value: str) -> str | None:
        parts = [part.strip() for part in value.split(",")]
        return None if all(part in choices for part in parts) else f"must be a list of {', '.join(choices)}"

    return check


_BOOLEAN = _one_of("true", "false")
_COUNT = _integer(1)
_SIZE = _integer(0)
_MILLISECONDS = _integer(0)
_UNLIMITED = _integer(-1)

ALLOWED: Mapping[str, Check] = {
    "allow.everyone.if.no.acl.found": _BOOLEAN,
    "auto.create.topics.enable": _BOOLEAN,
    "compression.type": _one_of("gzip", "snappy", "lz4", "zstd", "uncompressed", "producer"),
    "connections.max.idle.ms": _UNLIMITED,
    "default.replication.factor": _COUNT,
    "delete.topic.enable": _BOOLEAN,
    "group.initial.rebalance.delay.ms": _MILLISECONDS,
    "group.max.session.timeout.ms": _COUNT,
    "group.min.session.timeout.ms": _COUNT,
    "leader.imbalance.per.broker.percentage": _integer(0),
    "log.cleaner.delete.retention.ms": _MILLISECONDS,
    "log.cleaner.min.cleanable.ratio": _ratio,
    "log.cleanup.policy": _list_of("delete", "compact"),
    "log.flush.interval.messages": _COUNT,
    "log.flush.interval.ms": _MILLISECONDS,
    "log.message.timestamp.after.max.ms": _MILLISECONDS,
    "log.message.timestamp.before.max.ms": _MILLISECONDS,
    "log.message.timestamp.difference.max.ms": _MILLISECONDS,
    "log.message.timestamp.type": _one_of("CreateTime", "LogAppendTime"),
    "log.retention.bytes": _UNLIMITED,
    "log.retention.hours": _UNLIMITED,
    "log.retention.minutes": _UNLIMITED,
    "log.retention.ms": _UNLIMITED,
    "log.roll.ms": _COUNT,
    "log.segment.bytes": _integer(14),
    "max.incremental.fetch.session.cache.slots": _SIZE,
    "message.max.bytes": _SIZE,
    "min.insync.replicas": _COUNT,
    "num.io.threads": _COUNT,
    "num.network.threads": _COUNT,
    "num.partitions": _COUNT,
    "num.recovery.threads.per.data.dir": _COUNT,
    "num.replica.fetchers": _COUNT,
    "offsets.retention.minutes": _COUNT,
    "offsets.topic.replication.factor": _COUNT,
    "replica.fetch.max.bytes": _SIZE,
    "replica.fetch.response.max.bytes": _SIZE,
    "replica.lag.time.max.ms": _integer(10_000, 30_000),
    "replica.selector.class": _one_of("org.apache.kafka.common.replica.RackAwareReplicaSelector"),
    "replica.socket.receive.buffer.bytes": _UNLIMITED,
    "socket.receive.buffer.bytes": _UNLIMITED,
    "socket.request.max.bytes": _COUNT,
    "socket.send.buffer.bytes": _UNLIMITED,
    "transaction.max.timeout.ms": _COUNT,
    "transaction.state.log.min.isr": _COUNT,
    "transaction.state.log.replication.factor": _COUNT,
    "transactional.id.expiration.ms": _COUNT,
    "unclean.leader.election.enable": _BOOLEAN,
    "zookeeper.connection.timeout.ms": _integer(6_000, 18_000),
    "zookeeper.session.timeout.ms": _integer(6_000, 18_000),
}


def parse(text: str) -> dict[str, str]:
    """Read Java properties: `key=value`, `key: value` or `key value`, comments, lines continued by a backslash.

    A key that appears twice has its last value, as java.util.Properties does it.
    """
    properties: dict[str, str] = {}
    for line in re.sub(r"\\\r?\n[ \t]*", "", text).splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#!":
            continue
        key, _, value = _split(stripped)
        properties[key] = value
    return properties


def _split(line: str) -> tuple[str, str, str]:
    match = re.match(r"([^\s=:]+)(\s*[=:]\s*|\s+|$)(.*)$", line)
    if match is None:  # the line begins with a separator: an empty key
        return "", "=", line.lstrip("=: \t")
    return match[1], match[2], match[3].strip()


def require_allowed(properties: Mapping[str, str]) -> None:
    """Refuse what MSK refuses.

    Raises:
        AwsError: a property is not on MSK's list or has a value out of its range; the message is MSK's JSON list.
    """
    faults = []
    for name, value in properties.items():
        check = ALLOWED.get(name)
        fault = f"Key '{name}' isn't a property that a configuration can set." if check is None else check(value)
        if fault is not None:
            message = fault if check is None else f"The value of '{name}' {fault}."
            faults.append({"name": name, "value": value, "errorMessages": [message]})
    if faults:
        raise AwsError("BadRequestException", json.dumps(faults, indent=2), InvalidParameter="serverProperties")


def broker_properties(configured: Mapping[str, str], *, zones: int, brokers: int) -> dict[str, str]:
    """Return what a cluster's brokers run with: the configuration over MSK's defaults.

    ZooKeeper's properties mean nothing to a KRaft broker and are dropped; the timestamp bound that Kafka 4 removed is
    given by its two successors (KIP-937). Replication defaults never ask for more brokers than there are.

    Args:
        configured: the properties of the cluster's configuration, allowed ones only.
        zones: the number of availability zones.
        brokers: the number of brokers.
    """
    replication = min(3 if zones >= 3 else zones, brokers)
    effective = {
        "allow.everyone.if.no.acl.found": "true",
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(replication),
        "min.insync.replicas": str(2 if replication >= 3 else 1),
        "num.partitions": "1",
        "unclean.leader.election.enable": "true",
    }
    effective.update({name: value for name, value in configured.items() if not name.startswith("zookeeper.")})
    bound = effective.pop("log.message.timestamp.difference.max.ms", None)
    if bound is not None:
        effective.setdefault("log.message.timestamp.before.max.ms", bound)
        effective.setdefault("log.message.timestamp.after.max.ms", bound)
    return effective
