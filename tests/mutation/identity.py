"""Misconfigurations of IAM roles, policies and the boundary."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.mutation.model import Mutation
from tests.mutation.scene import Scene, allow, widened

Broken = Callable[[Scene], AbstractContextManager[object]]


def inline(role: str, *actions: str, effect: str = "Allow") -> Broken:
    """Give a role another inline policy."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        iam, name = scene.aws("iam"), scene.role(role)
        document = json.dumps(allow(list(actions), Effect=effect))  # type: ignore[arg-type]
        iam.put_role_policy(RoleName=name, PolicyName="hole", PolicyDocument=document)
        try:
            yield
        finally:
            iam.delete_role_policy(RoleName=name, PolicyName="hole")

    return broken


def without_policy(role: str) -> Broken:
    """Take a role's own policy away."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        iam, name = scene.aws("iam"), scene.role(role)
        before = iam.get_role_policy(RoleName=name, PolicyName=role)["PolicyDocument"]
        iam.delete_role_policy(RoleName=name, PolicyName=role)
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=name, PolicyName=role, PolicyDocument=json.dumps(before))

    return broken


def boundary(*actions: str) -> Broken:
    """Widen the permissions boundary by a new default version."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        iam, arn = scene.aws("iam"), scene.environment.boundary_arn
        before = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=arn, VersionId=before)["PolicyVersion"]["Document"]
        more = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        made = iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=widened(document, more), SetAsDefault=True
        )["PolicyVersion"]["VersionId"]  # fmt: skip
        try:
            yield
        finally:
            iam.set_default_policy_version(PolicyArn=arn, VersionId=before)
            iam.delete_policy_version(PolicyArn=arn, VersionId=made)

    return broken


def both(first: Broken, second: Broken) -> Broken:
    """Break two things."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        with first(scene), second(scene):
            yield

    return broken


@contextmanager
def no_boundary(scene: Scene) -> Iterator[None]:
    """Take the boundary off a role."""
    iam, name = scene.aws("iam"), scene.role("connector")
    iam.delete_role_permissions_boundary(RoleName=name)
    try:
        yield
    finally:
        iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=scene.environment.boundary_arn)


@contextmanager
def other_boundary(scene: Scene) -> Iterator[None]:
    """Put a role under another boundary, which allows the same."""
    iam, name, arn = scene.aws("iam"), scene.role("connector"), scene.environment.boundary_arn
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    made = iam.create_policy(PolicyName="somebody-elses-boundary", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=made)
    try:
        yield
    finally:
        iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=arn)
        iam.delete_policy(PolicyArn=made)


def trusts(principal: Any, action: str = "sts:AssumeRole", **more: Any) -> Broken:
    """Let somebody else assume the connector's role."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        iam, name = scene.aws("iam"), scene.role("connector")
        before = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        wide = {"Effect": "Allow", "Action": action, "Principal": principal, **more}
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=widened(before, wide))
        try:
            yield
        finally:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(before))

    return broken


#: Each hole is one for every resource, which a review of the policy says, too.
_EVERYTHING, _EVERY_CLUSTER = "iam.lint.wildcard-resource", "iam.lint.kafka-wildcard-resource"
_TRUST = ("iam.trust.least",)
_PROVIDER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"

MUTATIONS = (
    Mutation(
        "iam-s3-operator",
        "the operator may use S3",
        inline("operator", "s3:*"),
        ("iam.operator.deny.bucket", _EVERYTHING),
    ),
    Mutation(
        "iam-kafka-wide",
        "a client's policy allows kafka-cluster:* everywhere",
        inline("client-orders-batch", "kafka-cluster:*"),
        ("acl.orders-batch.deny.*", _EVERY_CLUSTER),
    ),
    Mutation(
        "iam-connect-connector",
        "the connector's role may connect to Kafka",
        inline("connector", "kafka-cluster:Connect"),
        ("iam.connector.deny.connect", _EVERY_CLUSTER),
    ),
    Mutation(
        "iam-delete-cluster",
        "a client may delete the cluster, and so may the boundary",
        both(inline("client-orders-batch", "kafka:DeleteCluster"), boundary("kafka:DeleteCluster")),
        ("iam.client-orders-batch.deny.delete-cluster", _EVERYTHING),
    ),
    Mutation(
        "iam-pass-role",
        "the operator may pass roles, and so may the boundary",
        both(inline("operator", "iam:PassRole"), boundary("iam:PassRole")),
        ("iam.operator.deny.pass-role", "iam.lint.pass-role"),
    ),
    Mutation(
        "iam-create-user",
        "the operator may create users, and so may the boundary",
        both(
            inline("operator", "iam:CreateUser", "iam:CreateAccessKey"),
            boundary("iam:CreateUser", "iam:CreateAccessKey"),
        ),
        ("iam.operator.deny.create-user", "iam.boundary.escalation", _EVERYTHING),
    ),
    Mutation(
        "iam-region",
        "a client may act in every region",
        both(inline("client-orders-batch", "kafka:Describe*"), boundary("kafka:Describe*")),
        ("iam.client-orders-batch.deny.leave-region",),
    ),
    Mutation(
        "iam-secrets",
        "the operator may read secrets, and so may the boundary",
        both(inline("operator", "secretsmanager:GetSecretValue"), boundary("secretsmanager:GetSecretValue")),
        ("iam.operator.deny.secrets",),
    ),
    Mutation(
        "iam-untagged",
        "the operator may create secrets without tags, and so may the boundary",
        both(inline("operator", "secretsmanager:CreateSecret"), boundary("secretsmanager:CreateSecret")),
        ("iam.operator.deny.untagged", _EVERYTHING),
    ),
    Mutation(
        "iam-other-bucket",
        "the connector may use every bucket, and so may the boundary",
        both(inline("connector", "s3:*Object", "s3:ListBucket"), boundary("s3:*Object", "s3:ListBucket")),
        ("iam.connector.deny.other-bucket", _EVERYTHING),
    ),
    Mutation(
        "iam-no-policy",
        "a client's role has lost its policy",
        without_policy("client-orders-batch"),
        ("iam.client-orders-batch.allow.*", "auth.iam.accepts"),
        blocked=("acl.orders-batch.*", "auth.*", "listener.*", "iam.*"),
    ),
    Mutation(
        "iam-connect-denied",
        "a client's role is denied to connect",
        inline("client-orders-batch", "kafka-cluster:Connect", effect="Deny"),
        ("iam.client-orders-batch.allow.connect", "auth.iam.accepts"),
        blocked=("acl.orders-batch.*", "auth.*", "listener.*", "iam.*"),
    ),
    Mutation(
        "boundary-removed", "a role has no boundary", no_boundary, ("iam.boundary.present", "iam.boundary.escalation")
    ),
    Mutation("boundary-other", "a role is under another boundary", other_boundary, ("iam.boundary.present",)),
    Mutation(
        "boundary-wide",
        "the boundary allows everything",
        boundary("*"),
        ("iam.boundary.escalation", "iam.lint.administrator"),
    ),
    Mutation(
        "trust-everybody",
        "everybody may assume a role",
        trusts({"AWS": "*"}),
        (
            "iam.trust.least",
            "iam.operator.deny.assume-role",
            "iam.client-orders-batch.deny.assume-role",
            "iam.boundary.escalation",
        ),
    ),
    Mutation(
        "trust-account", "another account may assume a role", trusts({"AWS": "arn:aws:iam::999999999999:root"}), _TRUST
    ),
    Mutation(
        "trust-service", "a service may assume a role for anybody", trusts({"Service": "lambda.amazonaws.com"}), _TRUST
    ),
    Mutation(
        "trust-pipeline",
        "every repository's pipeline may assume a role",
        trusts({"Federated": _PROVIDER}, "sts:AssumeRoleWithWebIdentity"),
        _TRUST,
    ),
)
