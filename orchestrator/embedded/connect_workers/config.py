"""What a cluster of Connect workers is asked to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import EphkError

#: The user of the workers' REST interface.
REST_USER = "ephk"


class WorkersStartError(EphkError):
    """The workers could not start; the message has the first cause, `details` the last lines of a log."""


@dataclass(frozen=True)
class RoleAccess:
    """Where workers get what their service execution role gives them; all of it by loopback, none of it secret.

    Attributes:
        token_url: answers with an MSK IAM token of the role.
        credentials_url: answers with the role's credentials, as the container credential provider of AWS SDKs reads it.
        endpoint_url: the HTTPS endpoint of every AWS service.
        ca_bundle: the CA of that endpoint (PEM).
    """

    token_url: str
    credentials_url: str
    endpoint_url: str
    ca_bundle: Path


@dataclass(frozen=True)
class WorkersConfig:
    """A Connect cluster.

    Attributes:
        name: of the connector that it runs.
        uuid: the last part of the connector's ARN; part of the internal topics' names and of the group's.
        region: the AWS region.
        directory: everything of the cluster (keys, properties, plugin, logs, process records), mode 0700.
        bootstrap_servers: the brokers' listener that the workers use.
        iam: authenticate as the service execution role; without it the listener must ask for nothing.
        tls: speak TLS to the brokers.
        broker_ca_pem: the CA of the brokers; None means the machine's trust store.
        plugin_path: the directory with the unpacked plugin.
        service_load: every connector of the plugin is declared for `java.util.ServiceLoader`, so that no jar needs to
            be scanned (KIP-898), which costs seconds.
        properties: the worker configuration that the user gave.
        workers: how many processes.
        security: client settings instead of those that follow from `iam` and `tls`; may hold a secret.
        access: what the role gives; None for workers that need no AWS (training).
        trusted_pems: CAs that plugins trust beside the machine's own, as every JVM on AWS trusts MSK's.
        authorization: what workers show at `access`; a secret.
        rest_password: of `REST_USER`; a secret.
    """

    name: str
    uuid: str
    region: str
    directory: Path
    bootstrap_servers: str
    iam: bool
    tls: bool
    broker_ca_pem: str | None
    plugin_path: Path
    service_load: bool
    properties: Mapping[str, str]
    workers: int
    security: Mapping[str, str] | None = field(default=None, repr=False)
    access: RoleAccess | None = None
    trusted_pems: tuple[str, ...] = ()
    authorization: str = field(default="", repr=False)
    rest_password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError("a Connect cluster has at least one worker")
        if self.iam and self.access is None:
            raise ValueError("workers that authenticate with IAM need their role's access")

    @property
    def group_id(self) -> str:
        """The workers' group; MSK Connect's names begin so ("Understand service execution role")."""
        return f"__amazon_msk_connect_{self.name}_{self.uuid}"

    def internal_topic(self, purpose: str) -> str:
        """Return the name of an internal topic.

        Args:
            purpose: `configs`, `offsets` or `status`.
        """
        return f"__amazon_msk_connect_{purpose}_{self.name}_{self.uuid}"
