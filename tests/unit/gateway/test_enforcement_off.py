"""A cloud that does not enforce policies: everybody with a signature may do everything, and nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.credentials import Credentials

from tests.unit.gateway.conftest import Desk, allow


@pytest.fixture
def nobody(desk: Desk, unique: Callable[[str], str]) -> Credentials:
    return desk.assume(desk.role(unique("nobody"), allow("none:Nothing")))


@pytest.fixture
def off(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> None:
    monkeypatch.setattr(desk.gateway._gate, "_enforced", lambda: False)


def statuses(desk: Desk, credentials: Credentials, bucket: str) -> list[int]:
    return [
        desk.form("iam", credentials, Action="ListUsers").status,
        desk.send("s3", "GET", f"/{bucket}/key", credentials=credentials).status,
        desk.target("secretsmanager", "secretsmanager.ListSecrets", {}, credentials).status,
    ]


def test_policies_count(desk: Desk, nobody: Credentials) -> None:
    assert statuses(desk, nobody, desk.bucket()) == [403, 403, 400]


def test_policies_do_not_count(desk: Desk, nobody: Credentials, off: None) -> None:
    assert statuses(desk, nobody, desk.bucket()) == [200, 200, 200]


def test_signatures_count_all_the_same(desk: Desk, nobody: Credentials, off: None) -> None:
    wrong = Credentials(nobody.access_key, "wrong", nobody.token)
    bucket = desk.bucket()
    assert all(status >= 400 for status in statuses(desk, wrong, bucket))
    assert desk.send("s3", "GET", f"/{bucket}/key", sign=False).status == 403


def test_any_role_may_be_assumed_that_exists(
    desk: Desk, nobody: Credentials, off: None, unique: Callable[[str], str]
) -> None:
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}]}
    arn = desk.role(unique("closed"), allow("none:Nothing"), trust=trust)
    asked = {"Action": "AssumeRole", "RoleSessionName": "me"}
    assert desk.form("sts", nobody, RoleArn=arn, **asked).status == 200
    assert desk.form("sts", nobody, RoleArn=f"{arn}-not", **asked).status == 403
