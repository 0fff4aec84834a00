"""Where the files of a Connect cluster are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.embedded.brokers.layout import RECORD_SUFFIX


@dataclass(frozen=True)
class WorkersLayout:
    """File names below a Connect cluster's directory."""

    directory: Path

    @property
    def keystore(self) -> Path:
        """Key and certificate of the REST interface (PKCS #12: its server reads no PEM)."""
        return self.directory / "rest.p12"

    @property
    def rest_ca(self) -> Path:
        """The CA of the REST interface, as the workers' own REST client reads it."""
        return self.directory / "rest-ca.p12"

    @property
    def trust(self) -> Path:
        """The CA of the AWS endpoint and the machine's usual ones, for plugins."""
        return self.directory / "trust.p12"

    @property
    def broker_ca(self) -> Path:
        """The CA of the brokers."""
        return self.directory / "broker-ca.pem"

    @property
    def users(self) -> Path:
        """Who may use the REST interface."""
        return self.directory / "rest-users.properties"

    @property
    def jaas(self) -> Path:
        """The login module of the REST interface."""
        return self.directory / "jaas.conf"

    @property
    def authorization(self) -> Path:
        """What the workers show where they get their role's credentials."""
        return self.directory / "authorization"

    @property
    def logging(self) -> Path:
        """The logging configuration."""
        return self.directory / "log4j2.properties"

    @property
    def temporary(self) -> Path:
        """Where the JVMs unpack their native libraries."""
        return self.directory / "tmp"

    def properties(self, worker: int) -> Path:
        """A worker's properties."""
        return self.directory / f"worker-{worker}.properties"

    def log(self, worker: int) -> Path:
        """What a worker says."""
        return self.directory / "logs" / f"worker-{worker}.log"

    def record(self, worker: int) -> Path:
        """A worker's process record."""
        return self.directory / f"worker-{worker}{RECORD_SUFFIX}"
