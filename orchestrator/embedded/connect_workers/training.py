"""The workers' class-data archive: made once by letting a worker do what workers do."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from orchestrator.connect_rest import ConnectRest
from orchestrator.embedded.brokers.cluster import BrokerCluster
from orchestrator.embedded.brokers.control import QUIET
from orchestrator.embedded.brokers.training import refusing_authority, training_config
from orchestrator.embedded.connect_workers.config import WorkersConfig
from orchestrator.embedded.connect_workers.workers import ConnectWorkers
from orchestrator.embedded.runtime.model import TRAINING_FLAGS, KafkaRuntime
from orchestrator.errors import EphkError
from orchestrator.processes import wait_until
from orchestrator.progress import StepHandle

_SHUTDOWN_S = 120.0
_RUNNING_S = 60.0
_TRAINING = ".connect-training-"
_USER, _TOPIC = "training", "training"


def make_connect_archive(runtime: KafkaRuntime, archive: Path, step: StepHandle) -> None:
    """Run a worker with a connector in each direction, and keep the classes that it loaded.

    Only one process may do this at a time for one runtime.

    Raises:
        EphkError: the worker did not start, or the JVM wrote no archive.
    """
    for stale in runtime.directory.glob(f"{_TRAINING}*"):  # of a process that was killed
        BrokerCluster.end_leftovers(stale)
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=runtime.directory, prefix=_TRAINING) as scratch:
        home, output = Path(scratch), Path(scratch) / "connect.aot"
        trainee = replace(runtime, archives={}, training_flags=tuple(f.format(archive=output) for f in TRAINING_FLAGS))
        with refusing_authority() as url:
            brokers = BrokerCluster(training_config(home / "cluster", url), runtime)
            try:
                step.waiting("a broker")
                brokers.start()
                password = training_user(brokers)
                workers = ConnectWorkers(training_workers(home / "workers", brokers, password), trainee)
                try:
                    step.waiting("a worker that learns")
                    workers.start(deadline_s=180)
                    _exercise(workers, home)
                    step.waiting("its archive")
                    workers.stop(grace_s=_SHUTDOWN_S)
                finally:
                    workers.stop()
            finally:
                brokers.stop()
        if not wait_until(output.exists, deadline_s=1):
            raise EphkError("the JVM wrote no class-data archive for Connect workers")
        output.replace(archive)


def training_user(brokers: BrokerCluster) -> str:
    """Make the worker's user and a topic; returns the user's password."""
    password = secrets.token_urlsafe(16)
    brokers.put_scram_user(_USER, password)
    client = {
        "bootstrap.servers": brokers.bootstrap()["scram"],
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": _USER,
        "sasl.password": password,
        "ssl.ca.pem": brokers.ca_pem(),
        **QUIET,
    }
    admin = AdminClient(client)
    try:
        admin.create_topics([NewTopic(_TOPIC, 1, 1)])[_TOPIC].result(20)
    except KafkaException as error:
        raise EphkError(f"the training broker refused a topic: {error.args[0].str()}") from error
    return password


def training_workers(directory: Path, brokers: BrokerCluster, password: str) -> WorkersConfig:
    """Return one worker that logs in with SCRAM and has no plugin but Kafka's own."""
    login = "org.apache.kafka.common.security.scram.ScramLoginModule"
    security = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": f'{login} required username="{_USER}" password="{password}";',
    }
    return WorkersConfig(
        name="training",
        uuid="training",
        region="us-east-1",
        directory=directory,
        bootstrap_servers=brokers.bootstrap()["scram"],
        iam=False,
        tls=True,
        broker_ca_pem=brokers.ca_pem(),
        plugin_path=directory,
        service_load=True,
        properties={},
        workers=1,
        rest_password=secrets.token_urlsafe(16),
        security=security,
    )


def _exercise(workers: ConnectWorkers, home: Path) -> None:
    """Run Kafka's own file connectors through one record: the classes of an ordinary day."""
    source, target = home / "source.txt", home / "target.txt"
    source.write_text("one\ntwo\n")
    file = "org.apache.kafka.connect.file.FileStream"
    connectors = {
        "source": {"connector.class": f"{file}SourceConnector", "file": str(source), "topic": _TOPIC},
        "sink": {"connector.class": f"{file}SinkConnector", "file": str(target), "topics": _TOPIC},
    }
    for name, config in connectors.items():

        def put(rest: ConnectRest, name: str = name, config: dict[str, str] = config) -> None:
            rest.call("PUT", f"/connectors/{name}/config", config, timeout_s=60)

        workers.ask(put, deadline_s=60)
    wait_until(lambda: target.exists() and "two" in target.read_text(), deadline_s=_RUNNING_S)
    for path in ("/connector-plugins", "/connectors?expand=status", "/connectors/sink/offsets"):

        def get(rest: ConnectRest, path: str = path) -> None:
            rest.request("GET", path)

        workers.ask(get)
