"""Client quotas: one that is set really slows a client down, and there is none that nobody declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confluent_kafka import ThrottleEvent

from contracts.access import ANSWER_S, Access
from contracts.clients.workbench import Workbench
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.wire import BrokerConnection, error_name
from contracts.wire.quotas import Quota, alter_quota, describe_quotas

#: Bytes a second that a probe's client may send to each broker, and the bytes that it sends: twelve seconds' worth. A
#: broker measures over ten seconds (quota.window.num), so it asks for a pause of two (KIP-219).
_RATE = 20_000
_BURST = 240_000
#: Seconds after the last acknowledgement in which the pause must have been asked for: it comes with the answer.
_PATIENCE_S = 5.0
_KEY = "producer_byte_rate"


def judge_throttling(pauses_ms: Mapping[int, int], brokers: Sequence[int], rate: int, sent: int) -> Outcome:
    """Judge whether every broker made a client pause that sent more than its quota.

    Args:
        pauses_ms: the longest pause that each broker asked for, milliseconds.
        brokers: the brokers that it sent to.
        rate: the quota, bytes a second.
        sent: what it sent to each, bytes.
    """
    longest = {f"broker {broker}": pauses_ms.get(broker, 0) for broker in brokers}
    evidence = {"quota_bytes_s": rate, "sent_bytes": sent, "throttle_time_ms": longest}
    for name, pause in longest.items():
        if not pause:
            return Failed(f"{name} took {sent} bytes at once from a client whose quota is {rate} bytes/s", evidence)
    return Verified(evidence)


@contract(
    "client.quota.throttles",
    title="A client quota slows a client down",
    risk="One runaway client takes the cluster from everybody, and the quota that was to stop it does nothing",
    statement="Every broker makes a client pause (throttle_time_ms) that sends more than its producer_byte_rate",
    remediation="Check the entity of the quota (user, client id), and quota.window.num and quota.window.size.seconds",
    documentation="Apache Kafka documentation, Quotas; KIP-546, KIP-219",
    needs=("operator", "writes"),
    layers=("local",),
)
def throttles(access: Access, watch: Watch) -> Outcome:
    """Give a client id of the probe's own a small quota, send more than that to each broker, and remove it."""
    bench = Workbench(access, watch, "quota")
    leaders = bench.leaders()
    client_id = bench.name
    pauses: dict[int, int] = {}

    def on_throttle(event: ThrottleEvent) -> None:
        pauses[event.broker_id] = max(pauses.get(event.broker_id, 0), round(event.throttle_time * 1000))

    _alter(access, client_id, {_KEY: float(_RATE)}, watch)
    access.on_close(lambda: _alter(access, client_id, {_KEY: None}, Watch(ANSWER_S)))
    _wait_known(access, client_id, watch)
    producer = bench.producer(client_id=client_id, throttle_cb=on_throttle)
    try:
        for _ in range(2):  # a broker counts a request when it has answered, so the second one meets the quota
            bench.send(producer, {partition: [bytes(_BURST // 2)] for partition in leaders})
        clock = Watch(watch.remaining(_PATIENCE_S))
        while not set(leaders.values()) <= pauses.keys() and clock.remaining() > 0.1:
            producer.poll(0.05)
    finally:
        _alter(access, client_id, {_KEY: None}, watch)
    return judge_throttling(pauses, sorted(set(leaders.values())), _RATE, _BURST)


def _alter(access: Access, client_id: str, values: Mapping[str, float | None], watch: Watch) -> None:
    watch.waiting(f"the quota of client {client_id}")
    code, message = alter_quota(access.any_connection(access.operator, watch), {"client-id": client_id}, values)
    if code != 0:
        raise ProbeError(f"the quota cannot be changed: {error_name(code)} {message}".rstrip())


def _wait_known(access: Access, client_id: str, watch: Watch) -> None:
    """Wait until every broker knows the quota: each takes it from the metadata log by itself."""
    for address in access.brokers(access.operator, watch).values():
        connection = access.connection(access.operator, address, watch)
        while not any(("client-id", client_id) in quota.entity for quota in _described(connection)):
            watch.waiting(f"{address} to know the quota")
            if watch.remaining() <= 0.1:
                raise ProbeError(f"{address} does not know the quota that was set")


def judge_quotas(held: Mapping[int, Sequence[Quota]], own: str) -> Outcome:
    """Judge the quotas that each broker holds; the spec declares none.

    Args:
        held: by broker.
        own: the beginning of the names that probes of this run make for themselves.
    """
    foreign = {
        broker: [quota for quota in quotas if not any(name.startswith(own) for _, name in quota.entity)]
        for broker, quotas in held.items()
    }
    evidence = {"quotas": {f"broker {broker}": [str(quota) for quota in quotas] for broker, quotas in foreign.items()}}
    for broker, quotas in foreign.items():
        if quotas:
            return Failed(f"broker {broker} has a quota that nobody declared: {quotas[0]}", evidence)
    return Verified(evidence)


@contract(
    "client.quota.drift",
    title="No quota that nobody declared",
    risk="A quota left over from an incident slows an application down, and everybody looks for the cause elsewhere",
    statement="No broker holds a client quota that the environment does not declare",
    remediation="Remove it: kafka-configs.sh --alter --delete-config, for the entity that the reason names",
    documentation="KIP-546, Add Client Quota APIs to the Admin Client",
    needs=("operator",),
)
def drift(access: Access, watch: Watch) -> Outcome:
    """Ask every broker for every quota."""
    held: dict[int, Sequence[Quota]] = {}
    for broker, address in access.brokers(access.operator, watch).items():
        watch.waiting(f"the quotas that broker {broker} holds")
        held[broker] = _described(access.connection(access.operator, address, watch))
    return judge_quotas(held, access.probe_topic_name)


def _described(connection: BrokerConnection) -> Sequence[Quota]:
    code, message, quotas = describe_quotas(connection)
    if code != 0:
        raise ProbeError(f"quotas cannot be listed: {error_name(code)} {message}".rstrip())
    return quotas
