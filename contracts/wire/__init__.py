"""A very small Kafka client for probes: one socket, one request at a time, every error code as the broker sent it.

Ordinary clients retry, re-route and hide which broker refused what. A probe must ask one particular
broker one question, and must be able to send a request that no ordinary client would (a record batch
with a wrong checksum, which an authorized broker refuses without storing anything). Only request
versions without tagged fields are used; every broker since Kafka 2.3 understands them.
"""

from contracts.wire.connection import BrokerConnection
from contracts.wire.errors import (
    ConnectError,
    Refusal,
    SaslRefusedError,
    TlsRefusedError,
    WireError,
    WireTimeoutError,
    error_name,
)
from contracts.wire.msk_iam import MskIam
from contracts.wire.sasl import OAuthBearer, Sasl, Scram

__all__ = [
    "BrokerConnection",
    "ConnectError",
    "MskIam",
    "OAuthBearer",
    "Refusal",
    "Sasl",
    "SaslRefusedError",
    "Scram",
    "TlsRefusedError",
    "WireError",
    "WireTimeoutError",
    "error_name",
]
