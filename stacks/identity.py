"""Who may do what in the cloud: roles under one permissions boundary."""

from __future__ import annotations

from collections.abc import Iterable

import pulumi
from pulumi_aws import iam

from stacks.bucket import bucket_arn
from stacks.connect_secrets import read_statements
from stacks.inputs import StackInputs
from stacks.mirror import linked_statements
from stacks.policies import KafkaArns, Statement, account_root, allow, document, grant_statements
from stacks.tagging import tagged

_DESCRIBE = ("kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers")
_BUCKET_ACTIONS = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads")
_OBJECT_ACTIONS = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject")
_KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")


class Identity(pulumi.ComponentResource):
    """The permissions boundary and the roles: operator, connector, and one for each IAM principal.

    None of them reads a SCRAM secret: the users who hold those passwords come with identities of their own.

    Args:
        inputs: the environment.
        key_arn: the environment's key.
        opts: the parent.
    """

    def __init__(
        self, inputs: StackInputs, key_arn: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ephk:stacks:Identity", "identity", None, opts)
        self._inputs = inputs
        self._own = pulumi.ResourceOptions(parent=self)
        self._arns = KafkaArns(inputs)
        bucket = bucket_arn(inputs)
        describe = allow("Describe", _DESCRIBE, [self._arns.cluster])
        kafka = allow("Kafka", ["kafka-cluster:*"], self._arns.everything)
        storage = [
            allow("Bucket", _BUCKET_ACTIONS, [bucket]),
            allow("Objects", _OBJECT_ACTIONS, [f"{bucket}/*"]),
        ]
        linked = linked_statements(inputs)
        encryption = self._key_statement(key_arn, "s3", _KEY_ACTIONS)
        connect = inputs.connect
        referred = read_statements(inputs, connect.secrets, key_arn) if connect is not None else []
        self.boundary_arn: pulumi.Input[str]
        if inputs.boundary_arn is not None:
            # The CI may make roles under the account's boundary alone: one that it wrote itself would bound nothing.
            self.boundary_arn = inputs.boundary_arn
        else:
            self.boundary_arn = iam.Policy(
                "boundary",
                name=f"{inputs.prefix}-boundary",
                description="The most that any role of this environment can do",
                policy=document(describe, kafka, *linked, *storage, encryption, *referred),
                tags=tagged(inputs, f"{inputs.prefix}-boundary"),
                opts=self._own,
            ).arn
        self.operator = self._role("operator", "Administers topics and ACLs", [kafka, describe])
        self.connector = self._role(
            "connector",
            "Moves data between Kafka and the bucket",
            [*storage, encryption],
            service="kafkaconnect.amazonaws.com",
        )
        self.principals = {
            principal.name: self._role(
                f"client-{principal.name}",
                f"IAM principal {principal.name}",
                [*grant_statements(self._arns, principal.grants), describe],
            )
            for principal in inputs.with_auth("iam")
        }
        self.register_outputs({"boundary_arn": self.boundary_arn})

    def _key_statement(self, key_arn: pulumi.Input[str], service: str, actions: Iterable[str]) -> Statement:
        """Return the use of the key through one service, and not by itself."""
        via = f"{service}.{self._inputs.region}.amazonaws.com"
        return allow("Key", actions, [key_arn], condition={"StringEquals": {"kms:ViaService": via}})

    def service_role(
        self, purpose: str, description: str, statements: list[Statement], service: str
    ) -> tuple[iam.Role, iam.RolePolicy]:
        """Make a role under the boundary that a service assumes, and the account's own identities may rehearse with."""
        return self._role_with_policy(purpose, description, statements, service=service)

    def _role(
        self, purpose: str, description: str, statements: list[Statement], *, service: str | None = None
    ) -> iam.Role:
        return self._role_with_policy(purpose, description, statements, service=service)[0]

    def _role_with_policy(
        self, purpose: str, description: str, statements: list[Statement], *, service: str | None = None
    ) -> tuple[iam.Role, iam.RolePolicy]:
        name = f"{self._inputs.prefix}-{purpose}"
        role = iam.Role(
            purpose,
            name=name,
            description=description,
            assume_role_policy=document(*self._trust(service)),
            permissions_boundary=self.boundary_arn,
            max_session_duration=3600,
            tags=tagged(self._inputs, name),
            opts=self._own,
        )
        policy = iam.RolePolicy(purpose, role=role.name, name=purpose, policy=document(*statements), opts=self._own)
        return role, policy

    def _trust(self, service: str | None) -> list[Statement]:
        """Return who may assume a role: the account's own identities, and a service acting for this account."""
        trust: list[Statement] = [
            {
                "Sid": "Account",
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"AWS": account_root(self._inputs)},
            }
        ]
        if service is not None:
            # "The confused deputy problem" (IAM User Guide): only for this account's own resources.
            trust.append(
                {
                    "Sid": "Service",
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": service},
                    "Condition": {"StringEquals": {"aws:SourceAccount": self._inputs.account_id}},
                }
            )
        return trust
