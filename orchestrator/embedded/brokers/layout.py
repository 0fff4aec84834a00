"""Where the files of a cluster and of each node are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: Files with this suffix are process records; whoever cleans up looks for them.
RECORD_SUFFIX = ".pid.json"


@dataclass(frozen=True)
class ClusterLayout:
    """File names below a cluster's directory."""

    directory: Path

    @property
    def ca(self) -> Path:
        """The certificate of the cluster's CA."""
        return self.directory / "ca.pem"

    @property
    def internal_keystore(self) -> Path:
        """Key and certificate of the brokers among themselves; whoever reads it is the super user."""
        return self.directory / "internal.pem"

    @property
    def client_ca(self) -> Path:
        """The CA whose certificates the mutual-TLS listener accepts."""
        return self.directory / "client-ca.pem"

    @property
    def authority_token(self) -> Path:
        """What the brokers show to the authority."""
        return self.directory / "authority-token"

    @property
    def logging(self) -> Path:
        """The logging configuration of all nodes."""
        return self.directory / "log4j2.properties"

    @property
    def temporary(self) -> Path:
        """Where the JVMs unpack their native libraries, instead of the system's directory."""
        return self.directory / "tmp"

    def node(self, broker_id: int) -> Path:
        """A node's own directory."""
        return self.directory / f"broker-{broker_id}"

    def properties(self, broker_id: int) -> Path:
        """A node's server.properties."""
        return self.node(broker_id) / "server.properties"

    def keystore(self, broker_id: int) -> Path:
        """Key and certificate that a node shows to clients."""
        return self.node(broker_id) / "server.pem"

    def data(self, broker_id: int) -> Path:
        """A node's log directory."""
        return self.node(broker_id) / "data"

    def log(self, broker_id: int) -> Path:
        """What a node's process says."""
        return self.directory / "logs" / f"broker-{broker_id}.log"

    def record(self, broker_id: int) -> Path:
        """A node's process record."""
        return self.directory / f"broker-{broker_id}{RECORD_SUFFIX}"
