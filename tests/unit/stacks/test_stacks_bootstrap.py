"""What `ephk bootstrap` declares, and that each of its policies allows what is needed and refuses the rest.

The policies are decided by the product's own evaluator of AWS's documented logic: each permission has an allow and a
deny.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator import tags
from orchestrator.embedded.provider import catalogue
from orchestrator.embedded.provider.model import check
from orchestrator.iam.requests import decide_requests
from orchestrator.iam_review import rules
from stacks.bootstrap import BootstrapInputs, CiTrust, build_specification, deploy_bootstrap
from stacks.bootstrap_policies import boundary_statements
from tests.unit.stacks.stack_mocks import Program, run

ACCOUNT, REGION = "123456789012", "eu-west-1"
BUCKET = f"ephk-state-{ACCOUNT}-{REGION}"
CI = CiTrust("https://ci.example.org", "sts.amazonaws.com", ("repo:acme/orders:pull_request",))
BOUNDARY = "arn:Policy-boundary"
KEY = "arn:Key-state"
IAM = f"arn:aws:iam::{ACCOUNT}"
TAG = {f"aws:ResourceTag/{tags.LEASE}": "bcdfghjk"}
ASKED = {f"aws:RequestTag/{tags.LEASE}": "bcdfghjk"}
UNDER = {"iam:PermissionsBoundary": BOUNDARY}


def inputs(**changes: Any) -> BootstrapInputs:
    given: dict[str, Any] = {"account_id": ACCOUNT, "region": REGION, "bucket": BUCKET, "install": "p==1", "ci": CI}
    return BootstrapInputs(**{**given, **changes})


@pytest.fixture(scope="module")
def program() -> Program:
    return run(inputs(), deploy_bootstrap)


def test_the_embedded_provider_implements_all_of_it(program: Program) -> None:
    for item in program.resources:
        if item.type.startswith("aws:"):
            kind = catalogue.find(item.type)
            assert kind is not None, item.type
            assert check(kind, item.inputs) == [], item.type


def test_nothing_of_it_looks_like_an_environments(program: Program) -> None:
    for item in program.resources:
        assert tags.LEASE not in item.inputs.get("tags", {})
        if item.type == "aws:iam/role:Role":
            assert item.inputs["path"] == "/account/"


def test_the_bucket_is_private_encrypted_versioned_and_cleans_up(program: Program) -> None:
    block = program.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert all(
        block[name] for name in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    )
    (rule,) = program.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ).inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
    versioning = program.one("aws:s3/bucketVersioning:BucketVersioning").inputs
    assert versioning["versioningConfiguration"] == {"status": "Enabled"}
    (statement,) = program.one("aws:s3/bucketPolicy:BucketPolicy").policy()["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    rules = program.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs["rules"]
    assert rules[0]["noncurrentVersionExpiration"] == {"noncurrentDays": 14}


def test_the_schedule_starts_the_reaper_and_nothing_else(program: Program) -> None:
    target = program.one("aws:scheduler/schedule:Schedule").inputs["target"]
    assert target == {"arn": "arn:Project-reaper", "roleArn": "arn:Role-reaper-schedule"}
    (statement,) = program.one("aws:iam/rolePolicy:RolePolicy", "reaper-schedule").policy()["Statement"]
    assert statement["Action"] == ["codebuild:StartBuild"]
    assert statement["Resource"] == [f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/ephk-reaper"]
    build = json.loads(build_specification(inputs()))
    assert build["phases"]["build"]["commands"] == ["ephk reap --json"]
    assert build["env"]["variables"] == {"EPHK_STATE_BUCKET": f"s3://{BUCKET}"}


def test_without_a_ci_there_is_no_way_in() -> None:
    alone = run(inputs(ci=None), deploy_bootstrap)
    assert sorted(alone.of("aws:iam/role:Role")) == ["reaper", "reaper-schedule"]
    assert alone.of("aws:iam/openIdConnectProvider:OpenIdConnectProvider") == {}
    assert alone.exports["ci_role_arn"] is None


def test_an_identity_provider_that_is_there_already_is_used_and_not_made_again() -> None:
    there = f"{IAM}:oidc-provider/ci.example.org"
    program = run(inputs(ci=CiTrust(CI.issuer, CI.audience, CI.subjects, there)), deploy_bootstrap)
    assert program.of("aws:iam/openIdConnectProvider:OpenIdConnectProvider") == {}
    (statement,) = program.one("aws:iam/role:Role", "ci").policy("assumeRolePolicy")["Statement"]
    assert statement["Principal"] == {"Federated": there}


def test_the_policies_fit_into_their_quotas(program: Program) -> None:
    """10,240 characters of inline policies for a role, 6,144 for a managed policy ("IAM and AWS STS quotas")."""
    for item in program.of("aws:iam/rolePolicy:RolePolicy").values():
        assert len(json.dumps(json.loads(item.inputs["policy"]), separators=(",", ":"))) <= 10240
    boundary = program.one("aws:iam/policy:Policy").inputs["policy"]
    assert len(json.dumps(json.loads(boundary), separators=(",", ":"))) <= 6144


def decision(program: Program, role: str, action: str, resource: str, context: dict[str, str] | None = None) -> str:
    policy = program.one("aws:iam/rolePolicy:RolePolicy", role).policy()
    request = {
        "name": action,
        "principal": f"{IAM}:role/account/{role}",
        "action": action,
        "resource": resource,
        "context": context or {},
        "identity": [policy],
        "account": ACCOUNT,
    }
    if action.startswith("kms:"):
        root = {"Effect": "Allow", "Principal": {"AWS": f"{IAM}:root"}, "Action": "kms:*", "Resource": "*"}
        request["resource_policy"] = {"Version": "2012-10-17", "Statement": [root]}
    if action == "sts:AssumeRole":  # an environment's role trusts the account, as any role does that CI could reach
        trust = {"Effect": "Allow", "Principal": {"AWS": f"{IAM}:root"}, "Action": "sts:AssumeRole"}
        request["resource_policy"] = {"Version": "2012-10-17", "Statement": [trust]}
    return str(decide_requests([request])["decisions"][0]["decision"])


LEASE_OBJECT = f"arn:aws:s3:::{BUCKET}/leases/orders.json"
VPC = f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-1"
CLUSTER = f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/ephk-bcdfghjk/u"
ROLE = f"{IAM}:role/ephk-bcdfghjk-operator"


@pytest.mark.parametrize(
    ("role", "action", "resource", "context", "expected"),
    [
        ("reaper", "s3:PutObject", LEASE_OBJECT, {}, "allow"),
        ("reaper", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/bootstrap.json", {}, "deny"),
        ("reaper", "s3:DeleteBucket", f"arn:aws:s3:::{BUCKET}", {}, "deny"),
        ("reaper", "s3:DeleteObjectVersion", LEASE_OBJECT, {}, "deny"),
        ("reaper", "s3:DeleteBucket", f"arn:aws:s3:::ephk-bcdfghjk-{ACCOUNT}", {}, "allow"),
        ("reaper", "s3:DeleteBucket", "arn:aws:s3:::somebody-elses", {}, "deny"),
        ("reaper", "ec2:DeleteVpc", VPC, TAG, "allow"),
        ("reaper", "ec2:DeleteVpc", VPC, {}, "deny"),
        ("reaper", "ec2:CreateVpc", VPC, ASKED, "deny"),
        ("reaper", "kafka:DeleteCluster", CLUSTER, TAG, "allow"),
        ("reaper", "kafka:DeleteCluster", f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/production/u", {}, "deny"),
        ("reaper", "iam:DeleteRole", ROLE, {}, "allow"),
        ("reaper", "iam:DeleteRole", f"{IAM}:role/account/ephk-reaper-{REGION}", {}, "deny"),
        ("reaper", "iam:DeleteRole", f"{IAM}:role/admin", {}, "deny"),
        ("reaper", "kms:Decrypt", KEY, {}, "allow"),
        ("reaper", "kms:ScheduleKeyDeletion", KEY, {}, "deny"),
        ("reaper", "sts:AssumeRole", ROLE, {}, "deny"),
        ("ci", "s3:PutObject", LEASE_OBJECT, {}, "allow"),
        ("ci", "s3:PutBucketPolicy", f"arn:aws:s3:::{BUCKET}", {}, "deny"),
        ("ci", "ec2:CreateVpc", VPC, ASKED, "allow"),
        ("ci", "ec2:CreateVpc", VPC, {}, "deny"),
        ("ci", "iam:CreateRole", ROLE, UNDER, "allow"),
        ("ci", "iam:CreateRole", ROLE, {}, "deny"),
        ("ci", "iam:CreateRole", ROLE, {"iam:PermissionsBoundary": f"{IAM}:policy/of-my-own"}, "deny"),
        ("ci", "iam:PutRolePolicy", ROLE, {}, "deny"),
        ("ci", "iam:DeleteRolePermissionsBoundary", ROLE, {}, "deny"),
        ("ci", "iam:CreatePolicyVersion", f"{IAM}:policy/account/ephk-boundary-{REGION}", {}, "deny"),
        ("ci", "iam:PutRolePolicy", f"{IAM}:role/account/ephk-ci-{REGION}", UNDER, "deny"),
        ("ci", "sts:AssumeRole", ROLE, {}, "allow"),
        ("ci", "sts:AssumeRole", f"{IAM}:role/admin", {}, "deny"),
        ("ci", "codebuild:StartBuild", f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/ephk-reaper", {}, "deny"),
        ("ci", "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-west-1:1:secret:production", {}, "deny"),
    ],
)  # fmt: skip
def test_what_each_role_may_do(
    program: Program, role: str, action: str, resource: str, context: dict[str, str], expected: str
) -> None:
    assert decision(program, role, action, resource, context) == expected


def test_the_ci_is_let_in_by_audience_and_subject_both(program: Program) -> None:
    (statement,) = program.one("aws:iam/role:Role", "ci").policy("assumeRolePolicy")["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {"ci.example.org:aud": "sts.amazonaws.com"},
        "StringLike": {"ci.example.org:sub": ["repo:acme/orders:pull_request"]},
    }
    assert program.one("aws:iam/role:Role", "ci").inputs["maxSessionDuration"] == 10800


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("kafka-cluster:WriteData", f"arn:aws:kafka:{REGION}:{ACCOUNT}:topic/ephk-bcdfghjk/u/orders", "allow"),
        ("kafka-cluster:WriteData", f"arn:aws:kafka:{REGION}:{ACCOUNT}:topic/production/u/orders", "deny"),
        ("s3:GetObject", f"arn:aws:s3:::ephk-bcdfghjk-{ACCOUNT}/k", "allow"),
        ("s3:GetObject", LEASE_OBJECT, "deny"),
        ("iam:CreateUser", f"{IAM}:user/u", "deny"),
        ("sts:AssumeRole", f"{IAM}:role/admin", "deny"),
    ],
)
def test_the_boundary_holds_whatever_a_role_says(action: str, resource: str, expected: str) -> None:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    request = {
        "name": action,
        "principal": ROLE,
        "action": action,
        "resource": resource,
        "context": {},
        "identity": [everything],
        "boundary": {"Version": "2012-10-17", "Statement": boundary_statements(ACCOUNT)},
        "account": ACCOUNT,
    }
    assert decide_requests([request])["decisions"][0]["decision"] == expected


@pytest.mark.parametrize("role", ["ci", "reaper"])
def test_no_rule_of_a_review_is_broken(program: Program, role: str) -> None:
    policy = program.one("aws:iam/rolePolicy:RolePolicy", role).policy()
    assert [(one.rule.id, one.message) for one in rules.identity_policy(policy)] == []


CREATED = {**ASKED, "ec2:CreateAction": "CreateVpc"}
CONNECTOR = f"{IAM}:role/ephk-bcdfghjk-connect-sink"


@pytest.mark.parametrize(
    ("action", "resource", "context", "expected"),
    [
        ("ec2:CreateTags", VPC, ASKED, "deny"),
        ("ec2:CreateTags", VPC, CREATED, "allow"),
        ("logs:TagResource", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:production", ASKED, "deny"),
        ("logs:TagResource", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ephk/bcdfghjk/brokers", ASKED, "allow"),
        ("kafka:TagResource", f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/production/u", ASKED, "deny"),
        ("kafka:TagResource", CLUSTER, ASKED, "allow"),
        ("iam:PassRole", CONNECTOR, {"iam:PassedToService": "kafkaconnect.amazonaws.com"}, "allow"),
        ("iam:PassRole", CONNECTOR, {"iam:PassedToService": "lambda.amazonaws.com"}, "deny"),
        ("iam:PassRole", f"{IAM}:role/admin", {"iam:PassedToService": "kafkaconnect.amazonaws.com"}, "deny"),
    ],
)
def test_the_ci_makes_nothing_its_own_by_a_tag_and_passes_connectors_roles_alone(
    program: Program, action: str, resource: str, context: dict[str, str], expected: str
) -> None:
    assert decision(program, "ci", action, resource, context) == expected
