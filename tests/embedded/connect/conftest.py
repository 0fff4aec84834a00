"""One environment with Kafka Connect for these tests: two canaries, one of them on two workers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from contracts.access import Access
from contracts.model import Result
from contracts.runner import run
from orchestrator.aws import AwsSession
from orchestrator.environment import Connector, Environment
from orchestrator.processes import wait_until
from tests.embedded.conftest import World, end_world, new_world
from tests.embedded.connect.held_back import compile_sink, zipped
from tests.embedded.connect.tls_host import TlsHost
from tests.embedded.pipeline import Pipeline

SPEC = """
name: connected
network: {zones: 1}
brokers: {count: 1}
topics: [{name: orders}]
connect:
  canary: true
  plugins:
    - {name: ledger, file: HOME/ledger.jar}
    - {name: ledger-bare, file: HOME/ledger-bare.zip}
    - {name: files, maven: "org.apache.kafka:connect-file:4.3.1"}
  egress:
    - {host: localhost, port: 4711, tls: true, ca_file: HOME/host-ca.pem}
    - {host: sts.us-east-1.amazonaws.com, port: 443, endpoint: sts}
  secrets:
    - {name: ledger, generate: [password], environment: {account: LEDGER_ACCOUNT}}
    - {name: theirs, existing: prod/ledger}
  connectors:
    - name: canary-sink
      plugin: canary
      workers: 2
      consumes: [ephk-canary]
      bucket_prefix: connect/canary-sink/
      config:
        connector.class: io.ephk.connect.CanarySinkConnector
        topics: ephk-canary
        canary.bucket: ${ephk:bucket}
        canary.prefix: connect/canary-sink/
    - name: ledger
      plugin: ledger
      consumes: [orders]
      config:
        connector.class: org.example.ledger.LedgerSink
        topics: orders
        ledger.file: HOME/ledger.txt
        ledger.password: {secret: ledger, key: password}
        ledger.heading: {secret: theirs, key: heading}
        ledger.note: "for ${secretsmanager:ledger:account} only"
"""

#: A secret that whoever runs `up` brings along.
LEDGER_ACCOUNT = "account-4711-0815"
#: A secret of the account that somebody else made before there was an environment.
THEIRS = ("prod/ledger", {"heading": "heading-of-somebody-else"})


@dataclass
class Connected:
    """The environment, and the administrator's session."""

    world: World
    environment: Environment
    session: AwsSession
    host: TlsHost | None
    pipeline: Pipeline | None = None

    @property
    def connect(self) -> Any:
        return self.session.client("kafkaconnect")

    def connector(self, name: str) -> Connector:
        assert self.environment.connect is not None
        return next(found for found in self.environment.connect.connectors if found.name == name)

    def with_connector(self, name: str, **changes: Any) -> Environment:
        """Return the environment as if one connector had been declared otherwise."""
        connect = self.environment.connect
        assert connect is not None
        changed = tuple(c.model_copy(update=changes) if c.name == name else c for c in connect.connectors)
        return self.environment.model_copy(update={"connect": connect.model_copy(update={"connectors": changed})})

    def access(self, environment: Environment | None = None) -> Access:
        return Access(environment or self.environment, self.session)

    def probe(self, *select: str, of: Environment | None = None, deadline_s: float = 60) -> dict[str, Result]:
        environment = of or self.environment
        with self.access(environment) as access:
            results = run(environment, access, select=select, deadline_s=deadline_s)
        return {result.id: result for result in results}

    def one(self, contract: str, **options: Any) -> Result:
        return self.probe(contract, **options)[contract]

    def live(self, arn: str) -> Any:
        return self.connect.describe_connector(connectorArn=arn)

    def settle(self, arn: str, *states: str) -> Any:
        assert wait_until(lambda: self.live(arn)["connectorState"] in states, deadline_s=90, poll_s=0.2), self.live(arn)
        return self.live(arn)

    def rest(self, arn: str) -> Any:
        url = f"{self.environment.cloud.http_endpoint_url}/_ephk/connectors/{arn.rsplit('/', 1)[1]}/rest"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def pids(self, arn: str) -> list[int]:
        """Return the processes of a connector's workers: none, and so no REST interface, between death and restart."""
        try:
            document = self.rest(arn)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return []
        return list(document["pids"])

    def update(self, name: str, **changes: str) -> Any:
        """Change a connector's configuration behind the spec, and return how the operation ended."""
        arn = self.connector(name).arn
        live = self.live(arn)
        operation = self.connect.update_connector(
            connectorArn=arn,
            currentVersion=live["currentVersion"],
            connectorConfiguration={**live["connectorConfiguration"], **changes},
        )["connectorOperationArn"]
        self.settle(arn, "RUNNING", "FAILED")
        return self.connect.describe_connector_operation(connectorOperationArn=operation)

    def refresh(self) -> None:
        """Take over where the workers' REST interfaces are now: those that were started since listen elsewhere."""
        connect = self.environment.connect
        assert connect is not None
        now = []
        for connector in connect.connectors:
            urls = tuple(self.rest(connector.arn)["urls"])
            assert connector.rest is not None
            now.append(connector.model_copy(update={"rest": connector.rest.model_copy(update={"urls": urls})}))
        renewed = connect.model_copy(update={"connectors": tuple(now)})
        self.environment = self.environment.model_copy(update={"connect": renewed})

    @contextmanager
    def changed(self, name: str, **changes: str) -> Iterator[None]:
        """Have another configuration live for a while."""
        arn = self.connector(name).arn
        before = self.live(arn)["connectorConfiguration"]
        assert self.update(name, **changes)["connectorOperationState"] == "UPDATE_COMPLETE"
        try:
            yield
        finally:
            version = self.live(arn)["currentVersion"]
            self.connect.update_connector(connectorArn=arn, currentVersion=version, connectorConfiguration=before)
            self.settle(arn, "RUNNING")

    @contextmanager
    def fewer_rights(self, role_arn: str, sid: str) -> Iterator[None]:
        """Take one statement out of a role's policy for a while."""
        iam, role = self.session.client("iam"), role_arn.rsplit("/", 1)[1]
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        left = [statement for statement in policy["Statement"] if statement["Sid"] != sid]
        assert len(left) < len(policy["Statement"])
        changed = json.dumps({**policy, "Statement": left})
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=changed)
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))

    @contextmanager
    def more_rights(
        self, role_arn: str, actions: list[str], resources: list[str], *, effect: str = "Allow"
    ) -> Iterator[None]:
        """Give a role more than it should have for a while, or less."""
        iam, role = self.session.client("iam"), role_arn.rsplit("/", 1)[1]
        statement = {"Effect": effect, "Action": actions, "Resource": resources}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=policy)
        try:
            yield
        finally:
            iam.delete_role_policy(RoleName=role, PolicyName="more")


@pytest.fixture(scope="package")
def connected() -> Iterator[Connected]:
    world = new_world("connect")
    host = TlsHost(world.home)
    try:
        host.start()
        made = bring_up(world, host)
        yield made
        take_down(made)
    finally:
        end_world(world)
        host.stop()


def bring_up(world: World, host: TlsHost) -> Connected:
    file = world.home / "connected.yaml"
    file.write_text(SPEC.replace("HOME", str(world.home)).replace("4711", str(host.port)))
    (world.home / "host-ca.pem").write_text(host.authority.pem)
    compile_sink(world.home, declared=True)
    zipped(compile_sink(world.home, declared=False))
    world.must("cloud", "start")
    pipeline = Pipeline(world)
    pipeline.may("up")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LEDGER_ACCOUNT", LEDGER_ACCOUNT)
        name, fields = THEIRS
        secrets = world.administrator().client("secretsmanager")
        secrets.create_secret(Name=name, SecretString=json.dumps(fields))
        lease = pipeline.must("up", file, "--json").json()
    return replace(connected_to(world, lease, host), pipeline=pipeline)


def take_down(made: Connected) -> None:
    """Take the environment down with what `down` needs: without one action it says so, and with all it is done."""
    assert made.pipeline is not None
    action = "kafkaconnect:DeleteConnector"
    made.pipeline.may("down", but=action)
    kept = made.pipeline.ephk("down", made.environment.name)
    assert (kept.status, f"not authorized to perform: {action}" in kept.out) == (4, True), kept.err + kept.out
    made.pipeline.may("down")
    made.pipeline.must("down", made.environment.name)


def connected_to(world: World, lease: dict[str, Any], host: TlsHost | None = None) -> Connected:
    """Return a lease's environment with the administrator's session."""
    return Connected(world, Environment.model_validate(lease["environment"]), world.administrator(), host)
