"""One environment with Kafka Connect for these tests: two canaries, one of them on two workers."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from contracts.access import Access
from contracts.model import Result
from contracts.runner import run
from orchestrator.aws import AwsSession
from orchestrator.environment import Connector, Environment
from orchestrator.processes import wait_until
from tests.embedded.conftest import World, end_world, new_world

SPEC = """
name: connected
network: {zones: 1}
brokers: {count: 1}
topics: [{name: orders}]
connect:
  canary: true
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
"""


@dataclass(frozen=True)
class Connected:
    """The environment, and the administrator's session."""

    world: World
    environment: Environment
    session: AwsSession

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
    try:
        yield bring_up(world)
    finally:
        end_world(world)


def bring_up(world: World) -> Connected:
    file = world.home / "connected.yaml"
    file.write_text(SPEC)
    return connected_to(world, world.must("up", file, "--json").json())


def connected_to(world: World, lease: dict[str, Any]) -> Connected:
    """Return a lease's environment with the administrator's session."""
    return Connected(world, Environment.model_validate(lease["environment"]), world.administrator())
