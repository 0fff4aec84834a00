"""One registry's process: its files, its start, its end.

Apicurio itself (Quarkus) terminates TLS and checks the passwords; nothing stands in front of it. Its schemas live in
its memory and end with it.
"""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.embedded.brokers.logs import tail
from orchestrator.embedded.brokers.ports import LOOPBACK, free_ports
from orchestrator.embedded.brokers.process import BrokerProcess
from orchestrator.embedded.registry.archive import PROGRAM, ensure_registry
from orchestrator.embedded.runtime.ensure import packaged_java
from orchestrator.embedded.runtime.model import JVM_FLAGS
from orchestrator.errors import EphkError
from orchestrator.files import private_dir, write_private
from orchestrator.processes import ProcessRecord
from orchestrator.progress import SilentProgress

#: Where Apicurio speaks the API that Confluent's clients know.
API_PATH = "/apis/ccompat/v7"
_RECORD, _LOG = "process.json", "registry.log"
_HEAP_MB = 384
_START_S = 120.0
#: Registries that this process started. They outlive it, but as their parent it has to reap those that end before it.
_children: list[RegistryProcess] = []
_STOP_S = 5.0
_POLL_S = 0.1
_ATTEMPTS = 3
#: How Quarkus says it, by version and by how many ports were taken.
_PORT_TAKEN = ("already bound", "seems to be in use", "Address already in use")


@dataclass(frozen=True)
class RegistrySettings:
    """What a registry is started with.

    Attributes:
        directory: its own; below the lease, so that it goes with it.
        username: the one user, who may do everything.
        password: that user's; a secret.
        compatibility: what a new version of a schema must be, unless a subject says otherwise.
        properties: further Quarkus and Apicurio properties, over the product's own.
    """

    directory: Path
    username: str
    password: str = field(repr=False)
    compatibility: str = "BACKWARD"
    properties: Mapping[str, str] = field(default_factory=dict)


class RegistryProcess:
    """A registry on a loopback port.

    Args:
        settings: what it is started with.
        application: the unpacked distribution.
        java: the `java` program.
    """

    def __init__(self, settings: RegistrySettings, application: Path, java: Path) -> None:
        self._settings, self._application, self._java = settings, application, java
        self._process: BrokerProcess | None = None
        self._authority = CertificateAuthority("ephk schema registry")
        self._port = 0

    @property
    def url(self) -> str:
        """The base URL for Confluent's clients."""
        return f"https://localhost:{self._port}{API_PATH}"

    @property
    def ca_pem(self) -> str:
        """The CA that signed its certificate."""
        return self._authority.pem

    @property
    def log(self) -> Path:
        """Where it writes what it does, with an audit line for each request."""
        return self._settings.directory / _LOG

    def start(self, stopping: threading.Event | None = None) -> None:
        """Start it, wait until it serves, and set the compatibility; nothing of it is left when this raises.

        Args:
            stopping: set by whoever does not want to wait any longer.

        Raises:
            EphkError: it ended, did not serve in time, or `stopping` was set.
        """
        end = time.monotonic() + _START_S
        stopping = stopping or threading.Event()
        try:
            for attempt in range(_ATTEMPTS):
                self._launch()
                if self._wait(end, stopping, last=attempt == _ATTEMPTS - 1):
                    break
            self._configure()
        except BaseException:
            self.stop()
            raise

    def running(self) -> bool:
        """Tell whether its process runs; one that has ended is forgotten by the operating system, too."""
        return self._process is not None and self._process.running()

    def stop(self) -> None:
        """End its process group; harmless when it does not run."""
        if self._process is not None:
            self._process.stop(grace_s=_STOP_S)

    def _launch(self) -> None:
        directory = private_dir(self._settings.directory)
        self._port, management = free_ports(2)
        identity = self._authority.issue("schema-registry", dns=("localhost",))
        write_private(directory / "server.crt.pem", identity.certificate_pem)
        write_private(directory / "server.key.pem", identity.key_pem)
        # Quarkus reads this file below its working directory, so that no secret is on its command line.
        write_private(
            private_dir(directory / "config") / "application.properties", self._properties(directory, management)
        )
        temporary = private_dir(directory / "tmp")
        command = [str(self._java), "-Xms64m", f"-Xmx{_HEAP_MB}m", *JVM_FLAGS, f"-Djava.io.tmpdir={temporary}"]
        self._process = BrokerProcess(
            "schema registry",
            [*command, "-jar", str(self._application / PROGRAM)],
            directory=directory,
            log=self.log,
            record=directory / _RECORD,
        )
        self._process.start()

    def _properties(self, directory: Path, management: int) -> str:
        certificate, key = str(directory / "server.crt.pem"), str(directory / "server.key.pem")
        user = self._settings.username
        values = {
            "quarkus.http.host": LOOPBACK,
            "quarkus.http.ssl-port": str(self._port),
            "quarkus.http.insecure-requests": "disabled",
            "quarkus.http.ssl.certificate.files": certificate,
            "quarkus.http.ssl.certificate.key-files": key,
            # Health and metrics have a port of their own, which asks for nobody: loopback alone, and not the fixed
            # port 9000 that two registries would fight for.
            "quarkus.management.host": LOOPBACK,
            "quarkus.management.port": str(management),
            "quarkus.management.ssl.certificate.files": certificate,
            "quarkus.management.ssl.certificate.key-files": key,
            "quarkus.http.ssl.protocols": "TLSv1.3,TLSv1.2",
            "quarkus.http.auth.basic": "true",
            "quarkus.http.auth.permission.all.paths": "/*",
            "quarkus.http.auth.permission.all.policy": "authenticated",
            "quarkus.security.users.embedded.plain-text": "true",
            f"quarkus.security.users.embedded.users.{user}": self._settings.password,
            f"quarkus.security.users.embedded.roles.{user}": "sr-admin",
            "quarkus.otel.sdk.disabled": "true",  # it would look for a collector
            "quarkus.http.access-log.enabled": "false",  # the audit log says the same, with the user's name
            "apicurio.datasource.jdbc.initial-size": "1",
            "apicurio.datasource.jdbc.min-size": "1",
            "apicurio.storage.snapshot.location": str(directory / "tmp"),
            **self._settings.properties,
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())

    def _wait(self, end: float, stopping: threading.Event, *, last: bool) -> bool:
        """Wait until it serves; False when its port was taken between its choice and its use."""
        assert self._process is not None  # noqa: S101 - it was launched
        while True:
            if (status := self._process.exit_status()) is not None:
                lines = tail(self.log)
                if not last and any(words in line for line in lines for words in _PORT_TAKEN):
                    return False
                raise EphkError(f"the schema registry ended during its start (status {status})", details=lines)
            if stopping.wait(_POLL_S):
                raise EphkError("the schema registry was stopped while it started")
            if self._ready():
                return True
            if time.monotonic() >= end:
                raise EphkError(
                    f"the schema registry did not serve within {_START_S:.0f} s",
                    next_step="give the machine more time or processors, or read the log below",
                    details=tail(self.log),
                )

    def _ready(self) -> bool:
        try:
            return self._request("GET", "/subjects")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _configure(self) -> None:
        """Set the rule that every subject has: Apicurio's own default checks nothing."""
        status, body = self._request("PUT", "/config", {"compatibility": self._settings.compatibility})
        if status != 200:
            raise EphkError(f"the schema registry does not take its compatibility rule: {status} {body[:200]!r}")

    def _request(self, method: str, path: str, document: dict[str, Any] | None = None) -> tuple[int, bytes]:
        context = ssl.create_default_context(cadata=self.ca_pem)
        connection = http.client.HTTPSConnection("localhost", self._port, context=context, timeout=10)
        secret = base64.b64encode(f"{self._settings.username}:{self._settings.password}".encode()).decode()
        headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/json"}
        try:
            body = json.dumps(document) if document is not None else None
            connection.request(method, API_PATH + path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def start_registry(settings: RegistrySettings, stopping: threading.Event | None = None) -> RegistryProcess:
    """Start a registry from the cache on the packaged JRE; see `RegistryProcess.start`."""
    running = RegistryProcess(settings, ensure_registry(SilentProgress()), packaged_java())
    running.start(stopping)
    _children.append(running)
    return running


def end_registry(directory: Path) -> bool:
    """End the registry that is recorded in a directory, from any process, and remove its files.

    Returns:
        True when it was running.
    """
    record = ProcessRecord.load(directory / _RECORD)
    ended = record.end_group(grace_s=_STOP_S) if record is not None else False
    _children[:] = [child for child in _children if child.running()]
    shutil.rmtree(directory, ignore_errors=True)
    return ended
