"""The client version matrix: real clients of several versions, over each way to authenticate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping

import confluent_kafka

from contracts.access import Access
from contracts.clients import scratch_acls
from contracts.clients.java import ClientRun, client_properties, role_properties, run_java
from contracts.clients.workbench import SILENT, Workbench
from contracts.diagnosis import explain_kafka
from contracts.model import Failed, NotCovered, Outcome, ProbeError, Verified, Watch
from contracts.registry import Member, family
from orchestrator.environment import Environment, Listener, Principal
from orchestrator.java_client_versions import VERSIONS, JavaClient

_RECORDS = 20
_LIBRDKAFKA = "librdkafka"
#: Two JVMs at a time: each takes a processor for its start.
_JVMS = threading.BoundedSemaphore(2)
_TOO_OLD = (
    "protocol.version.unsupported",
    "the client is too old: Kafka 4 dropped protocol versions that clients before 2.1 may need (KIP-896)",
)
#: How a client meets a version that brokers dropped but still name in their answer to ApiVersions, as Kafka 4 does
#: with the first versions of Produce: the connection is closed without a word.
_DISCONNECTED = frozenset({"NetworkException", "DisconnectException"})
#: What the Java client calls the refusals of a broker.
_REFUSALS = {
    confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED: "TopicAuthorizationException",
    confluent_kafka.KafkaError.GROUP_AUTHORIZATION_FAILED: "GroupAuthorizationException",
}
#: The oldest client that Kafka 4 promises to serve (KIP-896).
_OLDEST = (2, 1)
#: What the innermost exception of a Java client means: a stable code and the cause.
_MEANINGS = {
    "UnsupportedVersionException": _TOO_OLD,
    "SaslAuthenticationException": ("sasl.credentials.refused", "the brokers do not accept the client's credentials"),
    "SslAuthenticationException": ("tls.refused", "client and brokers do not trust each other's certificates"),
    "SSLHandshakeException": ("tls.refused", "client and brokers do not agree on TLS"),
    "TopicAuthorizationException": ("acl.topic.denied", "the client may not use the topic"),
    "GroupAuthorizationException": ("acl.group.denied", "the client may not use the group"),
    "TimeoutException": ("timeout", "the brokers did not answer in time"),
}


def diagnose(run: ClientRun) -> tuple[str, str]:
    """Return a stable code and one sentence for what a Java client met."""
    kind = run.error.rsplit(".", 1)[-1]
    code, cause = _MEANINGS.get(kind, ("unknown", "the client failed"))
    if kind in _DISCONNECTED and _release(run.version) < _OLDEST:
        code, cause = _TOO_OLD
    return code, f"{cause} ({kind}: {run.message})"


def _release(version: str) -> tuple[int, ...]:
    """Return major and minor of a version; a very new one when it cannot be read, so that nothing is claimed."""
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else (999,)


def judge_run(run: ClientRun, records: int) -> Outcome:
    """Judge what a client did with `records` records."""
    evidence = {
        "version": run.version,
        "acked": run.acked,
        "consumed": run.consumed,
        "produce_ms": run.produce_ms,
        "consume_ms": run.consume_ms,
    }
    if run.error:
        code, cause = diagnose(run)
        if code == "timeout":
            raise ProbeError(f"client {run.version}: {cause}", evidence | {"diagnosis": code})
        return Failed(f"client {run.version}: {cause}", evidence | {"diagnosis": code})
    if run.acked < records or run.consumed < records:
        return Failed(f"{records} records were sent, {run.acked} acknowledged and {run.consumed} read back", evidence)
    return Verified(evidence)


@family(
    "clients.matrix.<client>.<auth>",
    title="A client of this version works",
    risk="An upgrade of brokers or clients stops applications that nobody has tried together",
    statement="A client of this version produces, consumes in a group and commits over this authentication",
    remediation="Upgrade the client, or keep brokers that still speak its protocol versions",
    documentation="KIP-896, Remove old client protocol API versions in Kafka 4.0",
    needs=("operator", "listeners", "writes"),
    layers=("local",),
    deadline_s=90.0,
    slow=True,
)
def matrix(environment: Environment) -> Iterable[Member]:
    """Expand to each client over each listener."""
    for client in (_LIBRDKAFKA, *(f"java-{version}" for version in VERSIONS)):
        for listener in environment.cluster.bootstrap:
            yield Member(
                f"clients.matrix.{client}.{listener}",
                f"{client} produces, consumes in a group and commits over {listener}",
                lambda access, watch, c=client, a=listener: _probe(c, a, access, watch),  # type: ignore[misc]
                title=f"{client} over {listener}",
            )


def _probe(client: str, listener: Listener, access: Access, watch: Watch) -> Outcome:
    if client == _LIBRDKAFKA:
        return judge_run(_librdkafka(listener, access, watch), _RECORDS)
    version = client.removeprefix("java-")
    found = _java_client(version)
    if found is None:
        return NotCovered(f"the Java client {version} is not in the cache; 'ephk setup --client-matrix' fetches it")
    watch.waiting(f"the Java client {version}")
    # One JVM for all ways to authenticate: its start costs more than a case.
    runs = access.once(("java client", version), lambda: java_runs(found, access, watch), watch)
    if listener not in runs:
        raise ProbeError(f"the Java client {version} gave no answer for {listener}")
    return judge_run(runs[listener], _RECORDS)


def _java_client(version: str) -> JavaClient | None:
    from orchestrator.target import java_clients

    return java_clients(versions=(version,)).get(version)


def _identities(access: Access) -> dict[Listener, Principal]:
    """Return who connects on each listener: declared identities, and the operator over IAM, who may use any topic."""
    return {
        listener: access.operator if listener == "iam" else access.identity(listener)
        for listener in access.environment.cluster.bootstrap
    }


def open_bench(access: Access, watch: Watch) -> tuple[Workbench, dict[Listener, Principal]]:
    """Return the matrix's topic, open to its identities; made once for all clients."""

    def make() -> tuple[Workbench, dict[Listener, Principal]]:
        who = _identities(access)
        bench = Workbench(access, watch, "matrix", partitions=1)
        scratch_acls.grant(access, watch, bench.name, list(who.values()))
        bench.leaders()
        return bench, who

    return access.once("client matrix", make, watch)


def java_runs(client: JavaClient, access: Access, watch: Watch) -> Mapping[str, ClientRun]:
    """Run one Java client over every listener."""
    bench, who = open_bench(access, watch)
    cases: dict[str, dict[str, str]] = {}
    for listener, principal in who.items():
        group = f"{bench.name}-java-{client.version}-{listener}"
        bench.forget_later(group)
        ours = {"ephk.topic": bench.name, "ephk.group": group, "ephk.records": str(_RECORDS)}
        cases[listener] = client_properties(access, principal, watch) | ours
    if "iam" in who:
        cases["system"] = role_properties(access, who["iam"], watch)
    with _JVMS:
        return run_java(client, cases, watch)


def _refused(version: str, error: confluent_kafka.KafkaError, acked: int) -> ClientRun:
    """Return the run of a client that a broker refused, in the words of the Java client."""
    return ClientRun(
        f"{version} (librdkafka)", acked, 0, error=_REFUSALS.get(error.code(), error.name()), message=error.str()
    )


def _librdkafka(listener: Listener, access: Access, watch: Watch) -> ClientRun:
    """Do what the Java program does, with librdkafka."""
    bench, who = open_bench(access, watch)
    name, _ = confluent_kafka.libversion()
    config = access.librdkafka(who[listener], watch) | {"error_cb": lambda _error: None}
    values = {f"{listener}-{number}".encode() for number in range(_RECORDS)}
    missing, acked = set(values), 0
    group = f"{bench.name}-librdkafka-{listener}"
    bench.forget_later(group)
    begun = time.monotonic()
    try:
        producer = confluent_kafka.Producer({**config, "acks": "all", "enable.idempotence": True}, logger=SILENT)
        reports = bench.send(producer, {0: list(values)})
        acked, produced = sum(error is None for error, _ in reports), time.monotonic()
        if refused := next((error for error, _ in reports if error is not None), None):
            return _refused(name, refused, acked)
        usual = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        consumer = confluent_kafka.Consumer({**config, **usual}, logger=SILENT)
        try:
            consumer.subscribe([bench.name])
            watch.waiting(f"{listener}: the records of {bench.name}")
            while missing and watch.remaining() > 1:
                message = consumer.poll(0.2)
                problem = message.error() if message is not None else None
                if problem is not None and problem.code() in _REFUSALS:
                    return _refused(name, problem, acked)
                if message is not None and problem is None:
                    missing.discard(message.value() or b"")
            consumer.commit(asynchronous=False)
        finally:
            consumer.close()
    except confluent_kafka.KafkaException as error:
        cause = error.args[0]
        diagnosis = explain_kafka(cause.code(), cause.str())
        raise ProbeError(f"librdkafka {name}: {diagnosis.sentence()}", {"diagnosis": diagnosis.code}) from None
    produce_ms, consume_ms = int((produced - begun) * 1000), int((time.monotonic() - produced) * 1000)
    return ClientRun(f"{name} (librdkafka)", acked, len(values) - len(missing), produce_ms, consume_ms)
