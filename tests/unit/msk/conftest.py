"""A cloud without processes: moto's backends in memory, brokers that only remember what they were told."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.moto_state import MotoState
from orchestrator.embedded.gateway.service import AwsError, Caller
from orchestrator.embedded.msk import KafkaBackend
from orchestrator.embedded.scenario import Scenario
from orchestrator.errors import EphkError
from orchestrator.processes import wait_until

REGION = "us-east-1"
CALLER = Caller(kind="administrator", arn="arn:aws:iam::1:root", account_id="1")
ACCOUNT = "100000000000"


@dataclass
class FakeNode:
    id: int
    running: bool = True

    @property
    def endpoints(self):
        return {"scram": f"localhost:{9600 + self.id}", "iam": f"localhost:{9800 + self.id}"}


class FakeBrokers:
    """Remembers every call. `gate` holds back `start` and restarts until it is set; `failures` make a verb fail."""

    def __init__(self, context, cluster, properties, client_ca):
        self.cluster, self.properties, self.client_ca = cluster, properties, client_ca
        self.listeners = (cluster.spec.security.scram, cluster.spec.security.iam, client_ca)
        self.directory = cluster.directory
        self.calls: list[tuple] = []
        self.users: dict[str, str] = {}
        self.brokers = [FakeNode(i) for i in range(1, cluster.spec.brokers + 1)]
        self.gate = threading.Event()
        self.gate.set()
        self.failures: dict[str, Exception] = {}
        self.stopped = False

    def _call(self, verb, *arguments):
        self.calls.append((verb, *arguments))
        assert self.gate.wait(30)
        if verb in self.failures:
            raise self.failures[verb]

    def start(self, *, deadline_s=90):
        self.directory.mkdir(parents=True, exist_ok=True)
        self._call("start")
        for node in self.brokers:
            self.log_path(node.id).write_text(f"INFO broker {node.id} started\n")

    def bootstrap(self):
        scram, iam, client_ca = self.listeners
        wanted = {"scram": scram, "iam": iam, "mtls": client_ca is not None}
        return {
            listener: ",".join(f"localhost:{port + node.id}" for node in self.brokers)
            for (listener, present), port in zip(wanted.items(), (9600, 9800, 9400), strict=True)
            if present
        }

    def ca_pem(self):
        return "-----BEGIN CERTIFICATE-----"

    def nodes(self):
        return list(self.brokers)

    def put_scram_user(self, username, password):
        self._call("put_scram_user", username)
        self.users[username] = password

    def delete_scram_user(self, username):
        self._call("delete_scram_user", username)
        del self.users[username]

    def restart_broker(self, broker_id):
        self._call("restart_broker", broker_id)
        self.brokers[broker_id - 1].running = True

    def add_brokers(self, count):
        self._call("add_brokers", count)
        self.brokers += [FakeNode(len(self.brokers) + i + 1) for i in range(count)]

    def apply_configuration(self, server_properties):
        self._call("apply_configuration")
        self.properties = dict(server_properties)

    def set_listeners(self, *, scram, iam, client_ca_pem):
        self._call("set_listeners")
        self.listeners = (scram, iam, client_ca_pem)

    def log_path(self, broker_id):
        return self.directory / f"broker-{broker_id}.log"

    def stop(self, *, grace_s=0.0):
        self.stopped = True
        self.gate.set()


def shape_faults(shape: Shape, value: Any, path: str = "answer") -> list[str]:
    """Name what in `value` botocore's output shape does not have: members, types, enumerations, required ones."""
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{path}: not a structure"]
        faults = [f"{path}.{name}: unknown" for name in value if name not in shape.members]
        faults += [f"{path}.{name}: missing" for name in shape.required_members if name not in value]
        for name, member in shape.members.items():
            if name in value:
                faults += shape_faults(member, value[name], f"{path}.{name}")
        return faults
    if kind == "list":
        if not isinstance(value, list):
            return [f"{path}: not a list"]
        return [fault for i, item in enumerate(value) for fault in shape_faults(shape.member, item, f"{path}[{i}]")]
    if kind == "map":
        return [fault for key, item in value.items() for fault in shape_faults(shape.value, item, f"{path}.{key}")]
    python = {"string": str, "blob": bytes, "timestamp": datetime, "boolean": bool}
    python |= {"integer": int, "long": int, "double": float}
    if type(value) is not python[kind] and not isinstance(value, python[kind]):
        return [f"{path}: {value!r} is not a {kind}"]
    if getattr(shape, "enum", None) and value not in shape.enum:
        return [f"{path}: {value!r} is not one of {shape.enum}"]
    return []


@pytest.fixture(scope="module")
def model():
    return ServiceModel(Loader().load_service_model("kafka", "service-2"))


class Account:
    """An account with a VPC and a key, shared by all tests: moto makes one slowly."""

    def __init__(self):
        self.moto = MotoState(ACCOUNT, REGION)
        ec2 = self.moto.backend("ec2")
        self.vpc = ec2.create_vpc("10.0.0.0/16")
        self.subnets = [
            ec2.create_subnet(self.vpc.id, f"10.0.{i}.0/24", availability_zone=f"{REGION}{zone}").id
            for i, zone in enumerate("abc")
        ]
        self.group = ec2.create_security_group("brokers", "brokers", vpc_id=self.vpc.id).id
        self.key = self.moto.backend("kms").create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)

    def clean(self):
        self.moto.backend("ec2").enis.clear()
        self.moto.backend("secretsmanager").secrets.clear()
        self.moto.backend("logs").groups.clear()


@pytest.fixture(scope="module")
def account():
    return Account()


class World:
    """MSK in an account; every answer is checked against the service's model."""

    def __init__(self, directory, model, account):
        self.account, self.moto = ACCOUNT, account.moto
        self.vpc, self.subnets, self.group, self.key = account.vpc, account.subnets, account.group, account.key
        self.scenario_file = directory / "scenario.yaml"
        self.context = CloudContext(
            region=REGION,
            account_id=self.account,
            directory=directory / "cloud",
            authority_url="http://127.0.0.1:1/_ephk/authority",
            authority_token="token",
            scenario=Scenario(self.scenario_file),
            moto=self.moto,
        )
        self.model = model
        self.made: list[FakeBrokers] = []
        self.hold = False
        self.failures: dict[str, Exception] = {}
        self.backend = KafkaBackend(self.context, brokers=self._brokers)

    def _brokers(self, *arguments):
        brokers = FakeBrokers(*arguments)
        brokers.failures.update(self.failures)
        if self.hold:
            brokers.gate.clear()
        self.made.append(brokers)
        return brokers

    def call(self, operation, **params):
        answer = self.backend.invoke(operation, params, CALLER)
        output = self.model.operation_model(operation).output_shape
        assert (shape_faults(output, answer) if output else list(answer)) == []
        return answer

    def refused(self, operation, **params):
        with pytest.raises(AwsError) as caught:
            self.backend.invoke(operation, params, CALLER)
        errors = {shape.name for shape in self.model.operation_model(operation).error_shapes}
        assert caught.value.code in errors | {"NotFoundException"}
        return caught.value

    def scenario(self, **msk):
        self.scenario_file.write_text(json.dumps({"msk": msk}))

    def request(self, name="orders", **changes):
        return {
            "ClusterName": name,
            "KafkaVersion": "3.9.x.kraft",
            "NumberOfBrokerNodes": 3,
            "BrokerNodeGroupInfo": {
                "ClientSubnets": self.subnets,
                "InstanceType": "kafka.m7g.large",
                "SecurityGroups": [self.group],
                "StorageInfo": {"EbsStorageInfo": {"VolumeSize": 10}},
            },
            "ClientAuthentication": {"Sasl": {"Scram": {"Enabled": True}, "Iam": {"Enabled": True}}},
            "EncryptionInfo": {"EncryptionAtRest": {"DataVolumeKMSKeyId": self.key.arn}},
        } | changes

    def state(self, arn):
        return self.call("DescribeClusterV2", ClusterArn=arn)["ClusterInfo"]["State"]

    def wait(self, arn, state="ACTIVE"):
        assert wait_until(lambda: self.state(arn) == state, deadline_s=30), self.state(arn)

    def wait_gone(self, arn):
        def gone():
            try:
                self.state(arn)
            except AwsError as error:
                return error.code == "NotFoundException"
            return False

        assert wait_until(gone, deadline_s=30)

    def active(self, name="orders", **changes):
        arn = self.call("CreateCluster", **self.request(name, **changes))["ClusterArn"]
        self.wait(arn)
        return arn

    def describe(self, arn):
        return self.call("DescribeCluster", ClusterArn=arn)["ClusterInfo"]

    def version(self, arn):
        return self.describe(arn)["CurrentVersion"]

    def finished(self, answer):
        arn = answer["ClusterOperationArn"]

        def done():
            info = self.call("DescribeClusterOperation", ClusterOperationArn=arn)["ClusterOperationInfo"]
            return info if info["OperationState"].endswith(("COMPLETE", "FAILED")) else None

        assert wait_until(done, deadline_s=30)
        return done()

    def secret(self, name="AmazonMSK_orders", value=None, kms_key_id="", policy=None):
        made = self.moto.backend("secretsmanager").create_secret(
            name=name,
            secret_string=json.dumps({"username": name.lower(), "password": "pw"}) if value is None else value,
            secret_binary=None,
            description="",
            tags=[],
            kms_key_id=self.key.arn if kms_key_id == "" else kms_key_id,
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )
        arn = json.loads(made[0] if isinstance(made, tuple) else made)["ARN"]
        if policy is not None:
            self.moto.put_secret_policy(arn, policy)
        return arn

    def interfaces(self):
        return list(self.moto.backend("ec2").enis.values())


@pytest.fixture
def world(tmp_path, monkeypatch, model, account):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = World(tmp_path, model, account)
    yield made
    for brokers in made.made:
        brokers.gate.set()
    made.backend.close()
    account.clean()


@pytest.fixture
def broker_failure():
    return EphkError("broker 2 ended while it started", details=("ERROR no space left on device",))


@pytest.fixture
def private_ca(world):
    """An ACTIVE private CA with a self-signed certificate."""
    pca = world.moto.backend("acm-pca")
    arn = pca.create_certificate_authority(
        certificate_authority_configuration={"Subject": {"CommonName": "clients"}, "KeyAlgorithm": "RSA_2048"},
        revocation_configuration={},
        certificate_authority_type="ROOT",
        security_standard=None,
        tags=[],
    )
    authority = pca.certificate_authorities[arn]
    certificate = authority.generate_cert(authority.issuer, authority.key.public_key(), [])
    authority.import_certificate_authority_certificate(certificate, None)
    return authority
