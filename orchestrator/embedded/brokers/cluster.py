"""A KRaft cluster of real broker processes: start, look, change, stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.embedded.brokers.config import (
    INTERNAL_PRINCIPAL,
    BrokerClusterConfig,
    BrokerNode,
    BrokerStartError,
    controller_ids,
)
from orchestrator.embedded.brokers.control import ControlClient
from orchestrator.embedded.brokers.launch import PortTakenError, launch_and_wait
from orchestrator.embedded.brokers.layout import RECORD_SUFFIX, ClusterLayout
from orchestrator.embedded.brokers.logs import LOG4J2
from orchestrator.embedded.brokers.node import Node, make_node, write_properties
from orchestrator.embedded.brokers.ports import LOOPBACK, free_ports
from orchestrator.embedded.brokers.properties import CONTROLLER, INTERNAL, LISTENER_NAMES
from orchestrator.embedded.brokers.storage import format_node, new_id
from orchestrator.embedded.runtime import KafkaRuntime
from orchestrator.environment import Listener
from orchestrator.errors import EphkError
from orchestrator.files import private_dir, write_private
from orchestrator.processes import ProcessRecord

_START_DEADLINE_S = 90.0
_SHUTDOWN_GRACE_S = 30.0
_PORT_ATTEMPTS = 3
_LISTENERS = (INTERNAL, CONTROLLER, *LISTENER_NAMES.values())


class BrokerCluster:
    """The brokers of one cluster.

    Methods may be called from several threads; changes wait for one another.

    Args:
        config: what the cluster is.
        runtime: what it runs on.
    """

    def __init__(self, config: BrokerClusterConfig, runtime: KafkaRuntime) -> None:
        self._config, self._runtime = config, runtime
        self._layout = ClusterLayout(config.directory)
        self._authority = CertificateAuthority(f"ephk cluster {config.cluster_uuid}")
        self._internal = self._authority.issue(INTERNAL_PRINCIPAL, dns=("localhost",), client=True)
        self._cluster_id = new_id()
        self._first_brokers = config.brokers
        self._nodes: dict[int, Node] = {}
        self._controllers: tuple[int, ...] = controller_ids(config.brokers)
        self._control: ControlClient | None = None
        self._lock = threading.RLock()
        self._stopping = threading.Event()

    @property
    def config(self) -> BrokerClusterConfig:
        """The cluster as it was last asked to be."""
        return self._config

    def start(self, *, deadline_s: float = _START_DEADLINE_S) -> None:
        """Format the storage, start every broker and wait until all serve clients.

        Args:
            deadline_s: how long that may take, in seconds.

        Raises:
            BrokerStartError: a broker ended, or the deadline passed; `details` are its last log lines. Nothing
                runs afterwards.
        """
        with self._lock:
            end = time.monotonic() + deadline_s
            self._write_shared_files()
            for broker_id in range(1, self._config.brokers + 1):
                self._add_node(broker_id)
            try:
                self._start_with_free_ports(end)
            except BaseException:
                self.stop()
                raise

    def _start_with_free_ports(self, end: float) -> None:
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            self._choose_ports(self._nodes.values())
            self._write_all_properties()
            self._open_control()
            try:
                self._launch_and_wait(self._nodes.values(), end)
            except PortTakenError as error:
                self._end_processes(grace_s=0)
                if attempt == _PORT_ATTEMPTS:
                    raise BrokerStartError(
                        f"the brokers' ports were taken by other programs {_PORT_ATTEMPTS} times in a row",
                        next_step="end what opens ports on 127.0.0.1 between 20000 and 32000, or try again",
                        details=(str(error),),
                    ) from None
            else:
                return

    def bootstrap(self) -> dict[Listener, str]:
        """Return the bootstrap servers (`127.0.0.1:port,...`) of each client listener that exists.

        A broker whose ports are not chosen yet is left out.
        """
        nodes = [node for node in self.nodes() if node.endpoints]
        return {name: ",".join(node.endpoints[name] for node in nodes) for name in self._config.listeners}

    def ca_pem(self) -> str:
        """Return the CA that the brokers' certificates chain to."""
        return self._authority.pem

    def nodes(self) -> list[BrokerNode]:
        """Return the brokers as they are now, by id."""
        listeners = self._config.listeners
        return [node.describe(listeners) for _, node in sorted(self._nodes.copy().items())]

    def resident_bytes(self) -> dict[int, int]:
        """Return each broker's resident memory, in bytes."""
        return {broker_id: node.process.resident_bytes() for broker_id, node in sorted(self._nodes.items())}

    def log_path(self, broker_id: int) -> Path:
        """Return where a broker's log is."""
        return self._layout.log(broker_id)

    def put_scram_user(self, username: str, password: str) -> None:
        """Create a SCRAM user or change its password; every broker accepts it when this returns.

        Raises:
            EphkError: the name is reserved, or the brokers refused.
        """
        port = LISTENER_NAMES["scram"]
        endpoints = {node.id: f"{LOOPBACK}:{node.ports[port]}" for node in self._nodes.values()}
        self._admin().put_scram_user(username, password, endpoints if self._config.scram else {})

    def delete_scram_user(self, username: str) -> None:
        """Delete a SCRAM user; one that does not exist is fine. Raises EphkError when the brokers refuse."""
        self._admin().delete_scram_user(username)

    def list_scram_users(self) -> tuple[str, ...]:
        """Return the names of all SCRAM users, sorted."""
        return self._admin().list_scram_users()

    def restart_broker(self, broker_id: int, *, deadline_s: float = _START_DEADLINE_S) -> None:
        """Shut one broker down in an orderly way, start it again and wait until its replicas are in sync.

        Raises:
            KeyError: there is no such broker.
            BrokerStartError: it did not come back.
        """
        with self._lock:
            node = self._nodes[broker_id]
            node.process.stop(grace_s=_SHUTDOWN_GRACE_S)
            try:
                self._launch_and_wait([node], time.monotonic() + deadline_s)
            except PortTakenError as error:
                raise BrokerStartError(
                    f"broker {broker_id} cannot come back: another program took its port",
                    next_step="end that program, then reboot the broker again",
                    details=(str(error),),
                ) from None

    def add_brokers(self, count: int, *, deadline_s: float = _START_DEADLINE_S) -> None:
        """Start further brokers, which are no controllers, and wait until they serve clients.

        Raises:
            BrokerStartError: one did not start; the new ones are ended and forgotten, the old ones go on.
        """
        with self._lock:
            first = self._config.brokers + 1
            before = self._config
            self._config = replace(before, brokers=before.brokers + count)
            added = [self._add_node(broker_id) for broker_id in range(first, first + count)]
            try:
                self._choose_ports(added)
                self._write_all_properties()
                self._launch_and_wait(added, time.monotonic() + deadline_s)
            except BaseException as error:
                for node in added:
                    node.process.stop(grace_s=0)
                    del self._nodes[node.id]
                self._config = before
                if isinstance(error, PortTakenError):
                    raise BrokerStartError("a new broker's port was taken", next_step="add it again") from None
                raise

    def apply_configuration(self, server_properties: Mapping[str, str]) -> None:
        """Give all brokers another configuration, one after the other.

        Raises:
            BrokerStartError: a broker refused it; the brokers after it still have the old one.
        """
        self._roll(replace(self._config, server_properties=dict(server_properties)))

    def set_listeners(self, *, scram: bool, iam: bool, client_ca_pem: str | None) -> None:
        """Add and remove client listeners, one broker after the other; a listener that stays keeps its port.

        Raises:
            BrokerStartError: a broker did not come back; the brokers after it still have the old listeners.
        """
        self._roll(replace(self._config, scram=scram, iam=iam, client_ca_pem=client_ca_pem))

    def stop(self, *, grace_s: float = 0.0) -> None:
        """End every broker's process group; can be called again, and while `start` waits.

        Args:
            grace_s: how long an orderly shutdown may take in seconds; 0 kills, which is right when the data go.
        """
        self._stopping.set()
        with self._lock:
            self._end_processes(grace_s=grace_s)
            if self._control is not None:
                self._control.close()
                self._control = None
            self._stopping.clear()

    @classmethod
    def end_leftovers(cls, directory: Path) -> int:
        """End the brokers recorded anywhere below `directory`, whose owner is gone.

        Returns:
            How many were running.
        """
        ended = 0
        for path in sorted(directory.rglob(f"*{RECORD_SUFFIX}")) if directory.is_dir() else ():
            record = ProcessRecord.load(path)
            if record is not None and record.end_group(grace_s=0):
                ended += 1
            path.unlink(missing_ok=True)
        return ended

    def _write_shared_files(self) -> None:
        layout, config = self._layout, self._config
        private_dir(layout.directory).chmod(0o700)
        private_dir(layout.temporary)
        write_private(layout.ca, self._authority.pem)
        write_private(layout.internal_keystore, self._internal.key_pem + self._internal.certificate_pem)
        write_private(layout.authority_token, config.authority_token)
        write_private(layout.logging, LOG4J2)
        if config.client_ca_pem is not None:
            write_private(layout.client_ca, config.client_ca_pem)

    def _add_node(self, broker_id: int) -> Node:
        node = make_node(self._config, self._layout, self._runtime, self._authority, broker_id)
        data = self._layout.data(broker_id)
        format_node(self._runtime.storage_template, data, cluster_id=self._cluster_id, node_id=broker_id)
        self._nodes[broker_id] = node
        return node

    def _choose_ports(self, nodes: Iterable[Node]) -> None:
        chosen = list(nodes)
        ids = {node.id for node in chosen}
        taken = frozenset(port for id_, node in self._nodes.items() if id_ not in ids for port in node.ports.values())
        ports = iter(free_ports(len(chosen) * len(_LISTENERS), taken=taken))
        for node in chosen:
            node.ports = {name: next(ports) for name in _LISTENERS}

    def _write_all_properties(self) -> None:
        controllers = {node_id: self._nodes[node_id].ports[CONTROLLER] for node_id in self._controllers}
        for node in self._nodes.values():
            write_properties(self._config, self._layout, node, controllers, self._first_brokers)

    def _roll(self, config: BrokerClusterConfig) -> None:
        with self._lock:
            self._config = config
            self._write_shared_files()
            self._write_all_properties()
            for broker_id in sorted(self._nodes):
                self.restart_broker(broker_id)

    def _launch_and_wait(self, nodes: Iterable[Node], end: float) -> None:
        launch_and_wait(list(nodes), self._nodes, self._layout, self._admin(), end=end, stopping=self._stopping)

    def _open_control(self) -> None:
        bootstrap = ",".join(f"{LOOPBACK}:{node.ports[INTERNAL]}" for node in self._nodes.values())
        self._control = ControlClient(bootstrap, self._authority.pem, self._internal)

    def _admin(self) -> ControlClient:
        if self._control is None:
            raise EphkError("the cluster does not run", next_step="start it first")
        return self._control

    def _end_processes(self, *, grace_s: float) -> None:
        threads = [
            threading.Thread(target=node.process.stop, kwargs={"grace_s": grace_s}) for node in self._nodes.values()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
