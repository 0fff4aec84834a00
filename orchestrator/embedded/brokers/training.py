"""What the runtime's making needs of Kafka itself: a formatted log directory and a class-data archive."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from orchestrator.embedded.brokers.cluster import BrokerCluster
from orchestrator.embedded.brokers.config import BrokerClusterConfig
from orchestrator.embedded.brokers.control import QUIET
from orchestrator.embedded.brokers.logs import tail
from orchestrator.embedded.brokers.storage import keep_template, new_id
from orchestrator.embedded.runtime.model import FORMAT_OPTIONS, TRAINING_FLAGS, KafkaRuntime
from orchestrator.errors import EphkError
from orchestrator.processes import wait_until
from orchestrator.progress import StepHandle

_FORMAT_DEADLINE_S = 120
_SHUTDOWN_S = 120.0
_USER, _TOPIC = "training", "training"
_MAX_LINES = 20
_TRAINING = ".training-"


def make_storage_template(runtime: KafkaRuntime) -> None:
    """Run `kafka-storage format` once and keep what every node has in common.

    Raises:
        EphkError: the JVM or the tool failed; `details` are its last lines.
    """
    with tempfile.TemporaryDirectory(dir=runtime.directory, prefix=".format-") as scratch:
        data = Path(scratch) / "data"
        properties = Path(scratch) / "server.properties"
        properties.write_text(
            "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n"
            "listeners=INTERNAL://127.0.0.1:1,CONTROLLER://127.0.0.1:2\ninter.broker.listener.name=INTERNAL\n"
            "listener.security.protocol.map=INTERNAL:SSL,CONTROLLER:SSL\ncontroller.quorum.voters=1@localhost:2\n"
            f"log.dirs={data}\n"
        )
        command = runtime.command(
            "kafka.tools.StorageTool",
            "format",
            "-t",
            new_id(),
            "-c",
            str(properties),
            *FORMAT_OPTIONS,
            temporary=Path(scratch),
        )
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_FORMAT_DEADLINE_S, check=False, cwd=scratch
        )
        if done.returncode != 0:
            raise EphkError(
                f"the JRE could not run Kafka's storage tool (status {done.returncode})",
                next_step="read the lines below; a machine with less than 200 MB of free memory is one reason",
                details=tuple((done.stdout + done.stderr).strip().splitlines()[-_MAX_LINES:]),
            )
        keep_template(data, runtime.storage_template)


def make_broker_archive(runtime: KafkaRuntime, archive: Path, step: StepHandle) -> None:
    """Run a broker through what brokers do, and keep the classes that it loaded.

    Only one process may do this at a time for one runtime.

    Raises:
        EphkError: the broker did not start, or the JVM wrote no archive.
    """
    for stale in runtime.directory.glob(f"{_TRAINING}*"):  # of a process that was killed
        BrokerCluster.end_leftovers(stale)
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=runtime.directory, prefix=_TRAINING) as scratch:
        output = Path(scratch) / "broker.aot"
        flags = tuple(flag.format(archive=output) for flag in TRAINING_FLAGS)
        trainee = replace(runtime, archives={}, training_flags=flags)
        with refusing_authority() as url:
            cluster = BrokerCluster(training_config(Path(scratch) / "cluster", url), trainee)
            try:
                step.waiting("a broker that learns")
                cluster.start()
                _exercise(cluster)
                step.waiting("its archive")
                cluster.stop(grace_s=_SHUTDOWN_S)
            finally:
                cluster.stop()
        wait_until(output.exists, deadline_s=1)
        if not output.exists():
            raise EphkError("the JVM wrote no class-data archive", details=tail(cluster.log_path(1)))
        output.replace(archive)


def training_config(directory: Path, authority_url: str) -> BrokerClusterConfig:
    """Return one broker with every listener, on which whoever is authenticated may do everything."""
    from orchestrator.embedded.brokers.certificates import CertificateAuthority

    return BrokerClusterConfig(
        cluster_uuid="training",
        cluster_arn="arn:aws:kafka:us-east-1:123456789012:cluster/training/training",
        region="us-east-1",
        directory=directory,
        brokers=1,
        zones=("us-east-1a",),
        scram=True,
        iam=True,
        client_ca_pem=CertificateAuthority("training").pem,
        server_properties={"allow.everyone.if.no.acl.found": "true"},
        authority_url=authority_url,
        authority_token=new_id(),
    )


def _exercise(cluster: BrokerCluster) -> None:
    """Let a client create a topic, write, and read it as a group: the classes of an ordinary day."""
    password = new_id()
    cluster.put_scram_user(_USER, password)
    client = {
        "bootstrap.servers": cluster.bootstrap()["scram"],
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": _USER,
        "sasl.password": password,
        "ssl.ca.pem": cluster.ca_pem(),
        **QUIET,
    }
    try:
        admin = AdminClient(client)
        admin.create_topics([NewTopic(_TOPIC, 1, 1)])[_TOPIC].result(20)
        producer = Producer({**client, "enable.idempotence": True})
        producer.produce(_TOPIC, b"value")
        producer.flush(20)
        consumer = Consumer({**client, "group.id": _USER, "auto.offset.reset": "earliest"})
        try:
            consumer.subscribe([_TOPIC])
            consumer.poll(20)
        finally:
            consumer.close()
    except KafkaException as error:
        raise EphkError(f"the training broker refused a client: {error.args[0].str()}") from error


@contextmanager
def refusing_authority() -> Iterator[str]:
    """Serve an authority that knows nobody, so that the classes that ask it are loaded."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = b'{"reason": "training"}'
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
