"""Why a conversation with a broker ended, by the layer that ended it."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import KafkaError

#: Codes that librdkafka calls by names of its own; these are Kafka's (Apache Kafka documentation, "Error Codes").
_NAMES = {0: "NONE", 2: "CORRUPT_MESSAGE", 3: "UNKNOWN_TOPIC_OR_PARTITION", 6: "NOT_LEADER_OR_FOLLOWER"}


def error_name(code: int) -> str:
    """Return Kafka's name of a protocol error code (`TOPIC_AUTHORIZATION_FAILED`), or `NONE` for 0."""
    return _NAMES.get(code) or str(KafkaError(code).name())


class WireError(Exception):
    """A conversation with a broker failed; `address` says with which."""

    def __init__(self, address: str, message: str) -> None:
        super().__init__(f"{address}: {message}")
        self.address = address


class ConnectError(WireError):
    """No TCP connection: the name is unknown, or the port refused or reset it. `cause` is the OSError."""

    def __init__(self, address: str, message: str, cause: OSError) -> None:
        super().__init__(address, message)
        self.cause = cause


class WireTimeoutError(WireError):
    """Nothing was heard in time, which proves nothing."""


class TlsRefusedError(WireError):
    """The TLS handshake failed.

    Attributes:
        reason: OpenSSL's name of it (`CERTIFICATE_VERIFY_FAILED`, `TLSV13_ALERT_CERTIFICATE_REQUIRED`).
    """

    def __init__(self, address: str, message: str, reason: str) -> None:
        super().__init__(address, message)
        self.reason = reason


class SaslRefusedError(WireError):
    """The broker refused the mechanism or the credentials; `code` is Kafka's error code."""

    def __init__(self, address: str, message: str, code: int) -> None:
        super().__init__(address, message)
        self.code = code


@dataclass(frozen=True)
class Refusal:
    """One error code that one broker gave for one thing that was asked of it."""

    broker: str
    code: int

    @property
    def name(self) -> str:
        """Kafka's name of the code."""
        return error_name(self.code)
