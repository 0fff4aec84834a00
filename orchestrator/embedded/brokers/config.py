"""What a broker cluster is asked to be, and what it says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.environment import Listener
from orchestrator.errors import EphkError

#: The identity of the brokers among themselves and of the control plane: the only super user.
INTERNAL_PRINCIPAL = "ephk-internal"

#: Principals with this prefix are IAM identities, authorized by IAM policy and never by ACLs.
ARN_PREFIX = "arn:"

#: Controllers are a quorum: more than three cost start time and add nothing on one machine.
_MAX_CONTROLLERS = 3


class BrokerStartError(EphkError):
    """A broker could not start; `details` are the last lines of its log."""


@dataclass(frozen=True)
class BrokerClusterConfig:
    """A cluster of real brokers.

    Attributes:
        cluster_uuid: names the cluster in host names and messages.
        cluster_arn: what the brokers tell the authority, so that it knows which cluster is meant.
        region: the AWS region that IAM tokens must be signed for.
        directory: everything of the cluster (keys, configuration, data, logs, process records), mode 0700.
        brokers: how many.
        zones: broker `i` (counted from 1) has the rack `zones[(i - 1) % len(zones)]`.
        scram: whether the SASL/SCRAM-SHA-512 listener exists.
        iam: whether the IAM (SASL/OAUTHBEARER) listener exists.
        client_ca_pem: not None: the mutual-TLS listener exists and accepts certificates of this CA.
        server_properties: broker settings of the MSK configuration; they override the defaults.
        authority_url: where the brokers ask about IAM identities.
        authority_token: what they show there; a secret.
    """

    cluster_uuid: str
    cluster_arn: str
    region: str
    directory: Path
    brokers: int
    zones: tuple[str, ...]
    scram: bool
    iam: bool
    client_ca_pem: str | None
    server_properties: Mapping[str, str]
    authority_url: str
    authority_token: str = field(repr=False)

    def __post_init__(self) -> None:
        if self.brokers < 1 or not self.zones:
            raise ValueError("a cluster has at least one broker and one zone")

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """The client listeners that exist."""
        wanted: dict[Listener, bool] = {
            "scram": self.scram,
            "iam": self.iam,
            "mtls": self.client_ca_pem is not None,
        }
        return tuple(name for name, present in wanted.items() if present)

    def zone_of(self, broker_id: int) -> str:
        """Return the availability zone of a broker, which is its rack."""
        return self.zones[(broker_id - 1) % len(self.zones)]


def controller_ids(brokers: int) -> tuple[int, ...]:
    """Return which nodes of a new cluster are controllers, too: three, or one when there are fewer brokers.

    Two controllers would be worse than one: the quorum of two needs both, so either broker's restart would stop it.
    """
    return tuple(range(1, (_MAX_CONTROLLERS if brokers >= _MAX_CONTROLLERS else 1) + 1))


@dataclass(frozen=True)
class BrokerNode:
    """A broker as it is now.

    Attributes:
        id: its broker id, from 1.
        zone: its availability zone (its rack).
        endpoints: `127.0.0.1:port` by listener.
        running: whether its process lives.
        pid: its process id, None when it was never started.
    """

    id: int
    zone: str
    endpoints: Mapping[Listener, str]
    running: bool
    pid: int | None
