"""The example environment, ready for the tests of this directory, and its account."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestrator.aws import AwsSession
from tests.embedded.conftest import REPOSITORY, Orders, World, end_world, new_world


@pytest.fixture(scope="package")
def shared_world() -> Iterator[World]:
    """The directory's world; tests leave it as they found it."""
    made = new_world("shared")
    try:
        yield made
    finally:
        end_world(made)


@pytest.fixture(scope="package")
def orders(shared_world: World) -> Orders:
    """Bring the example environment up once."""
    done = shared_world.must("up", REPOSITORY / "examples" / "orders.yaml", "--json")
    return Orders(shared_world, "orders", done.json())


@pytest.fixture(scope="package")
def administrator(orders: Orders) -> AwsSession:
    """The administrator of the embedded account."""
    return orders.world.administrator()


@pytest.fixture
def limited(administrator: AwsSession) -> Any:
    """Make a session of a role that may do certain actions and nothing else."""
    iam, made = administrator.client("iam"), []

    def make(name: str, *actions: str) -> AwsSession:
        account = {"AWS": administrator.cloud.account_id}
        trust = {"Statement": [{"Effect": "Allow", "Principal": account, "Action": "sts:AssumeRole"}]}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
        made.append(name)
        allowed = {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=_policy(allowed))
        return administrator.assume_role(arn)

    yield make
    for name in made:
        iam.delete_role_policy(RoleName=name, PolicyName="p")
        iam.delete_role(RoleName=name)


Limited = Callable[..., AwsSession]


def _policy(document: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", **document})
