from __future__ import annotations

from typing import Any

import pytest

from contracts.bucket_settings import judge_key
from contracts.model import Failed, Outcome, Verified
from contracts.resource_policies import judge, resources
from tests.unit.contracts.builders import environment

ACCOUNT = "123456789012"
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def policy(principal: Any, **more: Any) -> dict[str, Any]:
    return {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Principal": principal, **more}}


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Failed)
    return outcome.reason


@pytest.mark.parametrize(
    "principal",
    [
        ROOT,
        {"AWS": ACCOUNT},
        {"AWS": [f"arn:aws:iam::{ACCOUNT}:role/a", f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b"]},
        {"Service": "kafka.amazonaws.com"},
    ],
)
def test_the_own_account_and_services_are_no_outsiders(principal: Any) -> None:
    assert isinstance(judge(policy(principal), ACCOUNT), Verified)


@pytest.mark.parametrize(
    ("principal", "who"),
    [
        ("*", "everybody"),
        ({"AWS": "*"}, "everybody"),
        ({"AWS": ["arn:aws:iam::999999999999:root", f"arn:aws:iam::{ACCOUNT}:root"]}, "account 999999999999"),
        ({"AWS": "999999999999"}, "account 999999999999"),
        ({"AWS": "AIDAJQABLZS4A3QDU576Q"}, "AIDAJQABLZS4A3QDU576Q, which is no identity of an account,"),
        ({"CanonicalUser": "79a59df900b949e5"}, "canonicaluser 79a59df900b949e5"),
        ({"Federated": "cognito-identity.amazonaws.com"}, "federated cognito-identity.amazonaws.com"),
    ],
)
def test_whoever_else_is_let_in_is_named(principal: Any, who: str) -> None:
    assert reason(judge(policy(principal), ACCOUNT)) == f"its policy lets {who} in"


def test_a_denial_lets_nobody_in_and_a_fixed_condition_narrows() -> None:
    assert isinstance(judge(policy("*", Effect="Deny"), ACCOUNT), Verified)
    only = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    assert isinstance(judge(policy("*", Condition=only), ACCOUNT), Verified)
    assert "everybody" in reason(judge(policy("*", Condition={"StringLike": {"aws:PrincipalArn": "*"}}), ACCOUNT))


def test_a_resource_without_a_policy_lets_nobody_in() -> None:
    assert judge(None, ACCOUNT) == Verified({"policy": "none"})


def test_an_environment_without_resources_has_none() -> None:
    assert {kind for _, kind, _ in resources(environment())} <= {"bucket", "key", "cluster", "secret"}
    bare = environment(bucket=None, principals=())
    assert [kind for _, kind, _ in resources(bare) if kind in ("bucket", "key", "secret")] == []


def test_a_key() -> None:
    sound = {"Arn": "arn:key", "KeyManager": "CUSTOMER", "KeyState": "Enabled"}
    assert isinstance(judge_key(sound, rotated=True), Verified)
    assert reason(judge_key(sound, rotated=False)) == "the key is not rotated"
    assert reason(judge_key({**sound, "KeyState": "Disabled"}, rotated=False)) == "the key is Disabled"
    assert "AWS's own" in reason(judge_key({**sound, "KeyManager": "AWS"}, rotated=True))
