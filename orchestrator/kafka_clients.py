"""librdkafka configurations for the identities of an environment: pure, so that everybody builds them alike.

librdkafka's own default checks the broker's host name against its certificate; nothing here turns that off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from orchestrator.environment import Environment, Listener, Principal
from orchestrator.errors import EphkError

T = TypeVar("T")

#: Returns (token, seconds since the epoch at which it expires), as confluent-kafka's `oauth_cb` wants it.
TokenProvider = Callable[[], tuple[str, float]]

SECURITY_PROTOCOL: dict[Listener, str] = {"scram": "SASL_SSL", "iam": "SASL_SSL", "mtls": "SSL"}
SASL_MECHANISM: dict[Listener, str] = {"scram": "SCRAM-SHA-512", "iam": "OAUTHBEARER"}


def impatient(slowdown: float = 1.0) -> dict[str, object]:
    """Return settings of clients that live for one question: fail early, and say why, instead of trying for minutes.

    Args:
        slowdown: how many times as long as on an idle machine an answer may take.
    """
    return {
        "socket.connection.setup.timeout.ms": int(5000 * slowdown),
        "socket.timeout.ms": int(8000 * slowdown),
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 500,
        "allow.auto.create.topics": False,
    }


@dataclass(frozen=True)
class ClientKeyPair:
    """A client certificate with its key, as PEM text. Its repr shows no secret."""

    certificate_pem: str
    key_pem: str = field(repr=False)


def session_name(principal: Principal) -> str:
    """Return the role session name of an IAM principal: a fixed one, since brokers take another for another principal.

    ("Cannot change principals during re-authentication"; aws-msk-iam-auth's README, awsRoleSessionName.)
    """
    return f"ephk-{principal.name}"[:64]


def operator(environment: Environment) -> Principal:
    """Return the operator role as a principal of the IAM listener.

    Raises:
        EphkError: the environment names no operator role.
    """
    role_arn = environment.roles.get("operator")
    if role_arn is None:
        raise EphkError(
            f"environment {environment.name} names no operator role",
            next_step="Name an IAM role that may do kafka-cluster:* on the cluster as roles.operator.",
        )
    return Principal(name="operator", auth="iam", kafka_principal=f"User:{role_arn}", role_arn=role_arn)


def client_config(
    environment: Environment,
    principal: Principal,
    *,
    username: str | None = None,
    password: str | None = None,
    token_provider: TokenProvider | None = None,
    key_pair: ClientKeyPair | None = None,
) -> dict[str, object]:
    """Return the librdkafka configuration with which `principal` connects to its own listener.

    Args:
        environment: where to connect.
        principal: its `auth` chooses the listener and what else is needed.
        username: the SCRAM user; by default the principal's Kafka name without `User:`.
        password: the SCRAM password.
        token_provider: makes MSK IAM tokens (OAUTHBEARER).
        key_pair: the client certificate (mTLS).

    Raises:
        EphkError: the cluster lacks the listener, or what the mechanism needs was not given.
    """
    servers = environment.cluster.bootstrap.get(principal.auth)
    if servers is None:
        raise EphkError(
            f"cluster {environment.cluster.name} has no {principal.auth} listener for principal {principal.name}",
            next_step="Enable that authentication in the environment spec.",
        )
    config: dict[str, object] = {
        "bootstrap.servers": servers,
        "security.protocol": SECURITY_PROTOCOL[principal.auth],
        "client.id": f"ephk-{principal.name}",
    }
    if environment.cluster.ca_pem is not None:
        config["ssl.ca.pem"] = environment.cluster.ca_pem
    if principal.auth == "scram":
        config |= {
            "sasl.mechanism": SASL_MECHANISM["scram"],
            "sasl.username": username or principal.kafka_principal.removeprefix("User:"),
            "sasl.password": _given(password, principal, "its password"),
        }
    elif principal.auth == "iam":
        provider = _given(token_provider, principal, "a token provider")
        config |= {"sasl.mechanism": SASL_MECHANISM["iam"], "oauth_cb": lambda _config: provider()}
    else:
        pair = _given(key_pair, principal, "a client certificate")
        config |= {"ssl.certificate.pem": pair.certificate_pem, "ssl.key.pem": pair.key_pem}
    return config


def _given(value: T | None, principal: Principal, what: str) -> T:
    if value is None:
        raise EphkError(f"principal {principal.name} ({principal.auth}) cannot connect without {what}")
    return value
