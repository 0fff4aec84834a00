"""MSK Connect without processes: moto's backends in memory, workers that only remember what they were told."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from orchestrator.connect_rest import ConnectRestError
from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.moto_state import MotoState
from orchestrator.embedded.gateway.service import AwsError, Caller
from orchestrator.embedded.kafkaconnect import KafkaConnectBackend, lifecycle, watch
from orchestrator.processes import wait_until
from tests.unit.msk.conftest import shape_faults

# An account of their own: moto's backends are the process's, and other tests run in it.
REGION, ACCOUNT = "us-east-1", "300000000000"
CALLER = Caller(kind="administrator", arn="arn:aws:iam::1:root", account_id="1")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/connector"
CLASS = "org.example.SinkConnector"


def archive(*classes: str, declared: tuple[str, ...] = (CLASS,), inside: str = "lib/plugin.jar") -> bytes:
    """Return a plugin: a ZIP file with one jar."""
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as writer:
        for name in classes or (CLASS,):
            writer.writestr(f"{name.replace('.', '/')}.class", b"\xca\xfe\xba\xbe")
        if declared:
            service = "META-INF/services/org.apache.kafka.connect.sink.SinkConnector"
            writer.writestr(service, "".join(f"{name}  # ours\n" for name in declared))
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as writer:
        writer.writestr(inside, jar.getvalue())
    return bundle.getvalue()


class FakeRest:
    """Answers as a worker with one connector would."""

    def __init__(self, workers: FakeWorkers) -> None:
        self.workers = workers

    def call(self, method: str, path: str, document: Any = None, **_: Any) -> Any:
        self.workers.requests.append((method, path))
        if method == "PUT" and path.endswith("/config"):
            if "bad" in document:
                raise ConnectRestError("Unknown field bad\nYou can also find the above list of errors elsewhere", 400)
            self.workers.configuration = document
        return {}

    def status(self, _name: str) -> Any:
        return self.workers.status


class FakeWorkers:
    """Workers that run when they are told to."""

    def __init__(self, connector: Any, plugin_path: Path, properties: dict[str, str], service_load: bool) -> None:
        self.connector, self.plugin_path, self.properties = connector, plugin_path, properties
        self.service_load = service_load
        self.requests: list[tuple[str, str]] = []
        self.configuration: dict[str, str] = {}
        self.count, self.stopped, self.lost = connector.spec.workers, False, list[int]()
        self.restarted: list[int] = []
        self.status: Any = {
            "connector": {"state": "RUNNING"},
            "tasks": [{"id": 0, "state": "RUNNING", "worker_id": "127.0.0.1:1"}],
        }

    def start(self, **_: Any) -> None:
        connector = self.connector
        log = connector.directory / "worker-1.log"
        connector.directory.mkdir(parents=True, exist_ok=True)
        log.write_text("INFO joined\n")

    def ask(self, question: Any, **_: Any) -> Any:
        return question(FakeRest(self))

    def scale(self, workers: int, **_: Any) -> None:
        self.count = workers

    def dead(self) -> list[int]:
        return list(self.lost)

    def restart_worker(self, number: int, **_: Any) -> None:
        self.lost.remove(number)
        self.restarted.append(number)

    def urls(self) -> tuple[str, ...]:
        return tuple(f"https://127.0.0.1:{port}" for port in range(1, self.count + 1))

    def pids(self) -> dict[int, int | None]:
        return {1: 1}

    def ca_pem(self) -> str:
        return "PEM"

    def log_paths(self) -> dict[int, Path]:
        return {1: self.connector.directory / "worker-1.log"}

    def stop(self, **_: Any) -> None:
        self.stopped = True


class FakeSts:
    """Lets the service assume one role."""

    trusted = True

    def assume_for_service(self, service: str, role_arn: str, _name: str, _source: str) -> Any:
        if role_arn != ROLE or not self.trusted:
            raise AwsError("AccessDenied", f"{service} is not authorized to perform: sts:AssumeRole", 403)
        return object()


class World:
    """MSK Connect in an account; every answer is checked against the service's model."""

    def __init__(self, directory: Path, model: ServiceModel) -> None:
        self.moto, self.model, self.sts = MotoState(ACCOUNT, REGION), model, FakeSts()
        ec2 = self.moto.backend("ec2")
        vpc = ec2.create_vpc("10.0.0.0/16")
        self.subnet = ec2.create_subnet(vpc.id, "10.0.0.0/24", availability_zone=f"{REGION}a").id
        self.group = ec2.create_security_group("connect", "connect", vpc_id=vpc.id).id
        self.moto.backend("logs").create_log_group("/connect", {})
        self.s3 = self.moto.backend("s3", "aws")
        if "data" not in self.s3.buckets:  # shared by the tests of a session: moto has bucket names once in a process
            self.s3.create_bucket("data", REGION)
        context = CloudContext(
            region=REGION,
            account_id=ACCOUNT,
            directory=directory / "cloud",
            authority_url="http://127.0.0.1:1/_ephk/authority",
            authority_token="token",
            moto=self.moto,
        )
        self.context = replace(context, peer={"sts": self.sts}.__getitem__)
        self.made: list[FakeWorkers] = []
        self.broken: Any = None
        self.backend = KafkaConnectBackend(self.context, workers=self._workers)

    def _workers(self, _context: Any, connector: Any, path: Path, properties: Any, service_load: bool) -> FakeWorkers:
        made = FakeWorkers(connector, path, properties, service_load)
        if self.broken is not None:
            made.status = self.broken
        self.made.append(made)
        return made

    def call(self, operation: str, **params: Any) -> Any:
        answer = self.backend.invoke(operation, params, CALLER)
        output = self.model.operation_model(operation).output_shape
        assert (shape_faults(output, answer) if output else list(answer)) == []
        return answer

    def refused(self, operation: str, **params: Any) -> AwsError:
        with pytest.raises(AwsError) as caught:
            self.backend.invoke(operation, params, CALLER)
        assert caught.value.code in {shape.name for shape in self.model.operation_model(operation).error_shapes}
        return caught.value

    def put(self, data: bytes, key: str = "plugin.zip") -> None:
        self.s3.put_object("data", key, data)

    def plugin(self, data: bytes | None = None, *, name: str = "plugin", state: str = "ACTIVE", key: str = "") -> str:
        if data is not None or not key:
            self.put(archive() if data is None else data)
        location = {"s3Location": {"bucketArn": "arn:aws:s3:::data", "fileKey": key or "plugin.zip"}}
        arn: str = self.call("CreateCustomPlugin", name=name, contentType="ZIP", location=location)["customPluginArn"]
        assert wait_until(
            lambda: self.call("DescribeCustomPlugin", customPluginArn=arn)["customPluginState"] == state, deadline_s=30
        ), self.call("DescribeCustomPlugin", customPluginArn=arn)
        return arn

    def request(self, plugin: str, **changes: Any) -> dict[str, Any]:
        vpc = {"subnets": [self.subnet], "securityGroups": [self.group]}
        return {
            "connectorName": "orders",
            "capacity": {"provisionedCapacity": {"mcuCount": 1, "workerCount": 1}},
            "connectorConfiguration": {"connector.class": CLASS, "topics": "orders"},
            "kafkaCluster": {"apacheKafkaCluster": {"bootstrapServers": "127.0.0.1:9098", "vpc": vpc}},
            "kafkaClusterClientAuthentication": {"authenticationType": "IAM"},
            "kafkaClusterEncryptionInTransit": {"encryptionType": "TLS"},
            "kafkaConnectVersion": "3.7.x",
            "plugins": [{"customPlugin": {"customPluginArn": plugin, "revision": 1}}],
            "serviceExecutionRoleArn": ROLE,
            "logDelivery": {"workerLogDelivery": {"cloudWatchLogs": {"enabled": True, "logGroup": "/connect"}}},
        } | changes

    def create(self, plugin: str, state: str = "RUNNING", **changes: Any) -> str:
        arn: str = self.call("CreateConnector", **self.request(plugin, **changes))["connectorArn"]
        self.wait(arn, state)
        return arn

    def describe(self, arn: str) -> Any:
        return self.call("DescribeConnector", connectorArn=arn)

    def wait(self, arn: str, state: str) -> None:
        seen = lambda: self.describe(arn)["connectorState"] == state  # noqa: E731
        assert wait_until(seen, deadline_s=30), self.describe(arn)

    def ended(self, operation: str) -> Any:
        ask = lambda: self.call("DescribeConnectorOperation", connectorOperationArn=operation)  # noqa: E731
        assert wait_until(lambda: "endTime" in ask(), deadline_s=30)
        return ask()


@pytest.fixture(scope="session")
def model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("kafkaconnect", "service-2"))


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: ServiceModel) -> Any:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(lifecycle, "_SETTLED_S", 0.05)
    monkeypatch.setattr(lifecycle, "_RUNNING_S", 1.0)
    monkeypatch.setattr(lifecycle, "_POLL_S", 0.01)
    monkeypatch.setattr(watch, "_EVERY_S", 0.05)
    world = World(tmp_path, model)
    yield world
    world.backend.close()
    world.moto.backend("ec2").enis.clear()
    world.moto.backend("secretsmanager").secrets.clear()
    world.moto.backend("logs").groups.clear()
