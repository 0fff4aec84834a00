"""The environment's bucket: private, encrypted, TLS only, and emptying itself."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_aws import s3

from stacks.inputs import StackInputs
from stacks.policies import Statement, allow, document
from stacks.tagging import tagged


def bucket_name(inputs: StackInputs) -> str:
    """Return the bucket's name; the account's id keeps it apart from all other accounts' buckets."""
    return f"{inputs.prefix}-{inputs.account_id}"


def bucket_arn(inputs: StackInputs) -> str:
    """Return the bucket's ARN, known before the bucket is there."""
    return f"arn:aws:s3:::{bucket_name(inputs)}"


def tls_only(arn: str) -> Statement:
    """Return the statement that refuses plain HTTP to everybody."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def only_under(key_arn: pulumi.Input[str], arn: str) -> list[Statement]:
    """Return the statements that refuse an object under any key but one.

    A put without an encryption header is let through: the bucket's default encryption takes it. One that asks for KMS
    and names no key would get the account's default key ("Specifying server-side encryption with AWS KMS", Amazon S3
    User Guide).
    """
    algorithm, key = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"
    conditions: dict[str, dict[str, Any]] = {
        # Not "IfExists": a negated operator with it is true for a header that is absent.
        "OnlyKms": {"Null": {algorithm: "false"}, "StringNotEquals": {algorithm: "aws:kms"}},
        "OnlyThisKey": {"Null": {key: "false"}, "StringNotEquals": {key: key_arn}},
        "NoDefaultKey": {"StringEquals": {algorithm: "aws:kms"}, "Null": {key: "true"}},
    }
    return [
        {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"{arn}/*",
            "Condition": condition,
        }
        for sid, condition in conditions.items()
    ]


def delivery_condition(inputs: StackInputs) -> dict[str, Any]:
    """Return the condition under which the log delivery service acts for this account alone."""
    return {
        "StringEquals": {"aws:SourceAccount": inputs.account_id},
        "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{inputs.region}:{inputs.account_id}:*"},
    }


def flow_log_delivery(inputs: StackInputs) -> list[Statement]:
    """Return what flow logs need of the bucket ("Amazon S3 bucket permissions for flow logs", VPC User Guide)."""
    arn, service = bucket_arn(inputs), {"Service": "delivery.logs.amazonaws.com"}
    condition = delivery_condition(inputs)
    own_only = {**condition["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}
    return [
        allow(
            "FlowLogDelivery",
            ["s3:PutObject"],
            [f"{arn}/AWSLogs/{inputs.account_id}/*"],
            principal=service,
            condition={**condition, "StringEquals": own_only},
        ),
        allow("FlowLogDeliveryCheck", ["s3:GetBucketAcl"], [arn], principal=service, condition=condition),
    ]


class Bucket(pulumi.ComponentResource):
    """The bucket and its settings.

    Args:
        inputs: the environment.
        key_arn: the key that encrypts objects.
        opts: the parent.
    """

    def __init__(
        self, inputs: StackInputs, key_arn: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ephk:stacks:Bucket", "bucket", None, opts)
        own = pulumi.ResourceOptions(parent=self)
        name = bucket_name(inputs)
        self.bucket = s3.Bucket("data", bucket=name, force_destroy=True, tags=tagged(inputs, name), opts=own)
        bucket_id = self.bucket.id
        s3.BucketOwnershipControls("data", bucket=bucket_id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=own)
        s3.BucketServerSideEncryptionConfiguration(
            "data",
            bucket=bucket_id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": key_arn,
                    },
                    "bucket_key_enabled": True,
                }
            ],
            opts=own,
        )
        versioning = s3.BucketVersioning(
            "data", bucket=bucket_id, versioning_configuration={"status": "Enabled"}, opts=own
        )
        block = s3.BucketPublicAccessBlock(
            "data",
            bucket=bucket_id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=own,
        )
        # S3 refuses a policy and a public access block that are put at the same moment.
        after_block = pulumi.ResourceOptions(parent=self, depends_on=[block])
        statements = [tls_only(bucket_arn(inputs)), *only_under(key_arn, bucket_arn(inputs))]
        if inputs.observability.flow_logs:
            statements += flow_log_delivery(inputs)
        self.policy = s3.BucketPolicy("data", bucket=bucket_id, policy=document(*statements), opts=after_block)
        # Rules for noncurrent versions need versioning first.
        after_versioning = pulumi.ResourceOptions(parent=self, depends_on=[versioning])
        s3.BucketLifecycleConfiguration(
            "data",
            bucket=bucket_id,
            rules=[
                {
                    "id": "expire",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": inputs.bucket_expire_days},
                    "noncurrent_version_expiration": {"noncurrent_days": 1},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
                }
            ],
            opts=after_versioning,
        )
        self.register_outputs({"bucket": bucket_id})
