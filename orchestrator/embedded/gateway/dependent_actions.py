"""What a request needs beside its own action: the role that it hands to a service, the other key, each secret.

Source: Service Authorization Reference, column "Dependent actions"; IAM User Guide, "Grant a user permissions to pass a
role to an AWS service" (`iam:PassRole` is no request: it is checked where a role is handed over).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.embedded.gateway.moto_state import MotoState

#: (service, operation) to the member with the role (dots lead into objects) and the service that gets it.
_PASSES: dict[tuple[str, str], tuple[str, str]] = {
    ("codebuild", "CreateProject"): ("serviceRole", "codebuild.amazonaws.com"),
    ("codebuild", "UpdateProject"): ("serviceRole", "codebuild.amazonaws.com"),
    ("ec2", "CreateFlowLogs"): ("DeliverLogsPermissionArn", "vpc-flow-logs.amazonaws.com"),
    ("iam", "AddRoleToInstanceProfile"): ("RoleName", "ec2.amazonaws.com"),
    ("kafkaconnect", "CreateConnector"): ("serviceExecutionRoleArn", "kafkaconnect.amazonaws.com"),
    ("lambda", "CreateFunction20150331"): ("Role", "lambda.amazonaws.com"),
    ("lambda", "CreateFunction"): ("Role", "lambda.amazonaws.com"),
    ("lambda", "UpdateFunctionConfiguration"): ("Role", "lambda.amazonaws.com"),
    ("scheduler", "CreateSchedule"): ("Target.RoleArn", "scheduler.amazonaws.com"),
    ("scheduler", "UpdateSchedule"): ("Target.RoleArn", "scheduler.amazonaws.com"),
    ("stepfunctions", "CreateStateMachine"): ("roleArn", "states.amazonaws.com"),
}
#: The tagging API tags what the caller may tag by the resource's own service ("TagResources", API Reference).
_TAGS = {
    "acm-pca": ("acm-pca:TagCertificateAuthority", "acm-pca:UntagCertificateAuthority"),
    "ec2": ("ec2:CreateTags", "ec2:DeleteTags"),
    "s3": ("s3:PutBucketTagging", "s3:PutBucketTagging"),
}
_TAGGED_KIND = re.compile(r"TagSpecification\.\d+\.ResourceType")
_PROFILES = ("IamInstanceProfile.Name", "IamInstanceProfile.Arn")


@dataclass(frozen=True)
class Needed:
    """One permission that a request needs.

    Attributes:
        action: the IAM action.
        resource: the ARN.
        context: condition keys of this permission alone.
    """

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def dependent(
    service: str, operation: str, fields: Mapping[str, Any], moto: MotoState, region: str
) -> Iterator[Needed]:
    """Yield what a request needs beside the action that it is.

    Args:
        service: botocore's name of the service.
        operation: the operation.
        fields: the request's members.
        moto: roles, keys and secrets.
        region: the request's region.
    """
    if (service, operation) in _PASSES:
        member, receiver = _PASSES[service, operation]
        role = _at(fields, member)
        if role:
            arn = role if role.startswith("arn:") else moto.iam_arn("role", role) or "*"
            yield Needed("iam:PassRole", arn, {"iam:PassedToService": receiver})
    if service == "ec2" and operation in {"RunInstances", "AssociateIamInstanceProfile"}:
        for profile in filter(None, (_at(fields, member) for member in _PROFILES)):
            for arn in moto.roles_in_profile(profile):
                yield Needed("iam:PassRole", arn, {"iam:PassedToService": "ec2.amazonaws.com"})
    if service == "ec2" and operation != "CreateTags":
        # "Grant permission to tag Amazon EC2 resources during creation" (Amazon EC2 User Guide)
        for name, value in fields.items():
            if _TAGGED_KIND.fullmatch(name) and f"{name.removesuffix('ResourceType')}Tag.1.Key" in fields:
                arn = f"arn:aws:ec2:{region}:{moto.account_id}:{value}/*"
                yield Needed("ec2:CreateTags", arn, {"ec2:CreateAction": operation})
    if (service, operation) == ("kms", "ReEncrypt"):
        yield Needed("kms:ReEncryptTo", moto.kms_key_arn(_at(fields, "DestinationKeyId")) or "*")
    if (service, operation) == ("secretsmanager", "BatchGetSecretValue"):
        listed = fields.get("SecretIdList")
        names = [str(name) for name in listed] if isinstance(listed, list) else []
        found = [moto.secret(name) for name in names]
        # By filters it may read any secret.
        for arn in [secret.arn for secret in found if secret] if names else ["*"]:
            yield Needed("secretsmanager:GetSecretValue", arn)

    if service == "resourcegroupstaggingapi" and operation in {"TagResources", "UntagResources"}:
        listed = fields.get("ResourceARNList")
        for arn in listed if isinstance(listed, list) else ():
            owner = str(arn).split(":")[2] if str(arn).count(":") >= 5 else "tag"
            both = _TAGS.get(owner, (f"{owner}:TagResource", f"{owner}:UntagResource"))
            yield Needed(both[operation == "UntagResources"], str(arn))


def _at(fields: Mapping[str, Any], member: str) -> str:
    """Return a text by its name: flat, as forms have it, or inside of objects, as JSON has it."""
    value: Any = fields.get(member)
    if value is None:
        value = fields
        for part in member.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""
