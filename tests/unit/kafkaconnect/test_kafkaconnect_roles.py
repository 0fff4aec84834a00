"""Service execution roles: assumed by their trust policy, handed to the connector's own workers and to nobody else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.embedded.gateway import actions
from orchestrator.embedded.gateway.credentials import CredentialStore
from orchestrator.embedded.gateway.http import HttpRequest
from orchestrator.embedded.gateway.identities import Identities
from orchestrator.embedded.gateway.models import identify
from orchestrator.embedded.gateway.moto_state import MotoState
from orchestrator.embedded.gateway.policy_gate import PolicyGate
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.gateway.sts import StsBackend
from tests.unit.kafkaconnect.conftest import ACCOUNT, REGION

SERVICE = "kafkaconnect.amazonaws.com"
CONNECTOR = f"arn:aws:kafkaconnect:{REGION}:{ACCOUNT}:connector/orders/u-1"


def trust(condition: Mapping[str, Any] | None = None, service: str = SERVICE) -> str:
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Roles:
    """IAM and STS of the account."""

    def __init__(self) -> None:
        self.moto = MotoState(ACCOUNT, REGION)
        identities = Identities(self.moto)
        self.store = CredentialStore(self.moto)
        self.sts = StsBackend(self.store, identities, PolicyGate(identities, self.moto), Path())

    def role(self, policy: str) -> str:
        made = self.moto.backend("iam", "aws").create_role(
            role_name="connector",
            assume_role_policy_document=policy,
            path="/",
            permissions_boundary=None,
            description="",
            tags=[],
            max_session_duration="3600",
        )
        return str(made.arn)


@pytest.fixture
def roles() -> Any:
    made = Roles()
    yield made
    made.moto.backend("iam", "aws").roles.clear()


@pytest.mark.parametrize(
    "condition",
    [
        None,
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"ArnLike": {"aws:SourceArn": f"arn:aws:kafkaconnect:{REGION}:{ACCOUNT}:connector/orders/*"}},
    ],
)
def test_a_role_that_trusts_the_service_is_assumed(roles: Roles, condition: Mapping[str, Any] | None) -> None:
    session = roles.sts.assume_for_service(SERVICE, roles.role(trust(condition)), "orders-1", CONNECTOR)
    assert session.caller.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/connector/orders-1"
    assert roles.store.find(session.access_key_id) == session


@pytest.mark.parametrize(
    "policy",
    [
        trust(service="lambda.amazonaws.com"),
        trust({"StringEquals": {"aws:SourceAccount": "999999999999"}}),
        trust({"ArnLike": {"aws:SourceArn": f"arn:aws:kafkaconnect:{REGION}:{ACCOUNT}:connector/other/*"}}),
    ],
)
def test_a_role_that_trusts_another_service_account_or_connector_is_not(roles: Roles, policy: str) -> None:
    with pytest.raises(AwsError, match="sts:AssumeRole"):
        roles.sts.assume_for_service(SERVICE, roles.role(policy), "orders-1", CONNECTOR)


def test_a_role_that_does_not_exist_is_refused_alike(roles: Roles) -> None:
    with pytest.raises(AwsError, match="sts:AssumeRole"):
        roles.sts.assume_for_service(SERVICE, f"arn:aws:iam::{ACCOUNT}:role/none", "orders-1", CONNECTOR)


def ask(connect: Any, uuid: str, what: str, authorization: str = "") -> Any:
    headers = {"authorization": authorization} if authorization else {}
    request = HttpRequest(method="GET", raw_path="/", raw_query="", headers=headers, body=b"", secure=False)
    return connect.backend.internal(request, uuid, what)


def test_a_worker_gets_credentials_and_a_token_for_its_authorization_only(connect: Any, roles: Roles) -> None:
    arn = connect.create(connect.plugin())
    uuid, connector = arn.rsplit("/", 1)[1], connect.made[0].connector
    session = roles.sts.assume_for_service(SERVICE, roles.role(trust()), "orders-1", CONNECTOR)
    connect.sts.assume_for_service = lambda *_: session
    answer = ask(connect, uuid, "credentials", connector.authorization)
    document = json.loads(answer.body)
    assert document["SecretAccessKey"] == session.secret
    assert document["Expiration"].endswith("Z")
    token = ask(connect, uuid, "token", connector.authorization)
    assert (token.status, len(token.body) > 100) == (200, True)
    for shown in ("", "wrong", connector.authorization + "x"):
        for what in ("credentials", "token"):
            refused = ask(connect, uuid, what, shown)
            assert (refused.status, session.secret.encode() in refused.body) == (403, False)
    assert ask(connect, "another-uuid", "credentials", connector.authorization).status == 403


def test_a_role_that_is_taken_away_ends_the_credentials_with_the_reason(connect: Any) -> None:
    arn = connect.create(connect.plugin())
    connect.sts.trusted = False
    answer = ask(connect, arn.rsplit("/", 1)[1], "credentials", connect.made[0].connector.authorization)
    assert answer.status == 403
    assert b"sts:AssumeRole" in answer.body


@pytest.mark.parametrize(
    ("method", "path", "body", "action", "resource"),
    [
        (
            "POST",
            "/v1/connectors",
            {"connectorName": "c", "serviceExecutionRoleArn": "arn:aws:iam::1:role/r"},
            "kafkaconnect:CreateConnector",
            "*",
        ),
        (
            "DELETE",
            "/v1/connectors/arn%3Aaws%3Akafkaconnect%3Aus-east-1%3A1%3Aconnector%2Fc%2Fu-1",
            None,
            "kafkaconnect:DeleteConnector",
            "arn:aws:kafkaconnect:us-east-1:1:connector/c/u-1",
        ),
    ],
)
def test_the_resource_of_a_request_is_what_it_acts_on(
    method: str, path: str, body: Any, action: str, resource: str
) -> None:
    request = HttpRequest(method, path, body=json.dumps(body).encode() if body else b"")
    target = identify(request, "kafkaconnect")
    assert actions.action_of(target) == action
    assert actions.resources_of(target, request, MotoState(ACCOUNT, REGION), REGION) == (resource,)
