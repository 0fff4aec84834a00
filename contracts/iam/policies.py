"""A role's policies as IAM has them now, and what AWS's evaluation logic makes of their texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.iam.roles import Role
from contracts.model import Watch
from orchestrator.iam import Decision, PolicySet, Request

#: As `contracts.credentials` names its sessions; a policy may speak of it.
_SESSION_NAME = "ephk-verify"
#: What the answers of "there is no such policy" are called by service.
_NO_POLICY = frozenset({"NoSuchBucketPolicy", "ResourceNotFoundException", "NotFoundException", "NoSuchBucket"})


@dataclass(frozen=True)
class RolePolicies:
    """What IAM says of a role.

    Attributes:
        arn: the role's ARN.
        identity: inline and attached policies by name.
        boundary_arn: its permissions boundary, None when it has none.
        boundary: the boundary's document.
        trust: who may assume it.
    """

    arn: str
    identity: Mapping[str, Mapping[str, Any]]
    boundary_arn: str | None
    boundary: Mapping[str, Any] | None
    trust: Mapping[str, Any]

    @property
    def session_arn(self) -> str:
        """The ARN of a session of this role, which is what a request comes from."""
        account = self.arn.split(":")[4]
        return f"arn:aws:sts::{account}:assumed-role/{self.arn.rsplit('/', 1)[1]}/{_SESSION_NAME}"

    def compiled(
        self,
        *,
        resource_policy: Mapping[str, Any] | None = None,
        trust: bool = False,
        identity: Sequence[Mapping[str, Any]] | None = None,
    ) -> PolicySet:
        """Return everything that bears on a request of this role, compiled.

        Args:
            resource_policy: the resource's own policy; for `sts:AssumeRole` the other role's trust policy.
            trust: whether it is a trust policy.
            identity: other identity-based policies than the role's own, to ask what its boundary leaves of them.

        Raises:
            PolicyError: a policy is malformed.
        """
        return PolicySet(
            identity_policies=list(self.identity.values() if identity is None else identity),
            boundary=self.boundary,
            resource_policy=resource_policy,
            trust=trust,
        )

    def decide(
        self,
        action: str,
        resource: str,
        context: Mapping[str, str],
        *,
        resource_policy: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Evaluate a request of this role's session; see `compiled`."""
        policies = self.compiled(resource_policy=resource_policy, trust=action.lower().startswith("sts:assumerole"))
        return policies.decide(Request(self.session_arn, action, resource, context))


def read(access: Access, role: Role, watch: Watch) -> RolePolicies:
    """Read a role's policies from IAM, once in a run.

    Raises:
        botocore.exceptions.ClientError: the verifying session may not read them, or the role is gone.
    """
    return access.once(("role policies", role.arn), lambda: _read(access, role, watch), watch)


def _read(access: Access, role: Role, watch: Watch) -> RolePolicies:
    iam = access.client("iam")
    watch.waiting(f"IAM to describe role {role.name}")
    found = iam.get_role(RoleName=role.name)["Role"]
    identity: dict[str, Mapping[str, Any]] = {}
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=role.name):
        for name in page["PolicyNames"]:
            identity[name] = document(iam.get_role_policy(RoleName=role.name, PolicyName=name)["PolicyDocument"])
    for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role.name):
        for attached in page["AttachedPolicies"]:
            identity[attached["PolicyArn"]] = _managed(iam, attached["PolicyArn"])
    boundary_arn = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return RolePolicies(
        arn=role.arn,
        identity=identity,
        boundary_arn=boundary_arn,
        boundary=_managed(iam, boundary_arn) if boundary_arn else None,
        trust=document(found["AssumeRolePolicyDocument"]),
    )


def _managed(iam: Any, arn: str) -> Mapping[str, Any]:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return document(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])


def document(value: Any) -> Mapping[str, Any]:
    """Return a policy document that an SDK may have parsed already."""
    parsed: Mapping[str, Any] = json.loads(value) if isinstance(value, str) else value
    return parsed


def resource_policy(access: Access, resource: str, watch: Watch) -> Mapping[str, Any] | None:
    """Return the policy of a bucket (or the bucket of an object), a secret or a key, once; None when there is none."""
    service, rest = resource.split(":", 2)[2].split(":", 1) if resource.count(":") >= 5 else ("", "")
    if service == "s3":
        bucket = rest.rsplit(":", 1)[1].split("/", 1)[0]
        return access.once(
            ("bucket policy", bucket),
            lambda: _policy(lambda: access.client("s3").get_bucket_policy(Bucket=bucket)["Policy"]),
            watch,
        )
    if service == "secretsmanager":
        read_secret = access.client("secretsmanager").get_resource_policy
        return access.once(
            ("secret policy", resource),
            lambda: _policy(lambda: read_secret(SecretId=resource).get("ResourcePolicy")),
            watch,
        )
    return None


def _policy(call: Any) -> Mapping[str, Any] | None:
    try:
        text = call()
    except ClientError as error:
        if error.response["Error"]["Code"] in _NO_POLICY:
            return None
        raise
    return document(text) if text else None
