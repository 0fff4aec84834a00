"""Holes that are cut into the ready environment for a while: the contracts of identities have to find each."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from contracts.access import Access
from contracts.model import Result, Watch
from contracts.runner import run
from contracts.wire.describe import describe_acls
from orchestrator.aws import AwsSession
from orchestrator.environment import Environment
from orchestrator.processes import wait_until
from tests.embedded.conftest import Orders


@dataclass(frozen=True)
class Subject:
    """The environment with an administrator's session."""

    environment: Environment
    session: AwsSession
    orders: Orders

    def probe(self, *select: str) -> dict[str, Result]:
        with Access(self.environment, self.session) as access:
            return {result.id: result for result in run(self.environment, access, select=select, deadline_s=60)}

    def name(self, role: str) -> str:
        return f"ephk-{self.environment.lease_id}-{role}"

    def arn(self, role: str) -> str:
        return f"arn:aws:iam::{self.environment.cloud.account_id}:role/{self.name(role)}"


def allow(action: str, resource: str = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@contextlib.contextmanager
def inline(subject: Subject, role: str, policy: str) -> Iterator[None]:
    iam, name = subject.session.client("iam"), subject.name(role)
    iam.put_role_policy(RoleName=name, PolicyName="hole", PolicyDocument=policy)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="hole")


@contextlib.contextmanager
def boundary_version(subject: Subject, policy: str) -> Iterator[None]:
    iam, arn = subject.session.client("iam"), subject.environment.boundary_arn
    before = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy, SetAsDefault=True)["PolicyVersion"]
    try:
        yield
    finally:
        iam.set_default_policy_version(PolicyArn=arn, VersionId=before)
        iam.delete_policy_version(PolicyArn=arn, VersionId=made["VersionId"])


@contextlib.contextmanager
def no_boundary(subject: Subject, role: str = "connector") -> Iterator[None]:
    iam, name = subject.session.client("iam"), subject.name(role)
    iam.delete_role_permissions_boundary(RoleName=name)
    try:
        yield
    finally:
        iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=subject.environment.boundary_arn)


@contextlib.contextmanager
def trusts_everybody(subject: Subject) -> Iterator[None]:
    iam, name = subject.session.client("iam"), subject.name("connector")
    before = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    wide = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    document = {"Version": "2012-10-17", "Statement": [*before["Statement"], wide]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(before))


def open_bucket(subject: Subject) -> AbstractContextManager[None]:
    """Name the operator's session in the bucket policy, which no boundary limits (IAM User Guide)."""
    bucket = subject.environment.bucket
    assert bucket is not None
    session = subject.arn("operator").replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/ephk-verify"
    arn = f"arn:aws:s3:::{bucket.name}"
    hole = {"Effect": "Allow", "Action": "s3:*", "Principal": {"AWS": session}, "Resource": [arn, f"{arn}/*"]}
    return bucket_policy(subject, lambda statements: [*statements, hole])


@contextlib.contextmanager
def administrators(subject: Subject) -> Iterator[None]:
    with inline(subject, "operator", allow("*")), boundary_version(subject, allow("*")):
        yield


@contextlib.contextmanager
def bucket_policy(subject: Subject, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Iterator[None]:
    """Replace the statements of the bucket's policy."""
    s3, bucket = subject.session.client("s3"), subject.environment.bucket
    assert bucket is not None
    before = json.loads(s3.get_bucket_policy(Bucket=bucket.name)["Policy"])
    s3.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps({**before, "Statement": edit(before["Statement"])}))
    try:
        yield
    finally:
        s3.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps(before))


@contextlib.contextmanager
def public_bucket(subject: Subject) -> Iterator[None]:
    """Open the bucket to everybody in place of demanding TLS: a deny removed, and a policy open."""
    s3, bucket = subject.session.client("s3"), subject.environment.bucket
    assert bucket is not None
    block = s3.get_public_access_block(Bucket=bucket.name)["PublicAccessBlockConfiguration"]
    s3.delete_public_access_block(Bucket=bucket.name)
    opened = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Principal": "*",
        "Resource": f"arn:aws:s3:::{bucket.name}/*",
    }
    try:
        with bucket_policy(subject, lambda _: [opened]):
            yield
    finally:
        s3.put_public_access_block(Bucket=bucket.name, PublicAccessBlockConfiguration=block)


@contextlib.contextmanager
def any_source(subject: Subject) -> Iterator[None]:
    """Drop the condition by which the service may assume the role for this account alone."""
    iam, name = subject.session.client("iam"), subject.name("connector")
    before = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    document = json.loads(json.dumps(before))
    assert [statement.pop("Condition", None) for statement in document["Statement"]][-1] is not None
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(before))


@contextlib.contextmanager
def wildcard_acl(subject: Subject) -> Iterator[None]:
    """Let the producer read every topic."""
    entry = (ResourceType.TOPIC, "*", ResourcePatternType.LITERAL, "User:orders-producer", "*", AclOperation.READ)
    with Access(subject.environment, subject.session) as access:
        watch = Watch(60)
        admin = AdminClient(access.librdkafka(access.operator, watch))
        admin.poll(0)  # the token comes through a callback
        brokers = access.brokers(access.operator, watch).values()

        def shown() -> list[bool]:
            held = [describe_acls(access.connection(access.operator, address, watch)) for address in brokers]
            return [any(acl.name == "*" for acl in acls) for acls in held]

        added = AclBinding(*entry, AclPermissionType.ALLOW)
        admin.create_acls([added])[added].result(30)
        try:
            assert wait_until(lambda: all(shown()), deadline_s=30)
            yield
        finally:
            gone = AclBindingFilter(*entry, AclPermissionType.ALLOW)
            admin.delete_acls([gone])[gone].result(30)
            assert wait_until(lambda: not any(shown()), deadline_s=30)


@contextlib.contextmanager
def open_endpoint(subject: Subject) -> Iterator[None]:
    """Give the S3 endpoint AWS's default policy, which lets everything through."""
    network, ec2 = subject.environment.network, subject.session.client("ec2")
    assert network is not None
    (endpoint,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[network.s3_endpoint_id])["VpcEndpoints"]
    everything = {"Effect": "Allow", "Action": "*", "Principal": "*", "Resource": "*"}
    wide = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    ec2.modify_vpc_endpoint(VpcEndpointId=network.s3_endpoint_id, PolicyDocument=wide)
    try:
        yield
    finally:
        ec2.modify_vpc_endpoint(VpcEndpointId=network.s3_endpoint_id, PolicyDocument=endpoint["PolicyDocument"])


def only_through_the_endpoint(subject: Subject) -> AbstractContextManager[None]:
    """Deny listing to whoever does not come through the endpoint."""
    network, bucket = subject.environment.network, subject.environment.bucket
    assert network is not None
    assert bucket is not None
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{bucket.name}",
        "Condition": {"StringNotEquals": {"aws:SourceVpce": network.s3_endpoint_id}},
    }
    return bucket_policy(subject, lambda statements: [*statements, deny])


def in_policies(subject: Subject) -> AbstractContextManager[None]:
    """Give one role a policy that breaks every rule for identity-based policies, one statement for each."""
    data = subject.environment.cluster.arn.replace(":cluster/", ":topic/", 1)
    breaches = {
        "WildcardResource": ("s3:PutObject", "*"),
        "PassRoleOpen": ("iam:PassRole", "*"),
        "KafkaClusterOnAnything": ("kafka-cluster:ReadData", "*"),
        "ControlPlane": ("kafka:*", f"{data}/orders"),
        "Shape": ("kafka-cluster:ReadData", f"{data.replace(':topic/', ':topics/', 1)}/orders"),
        "Mismatch": ("kafka-cluster:AlterGroup", f"{data}/orders"),
        "Administrator": ("*", "*"),
    }
    statements: list[dict[str, Any]] = [
        {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}
        for sid, (action, resource) in breaches.items()
    ]
    statements.append({"Sid": "AllBut", "Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})
    return inline(subject, "connector", json.dumps({"Version": "2012-10-17", "Statement": statements}))


Hole = Callable[[Subject], AbstractContextManager[None]]
