"""Trust policies that are too wide, each for its own reason, and those that are not."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.iam.trust import judge, problems_of
from contracts.model import Failed, Verified

ACCOUNT = "123456789012"
GITHUB = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
AUD = {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}


def trust(principal: Any, condition: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **changes}
    return {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}


def github(subject: str, operator: str = "StringEquals") -> dict[str, Any]:
    subjects = {"token.actions.githubusercontent.com:sub": subject}
    condition = {"StringEquals": {**AUD, **subjects}} if operator == "StringEquals" else None
    return trust({"Federated": GITHUB}, condition or {"StringEquals": AUD, operator: subjects})


@pytest.mark.parametrize(
    "policy",
    [
        trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        trust({"AWS": ACCOUNT}),
        trust({"AWS": [f"arn:aws:iam::{ACCOUNT}:role/a", f"arn:aws:iam::{ACCOUNT}:user/b"]}),
        trust({"Service": "kafkaconnect.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        trust({"Service": "x.amazonaws.com"}, {"ArnLike": {"AWS:SourceArn": f"arn:aws:kafka:*:{ACCOUNT}:*"}}),
        trust({"Service": "ec2.amazonaws.com"}),
        github("repo:octo/widgets:ref:refs/heads/main"),
        github("repo:octo/widgets:pull_request"),
        github("repo:octo/widgets:ref:refs/heads/*", "StringLike"),
        trust("*", Effect="Deny"),
    ],
)
def test_narrow_trust(policy: dict[str, Any]) -> None:
    assert problems_of(policy, ACCOUNT) == []


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (trust("*"), "everybody"),
        (trust({"AWS": "*"}), "everybody"),
        (trust({"AWS": "arn:aws:iam::210987654321:root"}), "account 210987654321"),
        (trust({"AWS": "210987654321"}), "account 210987654321"),
        (trust({"AWS": "AIDAEXAMPLE"}), "no identity of an account"),
        (trust({"Service": "kafkaconnect.amazonaws.com"}), "for any account"),
        (
            trust({"Service": "kafkaconnect.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": "210987654321"}}),
            "for any account",
        ),
        (
            trust({"Service": "a.amazonaws.com"}, {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}}),
            "for any account",
        ),
        (trust({"Federated": GITHUB}, {"StringEquals": AUD}), "whoever token.actions"),
        (github("repo:octo/*:*", "StringLike"), "more than one repository"),
        (github("repo:octo/*:ref:refs/heads/main", "StringLike"), "more than one repository"),
        (github("*", "StringLike"), "more than one repository"),
        (github("repo:octo/widgets:*", "StringLike"), "every branch"),
        (
            trust(
                {"Federated": GITHUB},
                {"StringEquals": {"token.actions.githubusercontent.com:sub": "repo:octo/widgets:pull_request"}},
            ),
            "another audience",
        ),
        (trust({"AWS": ACCOUNT}, Action="sts:*"), "sts:*"),
        (
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": {}}},
            "NotPrincipal",
        ),
    ],
)
def test_trust_that_is_too_wide(policy: dict[str, Any], problem: str) -> None:
    (found, *_) = problems_of(policy, ACCOUNT)
    assert problem in found


def test_the_contract_names_the_role_and_every_problem() -> None:
    outcome = judge({"operator": [], "ci": ["everybody may assume it", "b"]}, {"operator": [ACCOUNT], "ci": ["*"]})
    assert isinstance(outcome, Failed)
    assert outcome.reason == "role ci: everybody may assume it"
    assert outcome.evidence["problems"] == {"ci": ["everybody may assume it", "b"]}
    assert isinstance(judge({"operator": []}, {"operator": [ACCOUNT]}), Verified)
