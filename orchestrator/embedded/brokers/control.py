"""The control plane's own Admin client, over the brokers' internal mutual-TLS listener."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from orchestrator.embedded.brokers.certificates import Identity
from orchestrator.embedded.brokers.config import ARN_PREFIX, INTERNAL_PRINCIPAL
from orchestrator.errors import EphkError
from orchestrator.processes import wait_until

#: Kafka's default and MSK's; SCRAM-SHA-512 asks for 4096 at least (RFC 7677 says so of SHA-256).
_ITERATIONS = 4096
_TIMEOUT_S = 10.0
_VISIBLE_DEADLINE_S = 20.0
_PROBE_S = 1.0

#: A client that polls a server that still starts must not fill standard error with refused connections.
QUIET: dict[str, Any] = {"log_level": 0}

_COMMON: dict[str, Any] = {
    "client.id": "ephk-control",
    "reconnect.backoff.ms": 20,
    "reconnect.backoff.max.ms": 200,
    "enable.metrics.push": False,
    **QUIET,
}


class ControlClient:
    """Administers one cluster as its super user.

    Args:
        bootstrap: the internal listener of some brokers.
        ca_pem: the cluster's CA.
        identity: the internal identity.
    """

    def __init__(self, bootstrap: str, ca_pem: str, identity: Identity) -> None:
        self._ca_pem = ca_pem
        self._client: Any = AdminClient(
            {
                **_COMMON,
                "bootstrap.servers": bootstrap,
                "security.protocol": "SSL",
                "ssl.ca.pem": ca_pem,
                "ssl.certificate.pem": identity.certificate_pem,
                "ssl.key.pem": identity.key_pem,
            }
        )

    def close(self) -> None:
        """Let go of the connections; the object is of no use afterwards."""
        self._client = None

    def brokers(self, timeout_s: float = _PROBE_S) -> frozenset[int]:
        """Return the ids of the brokers that serve clients now; none when nothing answers in time."""
        try:
            return frozenset(self._client.list_topics(timeout=timeout_s).brokers)
        except KafkaException:
            return frozenset()

    def fully_replicated(self, brokers: Collection[int]) -> bool:
        """Tell whether `brokers` all serve and every partition has all its replicas in sync."""
        try:
            metadata = self._client.list_topics(timeout=_PROBE_S)
        except KafkaException:
            return False
        if not frozenset(brokers) <= frozenset(metadata.brokers):
            return False
        partitions = [part for topic in metadata.topics.values() for part in topic.partitions.values()]
        return all(part.leader >= 0 and set(part.isrs) == set(part.replicas) for part in partitions)

    def put_scram_user(self, username: str, password: str, endpoints: Mapping[int, str]) -> None:
        """Create a SCRAM-SHA-512 user or change its password, and wait until every broker lets it in.

        Args:
            username: its name.
            password: its password; a secret.
            endpoints: the SCRAM listener of each broker by its id; empty when there is none.

        Raises:
            EphkError: the name is reserved, the brokers refused, or one did not accept the user in time.
        """
        if username.startswith(ARN_PREFIX) or username == INTERNAL_PRINCIPAL or not username:
            raise EphkError(
                f"the user name {username!r} is not allowed: it would name an identity of another kind",
                next_step=f"choose one that is not empty, not {INTERNAL_PRINCIPAL!r} and does not begin with 'arn:'",
            )
        upsertion = UserScramCredentialUpsertion(
            username, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS), password.encode()
        )
        self._alter(username, upsertion)
        if not wait_until(lambda: username in self.list_scram_users(), deadline_s=_VISIBLE_DEADLINE_S):
            raise EphkError(f"the brokers do not show the SCRAM user {username}", next_step="read the brokers' logs")
        end = time.monotonic() + _VISIBLE_DEADLINE_S
        for broker_id, endpoint in endpoints.items():
            if not self._logs_in(endpoint, username, password, end - time.monotonic()):
                raise EphkError(
                    f"broker {broker_id} does not accept the SCRAM user {username}",
                    next_step="read the broker's log: it says why it refused",
                )

    def delete_scram_user(self, username: str) -> None:
        """Delete a SCRAM user and wait until it is gone; a user that does not exist is fine."""
        if username not in self.list_scram_users():
            return
        self._alter(username, UserScramCredentialDeletion(username, ScramMechanism.SCRAM_SHA_512))
        if not wait_until(lambda: username not in self.list_scram_users(), deadline_s=_VISIBLE_DEADLINE_S):
            raise EphkError(f"the brokers still show the SCRAM user {username}", next_step="read the brokers' logs")

    def list_scram_users(self) -> tuple[str, ...]:
        """Return the names of all SCRAM users, sorted."""
        return tuple(sorted(_answer("list SCRAM users", self._client.describe_user_scram_credentials)))

    def _alter(self, username: str, alteration: Any) -> None:
        def call(**options: Any) -> Any:
            return self._client.alter_user_scram_credentials([alteration], **options)[username]

        _answer(f"change the SCRAM user {username}", call)

    def _logs_in(self, endpoint: str, username: str, password: str, deadline_s: float) -> bool:
        """Log in to one broker: metadata reach each broker a moment later than the controller."""
        probe = Producer(
            {
                **_COMMON,
                "bootstrap.servers": endpoint,
                "security.protocol": "SASL_SSL",
                "ssl.ca.pem": self._ca_pem,
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": username,
                "sasl.password": password,
            }
        )

        def once() -> bool:
            try:
                probe.list_topics(timeout=_PROBE_S)
            except KafkaException:
                return False
            return True

        return wait_until(once, deadline_s=max(deadline_s, 0))


def _answer(what: str, call: Callable[..., Any]) -> Any:
    """Call an Admin operation and return its result, or say what could not be done and why."""
    try:
        return call(request_timeout=_TIMEOUT_S).result(_TIMEOUT_S + 1)
    except KafkaException as error:
        raise EphkError(f"cannot {what}: {error.args[0].str()}", next_step="read the brokers' logs") from error
    except TimeoutError as error:
        raise EphkError(
            f"cannot {what}: no answer in {_TIMEOUT_S:.0f} s", next_step="read the brokers' logs"
        ) from error
