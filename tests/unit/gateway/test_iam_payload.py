"""Payloads of AWS_MSK_IAM: genuine ones, and those that were changed, replayed elsewhere or made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.credentials import Credentials

from contracts.wire.msk_iam import payload
from orchestrator.embedded.gateway.http import HttpResponse
from tests.unit.gateway.conftest import Desk
from tests.unit.gateway.test_authority import CLUSTER, ask, session_of


@pytest.fixture
def signer(desk: Desk, unique: Callable[[str], str]) -> tuple[str, Credentials]:
    return session_of(desk, unique("client"), (["kafka-cluster:Connect"], [CLUSTER]))


def authenticate(desk: Desk, text: str) -> HttpResponse:
    return ask(desk, "authenticate", {"cluster_arn": CLUSTER, "payload": text})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "b-2.5f1e-2.kafka.us-east-1.amazonaws.com"])
def test_a_genuine_payload_names_its_signer(desk: Desk, signer: tuple[str, Credentials], host: str) -> None:
    arn, credentials = signer
    answer = authenticate(desk, payload(credentials, "us-east-1", host))
    assert (answer.status, json.loads(answer.body)["principal_arn"]) == (200, arn)


@pytest.mark.parametrize(
    "host", ["b-1.other-3.kafka.us-east-1.amazonaws.com", "127.0.0.1:9098", "localhost.example", "", "127a0a0a1"]
)
def test_a_payload_for_another_host_is_a_replay(desk: Desk, signer: tuple[str, Credentials], host: str) -> None:
    answer = authenticate(desk, payload(signer[1], "us-east-1", host or "example.org"))
    assert (answer.status, json.loads(answer.body)["reason"]) == (
        403,
        "the payload is not signed for a broker of this cluster",
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"host": "localhost"}, "signature"),
        ({"x-amz-expires": "899"}, "signature"),
        ({"x-amz-signature": "0" * 64}, "signature"),
        ({"action": "kafka-cluster:Other"}, "action"),
        ({"version": "2019_01_01"}, "version"),
        ({"version": None}, "version"),
        ({"x-amz-signature": None}, "no x-amz-signature"),
        ({"x-amz-security-token": None}, "invalid"),
        ({"x-amz-security-token": "guess"}, "invalid"),
        ({"extra": "field"}, "unknown"),
        ({"x-amz-date": 5}, "object of texts"),
        ({"x-amz-credential": "AKIAUNKNOWN/20260101/us-east-1/kafka-cluster/aws4_request"}, ""),
    ],
)
def test_a_payload_that_was_changed(
    desk: Desk, signer: tuple[str, Credentials], change: dict[str, Any], reason: str
) -> None:
    document = {**json.loads(payload(signer[1], "us-east-1", "127.0.0.1")), **change}
    text = json.dumps({name: value for name, value in document.items() if value is not None})
    answer = authenticate(desk, text)
    assert answer.status == 403
    assert reason in json.loads(answer.body)["reason"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "1", '"x"', "{}", "[" * 5000, '{"version":"2020_10_22"}', "x" * 20_000]
)
def test_what_is_no_payload(desk: Desk, text: str) -> None:
    assert authenticate(desk, text).status == 403


def test_a_field_that_is_there_twice_is_not_chosen_from(desk: Desk, signer: tuple[str, Credentials]) -> None:
    text = payload(signer[1], "us-east-1", "127.0.0.1")
    assert authenticate(desk, text).status == 200
    assert authenticate(desk, text[:-1] + ', "host": "127.0.0.1"}').status == 403


def test_another_region_is_another_signature(desk: Desk, signer: tuple[str, Credentials]) -> None:
    assert authenticate(desk, payload(signer[1], "eu-west-1", "127.0.0.1")).status == 403


def test_enforcement_off_lets_roles_in_and_still_wants_a_signature(
    desk: Desk, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, nobody = session_of(desk, unique("nobody"), (["s3:ListBucket"], ["*"]))
    text = payload(nobody, "us-east-1", "127.0.0.1")
    forged = payload(Credentials(nobody.access_key, "wrong", nobody.token), "us-east-1", "127.0.0.1")
    assert authenticate(desk, text).status == 403
    monkeypatch.setattr(desk.gateway._authority, "_enforced", lambda: False)
    assert (authenticate(desk, text).status, authenticate(desk, forged).status) == (200, 403)
