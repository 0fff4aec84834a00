"""A cluster of distributed workers: start, look, run a connector, stop."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.connect_rest import ConnectRest, ConnectRestError
from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.embedded.brokers.logs import tail
from orchestrator.embedded.brokers.ports import LOOPBACK, free_ports
from orchestrator.embedded.brokers.process import BrokerProcess
from orchestrator.embedded.brokers.properties import render
from orchestrator.embedded.connect_workers import properties
from orchestrator.embedded.connect_workers.config import REST_USER, WorkersConfig, WorkersStartError
from orchestrator.embedded.connect_workers.layout import WorkersLayout
from orchestrator.embedded.connect_workers.log_causes import cause_in_log
from orchestrator.embedded.connect_workers.stores import write_keystore, write_truststore
from orchestrator.embedded.runtime import KafkaRuntime
from orchestrator.files import private_dir, write_private
from orchestrator.processes import wait_until

MAIN_CLASS = "org.apache.kafka.connect.cli.ConnectDistributed"
_START_DEADLINE_S = 90.0
_GRACE_S = 15.0
_POLL_S = 0.05
_PORT_ATTEMPTS = 3
_SERVER_ERROR = 500
#: What a worker says, with the status 500, while its group has no leader or is busy.
_MOMENTARY = ("timed out", "forward", "leader", "answered with 500")
_PORT_TAKEN = "Address already in use"
#: A worker's heap, MiB: most of what it holds are buffers of its clients.
_HEAP_MB = (32, 192)


@dataclass
class _Worker:
    number: int
    port: int
    process: BrokerProcess
    started_at: int = 0


class ConnectWorkers:
    """The workers of one connector. Methods may be called from several threads; changes wait for one another.

    Args:
        config: what the cluster is.
        runtime: what it runs on.
    """

    def __init__(self, config: WorkersConfig, runtime: KafkaRuntime) -> None:
        self._config, self._runtime = config, runtime
        self._layout = WorkersLayout(config.directory)
        self._authority = CertificateAuthority(f"ephk connect {config.name}")
        self._key_password = secrets.token_urlsafe(24)
        self._workers: dict[int, _Worker] = {}
        self._lock = threading.RLock()
        self._stopping = threading.Event()

    @property
    def config(self) -> WorkersConfig:
        """The cluster as it was last asked to be."""
        return self._config

    def ca_pem(self) -> str:
        """Return the CA of the REST interfaces."""
        return self._authority.pem

    def urls(self) -> tuple[str, ...]:
        """Return the REST interface of each worker that runs, by number."""
        workers = [worker for _, worker in sorted(self._workers.copy().items())]
        return tuple(f"https://{LOOPBACK}:{worker.port}" for worker in workers if worker.process.running())

    def pids(self) -> dict[int, int | None]:
        """Return the process of each worker that runs, by number."""
        workers = sorted(self._workers.copy().items())
        return {number: worker.process.pid for number, worker in workers if worker.process.running()}

    def log_paths(self) -> dict[int, Path]:
        """Return where each worker's log is."""
        return {number: self._layout.log(number) for number in sorted(self._workers.copy())}

    def resident_bytes(self) -> dict[int, int]:
        """Return each worker's resident memory, in bytes."""
        return {number: worker.process.resident_bytes() for number, worker in sorted(self._workers.items())}

    def start(self, *, deadline_s: float = _START_DEADLINE_S) -> None:
        """Start every worker and wait until all have joined the group.

        Raises:
            WorkersStartError: one ended or the deadline passed; the message has the first cause. None runs afterwards.
        """
        with self._lock:
            self._write_shared_files()
            try:
                self._add(self._config.workers, time.monotonic() + deadline_s)
            except BaseException:
                self.stop()
                raise

    def scale(self, workers: int, *, deadline_s: float = _START_DEADLINE_S) -> None:
        """Start or end workers until there are so many.

        Raises:
            WorkersStartError: a new worker did not start; the new ones are ended again.
        """
        with self._lock:
            have = sorted(self._workers)
            for number in have[workers:]:
                self._workers.pop(number).process.stop(grace_s=_GRACE_S)
            if workers > len(have):
                try:
                    self._add(workers - len(have), time.monotonic() + deadline_s)
                except BaseException:
                    for number in set(self._workers) - set(have):
                        self._workers.pop(number).process.stop(grace_s=0)
                    raise
            self._config = replace(self._config, workers=workers)

    def dead(self) -> list[int]:
        """Return the numbers of workers whose process has ended."""
        return [number for number, worker in sorted(self._workers.copy().items()) if not worker.process.running()]

    def restart_worker(self, number: int, *, deadline_s: float = _START_DEADLINE_S) -> None:
        """End one worker if it runs, start it again on its port, and wait until it has joined the group.

        Raises:
            WorkersStartError: it did not come back.
        """
        with self._lock:
            worker = self._workers[number]
            worker.process.stop(grace_s=_GRACE_S)
            self._launch(worker)
            self._wait([worker], time.monotonic() + deadline_s)

    def ask(self, question: Callable[[ConnectRest], Any], *, deadline_s: float = 20.0) -> Any:
        """Ask a worker over REST: the first that answers, again while the group shares out its tasks.

        Raises:
            ConnectRestError: a worker refused, or none answered in time.
        """
        end = time.monotonic() + deadline_s
        while True:
            problem = ConnectRestError("no worker runs")
            for url in self.urls():
                rest = ConnectRest(url, self.ca_pem(), REST_USER, self._config.rest_password)
                try:
                    return question(rest)
                except ConnectRestError as error:
                    if not _passing(error):
                        raise
                    problem = error
                finally:
                    rest.close()
            if time.monotonic() >= end or self._stopping.wait(_POLL_S):
                raise problem

    def stop(self, *, grace_s: float = 0.0) -> None:
        """End every worker's process group; can be called again, and while `start` waits.

        Args:
            grace_s: how long an orderly shutdown may take in seconds; 0 kills.
        """
        self._stopping.set()
        with self._lock:
            threads = [
                threading.Thread(target=worker.process.stop, kwargs={"grace_s": grace_s})
                for worker in self._workers.values()
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self._workers.clear()
            self._stopping.clear()

    def _write_shared_files(self) -> None:
        layout, config = self._layout, self._config
        private_dir(layout.directory).chmod(0o700)
        private_dir(layout.temporary)
        identity = self._authority.issue("connect", dns=("localhost",))
        write_keystore(layout.keystore, identity, self.ca_pem(), self._key_password)
        write_truststore(layout.rest_ca, self.ca_pem())
        write_private(layout.users, f"{REST_USER}={config.rest_password}\n")
        write_private(layout.jaas, properties.jaas(layout))
        write_private(layout.logging, properties.LOG4J2)
        if config.broker_ca_pem is not None:
            write_private(layout.broker_ca, config.broker_ca_pem)
        if config.access is not None:
            write_private(layout.authorization, config.authorization)
            pems = (config.access.ca_bundle.read_text(), *config.trusted_pems)
            write_truststore(layout.trust, *pems, public=True)

    def _add(self, count: int, end: float) -> None:
        """Start so many further workers, on other ports when theirs are taken."""
        first = max(self._workers, default=0) + 1
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            taken = frozenset(worker.port for worker in self._workers.values())
            ports = free_ports(count, taken=taken)
            added = [self._make(first + i, port) for i, port in enumerate(ports)]
            self._workers |= {worker.number: worker for worker in added}
            for worker in added:
                self._launch(worker)
            try:
                self._wait(added, end)
            except WorkersStartError as error:
                if attempt == _PORT_ATTEMPTS or not any(_PORT_TAKEN in line for line in error.details):
                    raise
                for worker in added:
                    worker.process.stop(grace_s=0)
            else:
                return

    def _make(self, number: int, port: int) -> _Worker:
        layout, config = self._layout, self._config
        settings = properties.worker_properties(config, layout, port, self._key_password)
        write_private(layout.properties(number), render(settings))
        command = self._runtime.command(
            MAIN_CLASS,
            str(layout.properties(number)),
            archive="connect",
            heap_mb=_HEAP_MB,
            temporary=layout.temporary,
            logging=layout.logging,
            flags=properties.jvm_flags(config, layout),
        )
        process = BrokerProcess(
            f"Connect worker {number} of {config.name}",
            command,
            directory=layout.directory,
            log=layout.log(number),
            record=layout.record(number),
            environment=properties.environment(config, layout),
        )
        return _Worker(number, port, process)

    def _launch(self, worker: _Worker) -> None:
        log = self._layout.log(worker.number)
        worker.started_at = log.stat().st_size if log.exists() else 0
        worker.process.start()

    def _wait(self, workers: list[_Worker], end: float) -> None:
        for worker in workers:
            url = f"https://{LOOPBACK}:{worker.port}"
            rest = ConnectRest(url, self.ca_pem(), REST_USER, self._config.rest_password)

            def settled(worker: _Worker = worker, rest: ConnectRest = rest) -> bool:
                return self._stopping.is_set() or not worker.process.running() or _healthy(rest)

            ready = wait_until(settled, deadline_s=max(0.0, end - time.monotonic()), poll_s=_POLL_S)
            rest.close()
            if self._stopping.is_set():
                raise WorkersStartError("the workers were stopped while they started")
            if not ready or not worker.process.running():
                raise self._failure(worker)

    def _failure(self, worker: _Worker) -> WorkersStartError:
        path = self._layout.log(worker.number)
        cause = cause_in_log(path, since=worker.started_at)
        status = worker.process.exit_status()
        what = "did not join its group in time" if status is None else f"ended while starting (status {status})"
        message = f"Connect worker {worker.number} of {self._config.name} {what}"
        lines = tail(path, since=worker.started_at)
        return WorkersStartError(f"{message}: {cause}" if cause else message, details=lines)


def _passing(error: ConnectRestError) -> bool:
    """Tell whether a worker may answer otherwise in a moment: a configuration provider's refusal is a 500, too."""
    if error.status == _SERVER_ERROR:
        return any(word in error.message.lower() for word in _MOMENTARY)
    return error.status in {0, 409, 503}


def _healthy(rest: ConnectRest) -> bool:
    """Tell whether a worker has joined its group and read its topics (KIP-1017)."""
    try:
        return rest.request("GET", "/health", timeout_s=2.0)[0] == 200
    except ConnectRestError:
        return False
