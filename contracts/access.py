"""How probes reach an environment: clients, identities and connections, each made once and shared."""

from __future__ import annotations

import contextlib
import json
import shutil
import ssl
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from contracts import tls
from contracts.credentials import Credentials
from contracts.memo import Memo
from contracts.model import OutOfReachError, ProbeError, Watch
from contracts.wire import BrokerConnection, OAuthBearer, Sasl, Scram, WireError, requests
from orchestrator import kafka_clients
from orchestrator.aws import AwsSession
from orchestrator.environment import Environment, Listener, Principal
from orchestrator.errors import EphkError
from orchestrator.files import write_private
from orchestrator.kafka_clients import ClientKeyPair, impatient

T = TypeVar("T")

#: Seconds for one answer of a broker; a loaded machine needs some, a probe has more than one question.
ANSWER_S = 8.0
_SHORTEST_SECRET = 6


@dataclass(frozen=True, order=True)
class Address:
    """One broker's endpoint on one listener."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_bootstrap(servers: str) -> tuple[Address, ...]:
    """Read `host:port,host:port`; raises ValueError when a port is missing."""
    pairs = (entry.strip().rpartition(":") for entry in servers.split(",") if entry.strip())
    return tuple(Address(host.strip("[]"), int(port)) for host, _, port in pairs)


class Access:
    """One run's way into one environment. Thread-safe; close it when the run is over.

    Args:
        environment: what is probed.
        session: the administrator's or the operator's AWS session.
    """

    def __init__(self, environment: Environment, session: AwsSession) -> None:
        self.environment = environment
        self.session = session
        self.credentials = Credentials(environment, session)
        self._memo = Memo()
        self._connections: list[BrokerConnection] = []
        self._closed = False
        self._lock = threading.Lock()
        self._topic_locks: dict[str, threading.Lock] = {}
        self._directory: Path | None = None
        self._undo: list[Callable[[], object]] = []

    # -- the cloud ------------------------------------------------------------------------------

    def client(self, service: str, *, plain_http: bool = False, through: str | None = None) -> Any:
        """Return a boto3 client of the session; see `AwsSession.client`."""
        return self.session.client(service, plain_http=plain_http, through=through)

    def once(self, key: object, find: Callable[[], T], watch: Watch) -> T:
        """Find something that several probes need once (see `Memo.get`)."""
        return self._memo.get(("probe", key), find, watch)

    # -- identities -----------------------------------------------------------------------------

    @property
    def operator(self) -> Principal:
        """The operator role as a principal; raises EphkError when there is none."""
        return kafka_clients.operator(self.environment)

    def identity(self, listener: Listener) -> Principal:
        """Return somebody who may connect to a listener.

        Raises:
            OutOfReachError: the environment has nobody of that kind.
        """
        known = [principal for principal in self.environment.principals if principal.auth == listener]
        for principal in known:
            if principal.auth == "mtls" or principal.secret_arn is not None or principal.role_arn is not None:
                return principal
        if listener == "iam" and "operator" in self.environment.roles:
            return self.operator
        if listener == "mtls" and self.environment.cluster.certificate_authority_arn is not None:
            name = f"ephk-probe-{self.environment.lease_id}"
            return Principal(name=name, auth="mtls", kafka_principal=f"User:CN={name}")
        if known:
            raise OutOfReachError(f"principal {known[0].name} names nothing that it could prove itself with")
        raise OutOfReachError(f"the environment has no identity that could use the {listener} listener")

    def sasl(self, principal: Principal, watch: Watch) -> Sasl | None:
        """Return how a principal authenticates; None for mTLS."""
        if principal.auth == "scram":
            secret = self.credentials.scram(principal, watch)
            return Scram(secret.username, secret.password)
        if principal.auth == "iam":
            return OAuthBearer(lambda: self.credentials.token(principal, watch)[0])
        return None

    def common_name(self, principal: Principal) -> str:
        """Return the common name that makes a certificate this principal's."""
        return principal.kafka_principal.removeprefix("User:").removeprefix("CN=")

    def scratch(self) -> Path:
        """Return a directory (mode 0700) that is gone after `close`."""
        with self._lock:
            if self._directory is None:
                self._directory = Path(tempfile.mkdtemp(prefix="ephk-verify-"))
            return self._directory

    def key_files(self, pair: ClientKeyPair, watch: Watch) -> tuple[str, str]:
        """Write a key pair to files (mode 0600, gone after `close`), which is the only form that `ssl` takes."""

        def write() -> tuple[str, str]:
            directory = self.scratch()
            with self._lock:
                stem = directory / f"client-{len(list(directory.iterdir()))}"
                certificate, key = stem.with_suffix(".crt"), stem.with_suffix(".key")
                write_private(certificate, pair.certificate_pem)
                write_private(key, pair.key_pem)
            return str(certificate), str(key)

        return self._memo.get(("files", pair.certificate_pem), write, watch)

    def context(self, watch: Watch, pair: ClientKeyPair | None = None) -> ssl.SSLContext:
        """Return a TLS context that trusts the environment's CA and checks names."""
        context = tls.trust(self.environment.cluster.ca_pem)
        if pair is not None:
            context.load_cert_chain(*self.key_files(pair, watch))
        return context

    def principal_context(self, principal: Principal, watch: Watch) -> ssl.SSLContext:
        """Return a principal's TLS context, with its certificate when it uses mTLS; made once."""

        def make() -> ssl.SSLContext:
            if principal.auth != "mtls":
                return self.context(watch)
            return self.context(watch, self.credentials.certificate(self.common_name(principal), watch))

        return self._memo.get(("context", principal.name), make, watch)

    def librdkafka(self, principal: Principal, watch: Watch) -> dict[str, object]:
        """Return a principal's librdkafka configuration, with time-outs that are short on an idle machine."""
        username = password = pair = None
        if principal.auth == "scram":
            secret = self.credentials.scram(principal, watch)
            username, password = secret.username, secret.password
        elif principal.auth == "mtls":
            pair = self.credentials.certificate(self.common_name(principal), watch)
        config = kafka_clients.client_config(
            self.environment,
            principal,
            username=username,
            password=password,
            token_provider=lambda: self.credentials.token(principal, watch),
            key_pair=pair,
        )
        return config | impatient(watch.patience(1.0))

    # -- brokers --------------------------------------------------------------------------------

    def bootstrap(self, listener: Listener) -> tuple[Address, ...]:
        """Return a listener's bootstrap addresses; empty when the cluster has no such listener."""
        return parse_bootstrap(self.environment.cluster.bootstrap.get(listener, ""))

    def connection(self, principal: Principal, address: Address, watch: Watch) -> BrokerConnection:
        """Return a principal's authenticated connection to one broker, shared by all probes."""
        key = (principal.name, address)

        def connect() -> BrokerConnection:
            watch.waiting(f"{principal.name} to connect to {address}")
            connection = BrokerConnection(
                address.host,
                address.port,
                self.principal_context(principal, watch),
                self.sasl(principal, watch),
                timeout_s=watch.remaining(ANSWER_S),
            )
            connection.timeout_s = watch.patience(ANSWER_S)
            with self._lock:
                self._connections.append(connection)
                closed = self._closed
            if closed:  # by a run that did not wait for this probe any longer
                connection.close()
            return connection

        connection = self._memo.get(("connection", key), connect, watch)
        if connection.stale():
            connection.close()
            self._memo.forget_result(("connection", key), connection)
            connection = self._memo.get(("connection", key), connect, watch)
        return connection

    def any_connection(self, principal: Principal, watch: Watch) -> BrokerConnection:
        """Return a connection to the first bootstrap broker that answers; raises the last one's error."""
        problem: WireError | None = None
        for address in self.bootstrap(principal.auth):
            try:
                return self.connection(principal, address, watch)
            except WireError as error:
                problem = error
        raise problem or ProbeError(f"the cluster has no bootstrap server for {principal.auth}")

    def brokers(self, principal: Principal, watch: Watch) -> dict[int, Address]:
        """Return every broker's address as advertised on the principal's listener, by broker id."""

        def ask() -> dict[int, Address]:
            watch.waiting(f"the list of brokers on the {principal.auth} listener")
            known = requests.metadata(self.any_connection(principal, watch), [])
            return {
                broker.id: Address(broker.host, broker.port) for broker in sorted(known.brokers, key=lambda b: b.id)
            }

        try:
            return self._memo.get(("brokers", principal.auth), ask, watch)
        except (WireError, ProbeError, EphkError):
            # Whoever asked first was perhaps refused; that is no reason to refuse somebody else.
            return self._memo.get(("brokers", principal.auth, principal.name), ask, watch)

    def forget_brokers(self) -> None:
        """Ask anew who the brokers are, and try again those that did not answer: one was restarted or replaced."""
        self._memo.forget_failures("connection")
        for listener in self.environment.cluster.bootstrap:
            self._memo.forget(("brokers", listener))
            for principal in self.environment.principals:
                self._memo.forget(("brokers", listener, principal.name))

    def addresses(self, listener: Listener, watch: Watch) -> tuple[Address, ...]:
        """Return every address of a listener: the bootstrap servers and what the brokers advertise.

        Raises:
            WireError: the brokers could not be asked, and the bootstrap servers are fewer than the brokers.
            OutOfReachError: likewise, because nobody may ask.
        """
        bootstrap = self.bootstrap(listener)
        try:
            advertised = tuple(self.brokers(self.identity(listener), watch).values())
        except (WireError, ProbeError, OutOfReachError, EphkError):
            if len(bootstrap) < self.environment.cluster.brokers:
                raise
            advertised = ()
        return tuple(sorted({*bootstrap, *advertised}))

    def every_address(self, watch: Watch) -> dict[Address, Listener]:
        """Return every address of every listener, with its listener."""
        listeners = self.environment.cluster.bootstrap
        return {address: listener for listener in listeners for address in self.addresses(listener, watch)}

    def leader_connection(self, principal: Principal, topic: str, partition: int, watch: Watch) -> BrokerConnection:
        """Return a connection to the broker that leads a partition."""
        seen = requests.metadata(self.any_connection(principal, watch), [topic]).topics[topic]
        leader = seen.leaders.get(partition, -1)
        address = self.brokers(principal, watch).get(leader)
        if address is None:
            raise ProbeError(f"partition {partition} of topic {topic} has no leader that {principal.name} can see")
        return self.connection(principal, address, watch)

    def topic_lock(self, topic: str) -> threading.Lock:
        """Return the lock under which a probe may write to a topic and delete what it wrote."""
        with self._lock:
            return self._topic_locks.setdefault(topic, threading.Lock())

    @property
    def probe_topic_name(self) -> str:
        """The name of the topic that only the operator knows (see `contracts.probe_topic`)."""
        return f"ephk-probe-{self.environment.lease_id}"

    # -- the end --------------------------------------------------------------------------------

    def on_close(self, action: Callable[[], object]) -> None:
        """Have something undone when the run is over."""
        with self._lock:
            self._undo.append(action)

    def redact(self, value: T) -> T:
        """Return `value` (text, or JSON-like data) with every secret of the environment replaced."""
        secrets = sorted((s for s in self.credentials.known_secrets() if len(s) >= _SHORTEST_SECRET), key=len)
        text = json.dumps(value, default=str)
        for secret in reversed(secrets):
            text = text.replace(json.dumps(secret)[1:-1], "***")
        redacted: T = json.loads(text)
        return redacted

    def close(self) -> None:
        """Undo what probes left to be undone and close every connection; harmless when called twice."""
        with self._lock:
            undo, self._undo = self._undo[::-1], []
        for action in undo:
            # An environment that is already going away takes what was to be undone along.
            with contextlib.suppress(WireError, ProbeError, EphkError, ValueError):
                action()
        with self._lock:
            connections, self._connections, self._closed = self._connections, [], True
            directory, self._directory = self._directory, None
            memo, self._memo = self._memo, Memo()
        for connection in connections:
            connection.close()
        # A librdkafka client whose token comes from here is part of a cycle through this object. Left to the garbage
        # collector it would end in whatever thread comes along, while its own thread may be asking for a token.
        del memo
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)

    def __enter__(self) -> Access:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
