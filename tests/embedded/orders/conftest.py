"""boto3 for the shared world's cloud."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.aws import AwsSession, Credentials
from orchestrator.environment import CloudEndpoint
from tests.embedded.conftest import Orders


@pytest.fixture(scope="session")
def administrator(orders: Orders) -> AwsSession:
    """The administrator of the embedded account."""
    info = orders.world.must("cloud", "status", "--json").json()
    cloud = CloudEndpoint(
        region=info["region"],
        account_id=info["account_id"],
        endpoint_url=info["endpoint"],
        http_endpoint_url=info["http_endpoint"],
        ca_bundle=info["ca_bundle"],
    )
    return AwsSession(cloud, Credentials(info["access_key_id"], info["secret_access_key"]))


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
