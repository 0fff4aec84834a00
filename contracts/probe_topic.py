"""A topic that nobody was granted: made by the operator, seen by every broker, deleted when the run is over."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError

from contracts.access import ANSWER_S, Access
from contracts.model import ProbeError, Watch
from contracts.wire import BrokerConnection, error_name, requests
from orchestrator.processes import wait_until

_TIMEOUT_MS = int(ANSWER_S * 1000)
_EXISTS: int = KafkaError.TOPIC_ALREADY_EXISTS
_UNKNOWN: int = KafkaError.UNKNOWN_TOPIC_OR_PART


def ensure(access: Access, watch: Watch) -> str:
    """Create the probe topic, once for all probes of a run, and return its name.

    Raises:
        ProbeError: the operator may not create it, or a broker does not show it in time.
    """
    return access.once("probe topic", lambda: create(access, access.probe_topic_name, watch), watch)


def create(
    access: Access,
    name: str,
    watch: Watch,
    *,
    partitions: int = 1,
    config: Mapping[str, str] | None = None,
    replicas: int | None = None,
) -> str:
    """Create a topic for the length of the run, wait until every broker shows it, and return its name.

    Without `replicas` it has three, or as many as there are brokers.

    Raises:
        ProbeError: the operator may not create it, or a broker does not show it in time.
    """
    watch.waiting(f"the operator to create topic {name}")
    topic = requests.NewTopic(
        name, partitions, replicas or min(3, access.environment.cluster.brokers), dict(config or {})
    )
    code, message = requests.create_topics(_controller(access, watch), [topic], timeout_ms=_TIMEOUT_MS)[name]
    if code not in (0, _EXISTS):
        raise ProbeError(f"the operator may not create topic {name}: {error_name(code)} {message}".rstrip())
    access.on_close(lambda: delete(access, name))
    for address in access.brokers(access.operator, watch).values():
        watch.waiting(f"{address} to show topic {name}")
        connection = access.connection(access.operator, address, watch)
        if not wait_until(lambda c=connection: _shown(c, name), deadline_s=watch.remaining()):
            raise ProbeError(f"{address} does not show topic {name}")
    return name


def _shown(connection: BrokerConnection, name: str) -> bool:
    return requests.metadata(connection, [name]).topics[name].error != _UNKNOWN


def delete(access: Access, name: str) -> None:
    """Delete a topic that a probe has made; one that does not exist is fine."""
    requests.delete_topic(_controller(access, Watch(ANSWER_S)), name, timeout_ms=_TIMEOUT_MS)


def _controller(access: Access, watch: Watch) -> BrokerConnection:
    """Return a connection to the broker that speaks for the controller (KRaft: any; before it: only that one)."""
    first = access.any_connection(access.operator, watch)
    known = requests.metadata(first, [])
    address = access.brokers(access.operator, watch).get(known.controller_id)
    return first if address is None else access.connection(access.operator, address, watch)
