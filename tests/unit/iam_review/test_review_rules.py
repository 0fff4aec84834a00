"""Each lint rule on a document that breaks it and on one that does not."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from orchestrator.iam_review import parliament_rules, rules
from orchestrator.iam_review.catalogue import RULES
from orchestrator.iam_review.model import Severity
from orchestrator.iam_review.parliament_rules import parliament_violations

ACCOUNT = "111122223333"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/review"
KAFKA = f"arn:aws:kafka:us-east-1:{ACCOUNT}"
GITHUB = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"


def policy(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}],
    }


def trust(principal: Any, condition: Any = None) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": principal}
    return {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}


def ids(found: list[Any]) -> set[str]:
    return {violation.rule.id.removeprefix("iam.lint.") for violation in found}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (policy("*"), {"administrator"}),
        (policy("s3:*"), {"wildcard-resource"}),
        (policy(["s3:ListAllMyBuckets", "ec2:Describe*"]), set()),
        (policy("s3:PutObject", "arn:aws:s3:::orders/*"), set()),
        (policy("ec2:TerminateInstances", Condition={"StringEquals": {"aws:ResourceTag/ephk:lease": "a"}}), set()),
        (policy("kafka-cluster:ReadData"), {"kafka-wildcard-resource"}),
        (policy("kafka-cluster:*", f"{KAFKA}:topic/*"), {"kafka-wildcard-resource"}),
        (policy("kafka-cluster:*", f"{KAFKA}:*"), {"kafka-wildcard-resource"}),
        (policy("kafka-cluster:ReadData", f"{KAFKA}:topic/orders/*/invoices"), set()),
        (policy("kafka-cluster:ReadData", f"{KAFKA}:topic/orders/*"), set()),
        (policy("kafka-cluster:ReadData", f"{KAFKA}:topic/invoices"), {"kafka-resource-shape"}),
        (policy("kafka-cluster:ReadData", f"{KAFKA}:topic/orders/invoices"), {"kafka-resource-shape"}),
        (policy("kafka-cluster:AlterGroup", f"{KAFKA}:topic/orders/*/*"), {"kafka-action-resource"}),
        (policy("kafka-cluster:ReadDate", f"{KAFKA}:topic/orders/*/*"), {"kafka-action-resource"}),
        (policy("kafka:*", f"{KAFKA}:cluster/orders/*"), {"kafka-control-plane"}),
        (policy("kafka:ReadData", f"{KAFKA}:topic/orders/*/*"), {"kafka-control-plane"}),
        (policy("kafka:*", f"{KAFKA}:topic/orders/*/*"), {"kafka-control-plane"}),
        (policy(["kafka:DescribeCluster", "kafka:GetBootstrapBrokers"], f"{KAFKA}:cluster/orders/*"), set()),
        (policy("iam:PassRole"), {"pass-role"}),
        (policy("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/sink"), {"pass-role"}),
        (
            policy("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/sink",
                   Condition={"StringEquals": {"iam:PassedToService": "kafkaconnect.amazonaws.com"}}),
            set(),
        ),
        (policy("iam:PassRole", Condition={"StringEqualsIfExists": {"iam:PassedToService": "ec2.amazonaws.com"}}),
         {"pass-role"}),
        ({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]},
         {"allow-not"}),
        ({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*"}]}, {"malformed"}),
    ],
)  # fmt: skip
def test_identity_policies(document: dict[str, Any], expected: set[str]) -> None:
    assert ids(rules.identity_policy(document)) == expected


def test_pass_role_for_every_role_is_worse_than_for_one() -> None:
    every, one = (rules.identity_policy(policy("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{name}")) for name in "*a")
    assert [violation.severity for violation in every] == [Severity.CRITICAL]
    assert [violation.severity for violation in one] == [Severity.MEDIUM]


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ACCOUNT}}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1"}}}, False),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
    ],
)
def test_public_resource_policies(statement: dict[str, Any], public: bool) -> None:
    whole = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::orders/*", **statement}
    found = rules.resource_policy({"Version": "2012-10-17", "Statement": [whole]})
    assert ids(found) == ({"public-principal"} if public else set())


def subject(value: Any, operator: str = "StringLike", **more: str) -> dict[str, Any]:
    prefix = "token.actions.githubusercontent.com"
    return {operator: {f"{prefix}:sub": value}, "StringEquals": {f"{prefix}:aud": "sts.amazonaws.com"}, **more}


@pytest.mark.parametrize(
    ("document", "severity"),
    [
        (trust({"Federated": GITHUB}, subject("repo:acme/orders:ref:refs/heads/main")), None),
        (trust({"Federated": GITHUB}, subject("repo:acme/orders:*")), None),
        (trust({"Federated": GITHUB}, subject("repo:acme/*:*")), Severity.HIGH),
        (trust({"Federated": GITHUB}, subject(["repo:acme/orders:*", "repo:acme/o*:ref:x"])), Severity.HIGH),
        (trust({"Federated": GITHUB}, subject("repo:acme/orders:*", "StringLikeIfExists")), Severity.CRITICAL),
        (trust({"Federated": GITHUB}), Severity.CRITICAL),
        (trust({"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.example/id/A"},
               {"StringLike": {"oidc.eks.example/id/a:sub": "system:serviceaccount:*:*",
                               "oidc.eks.example/id/a:aud": "sts"}}), Severity.HIGH),
        (trust("*"), Severity.CRITICAL),
        (trust({"AWS": "*"}, {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), None),
        (trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), None),
        (trust({"AWS": "999988887777"}), Severity.MEDIUM),
        (trust({"AWS": "999988887777"}, {"StringEquals": {"sts:ExternalId": "x"}}), None),
        (trust({"Service": "kafkaconnect.amazonaws.com"}), None),
    ],
)  # fmt: skip
def test_trust_policies(document: dict[str, Any], severity: Severity | None) -> None:
    found = rules.trust_policy(document, account=ACCOUNT)
    assert {violation.rule.id for violation in found} == ({"iam.lint.trust-wide"} if severity else set())
    if severity:
        assert max(found, key=lambda violation: violation.severity.score).severity is severity


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (policy("iam:CreatePolicyVersion"), "CreatePolicyVersion"),
        (policy("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/ci"), "AttachRolePolicy"),
        (policy("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/*"), "UpdateAssumeRolePolicy"),
        (policy("iam:DeleteRolePermissionsBoundary"), "DeleteRolePermissionsBoundary"),
        (policy("iam:PutRolePermissionsBoundary"), "PutRolePermissionsBoundary"),
        (policy(["iam:PassRole", "lambda:Create*"]), "PassRole + Lambda"),
        (policy(["iam:PassRole", "ec2:RunInstances"]), "PassRole + EC2"),
        (policy(["iam:PassRole", "codebuild:*"]), "PassRole + CodeBuild"),
    ],
)
def test_ways_to_more_privileges_are_found_by_evaluation(document: dict[str, Any], path: str) -> None:
    found = rules.escalation_paths(ROLE, ACCOUNT, [document])
    assert [escalation.path.name for escalation in found] == [path]
    assert rules.escalation_violation(found[0]).rule.id == "iam.lint.escalation"


def test_a_boundary_or_a_protecting_condition_closes_the_ways() -> None:
    wide = policy(["iam:*", "lambda:*", "s3:*"])
    assert len(rules.escalation_paths(ROLE, ACCOUNT, [wide])) > 10
    assert rules.escalation_paths(ROLE, ACCOUNT, [wide], policy("s3:*")) == []
    boundary_required = {"StringEquals": {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/b"}}
    assert rules.escalation_paths(ROLE, ACCOUNT, [policy("iam:PutRolePolicy", Condition=boundary_required)]) == []
    lambda_only = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    limited = policy(["iam:PassRole"], Condition=lambda_only)
    assert rules.escalation_paths(ROLE, ACCOUNT, [limited, policy("ec2:RunInstances")]) == []


def test_a_boundary_that_limits_nothing_is_none() -> None:
    assert ids(rules.boundary_policy(policy("*"))) == {"administrator"}
    assert rules.boundary_policy(policy("s3:*")) == []


def test_parliament_is_asked() -> None:
    document = policy("s3:GetObjet", "arn:aws:s3:::orders/*")
    assert any("UNKNOWN_ACTION" in violation.message for violation in parliament_violations(document))
    assert list(parliament_violations(policy("s3:GetObject", "arn:aws:s3:::orders/*"))) == []


class _WithoutSetuptools:
    """Finds no `pkg_resources`, as a virtual environment of Python 3.12 does not."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name in ("pkg_resources", "setuptools"):
            raise ImportError(name)


def test_parliament_needs_no_setuptools(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in ("parliament", "pkg_resources")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_WithoutSetuptools(), *sys.meta_path])
    fresh = parliament_rules._parliament.__wrapped__()
    assert fresh.analyze_policy_string('{"Version": "2012-10-17", "Statement": []}')
    assert "pkg_resources" not in sys.modules


def test_ids_are_unique() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("condition", "limited"),
    [
        ({"Null": {"aws:ResourceTag/ephk:lease": "false"}}, True),
        ({"Null": {"aws:RequestTag/ephk:lease": ["false"]}}, True),
        ({"Null": {"aws:ResourceTag/ephk:lease": "true"}}, False),
        ({"Null": {"aws:ResourceTag/ephk:lease": ["true", "false"]}}, False),
        ({"Null": {"aws:SourceVpce": "false"}}, False),
    ],
)
def test_a_tag_that_must_be_there_limits_a_wildcard(condition: dict[str, Any], limited: bool) -> None:
    statement = {"Effect": "Allow", "Action": "kms:ScheduleKeyDeletion", "Resource": "*", "Condition": condition}
    found = rules.identity_policy({"Version": "2012-10-17", "Statement": [statement]})
    assert [one.rule.id for one in found] == ([] if limited else ["iam.lint.wildcard-resource"])
