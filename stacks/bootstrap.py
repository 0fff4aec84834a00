"""What an AWS account needs once, before environments can be made in it without leaking.

The state bucket and its key; a schedule that reaps on AWS's own engine; the CI's way in without a stored key; and the
boundary that no role of an environment goes past.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, codebuild, iam, kms, s3, scheduler

from orchestrator import tags
from stacks.bootstrap_policies import (
    PATH,
    boundary_statements,
    provisioning_statements,
    state_statements,
    teardown_statements,
)
from stacks.bucket import tls_only
from stacks.policies import Statement, allow, document

#: What a role's session may last: creating, verifying and destroying an MSK cluster takes longer than an hour.
CI_SESSION_S = 10800
_LOG_GROUP = "/ephk-account/reaper"


@dataclass(frozen=True)
class CiTrust:
    """Which CI jobs may assume the CI's role.

    Attributes:
        issuer: the CI's OIDC issuer (`https://...`).
        audience: the `aud` claim that its tokens carry.
        subjects: patterns of the `sub` claim; at least one, and none that is open to everybody.
        provider_arn: the account's identity provider for that issuer, when it has one already: it can have only one.
    """

    issuer: str
    audience: str
    subjects: tuple[str, ...]
    provider_arn: str | None = None

    @property
    def host(self) -> str:
        """The issuer as IAM's condition keys spell it."""
        return self.issuer.removeprefix("https://").rstrip("/")


@dataclass(frozen=True)
class BootstrapInputs:
    """One account and region.

    Attributes:
        account_id: twelve digits.
        region: where bucket, key and reaper are.
        bucket: the state bucket's name.
        install: what the reaper installs with pip before it runs.
        every_minutes: how often the reaper runs.
        ci: the CI that may assume a role; None makes none.
    """

    account_id: str
    region: str
    bucket: str
    install: str
    every_minutes: int = 15
    ci: CiTrust | None = None

    @property
    def bucket_arn(self) -> str:
        """The bucket's ARN."""
        return f"arn:aws:s3:::{self.bucket}"

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything here; no lease's among them."""
        return {tags.BOOTSTRAP: f"{self.account_id}-{self.region}", tags.OWNER: "ephk"}


def deploy_bootstrap(inputs: BootstrapInputs) -> None:
    """Declare the account's resources and export what `orchestrator.state_bucket.BootstrapRecord` holds."""
    key = _key(inputs)
    _bucket(inputs, key.arn)
    boundary = iam.Policy(
        "boundary",
        name=f"ephk-boundary-{inputs.region}",
        path=PATH,
        description="The most that a role of any environment can do",
        policy=document(*boundary_statements(inputs.account_id)),
        tags=inputs.tags,
    )
    project, schedule = _reaper(inputs, key.arn)
    pulumi.export("bucket", inputs.bucket)
    pulumi.export("region", inputs.region)
    pulumi.export("account_id", inputs.account_id)
    pulumi.export("kms_key_arn", key.arn)
    pulumi.export("boundary_arn", boundary.arn)
    pulumi.export("reaper_project", project.name)
    pulumi.export("reaper_schedule", schedule.name)
    pulumi.export("ci_role_arn", _ci(inputs, key.arn, boundary.arn).arn if inputs.ci else None)


def _key(inputs: BootstrapInputs) -> kms.Key:
    root = {"AWS": f"arn:aws:iam::{inputs.account_id}:root"}
    key = kms.Key(
        "state",
        description="Leases, Pulumi's state and the secrets in it",
        enable_key_rotation=True,
        deletion_window_in_days=30,
        policy=document(allow("AccountDecidesByIam", ["kms:*"], ["*"], principal=root)),
        tags=inputs.tags,
    )
    kms.Alias("state", name="alias/ephk-state", target_key_id=key.key_id)
    return key


def _bucket(inputs: BootstrapInputs, key_arn: pulumi.Input[str]) -> None:
    bucket = s3.Bucket("state", bucket=inputs.bucket, tags=inputs.tags)
    s3.BucketOwnershipControls("state", bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"})
    s3.BucketServerSideEncryptionConfiguration(
        "state",
        bucket=bucket.id,
        rules=[
            {
                "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key_arn},
                "bucket_key_enabled": True,
            }
        ],
    )
    versioning = s3.BucketVersioning("state", bucket=bucket.id, versioning_configuration={"status": "Enabled"})
    block = s3.BucketPublicAccessBlock(
        "state",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    # S3 refuses a policy and a public access block that are put at the same moment.
    s3.BucketPolicy(
        "state",
        bucket=bucket.id,
        policy=document(tls_only(inputs.bucket_arn)),
        opts=pulumi.ResourceOptions(depends_on=[block]),
    )
    s3.BucketLifecycleConfiguration(
        "state",
        bucket=bucket.id,
        rules=[
            {
                "id": "old-versions",  # Pulumi writes a version at each step
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrent_version_expiration": {"noncurrent_days": 14},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 1},
            },
            {
                "id": "released-leases",
                "status": "Enabled",
                "filter": {"prefix": "released/"},
                "expiration": {"days": 400},
            },
        ],
        opts=pulumi.ResourceOptions(depends_on=[versioning]),
    )


def build_specification(inputs: BootstrapInputs) -> str:
    """Return what a run of the reaper does ("Build specification reference for CodeBuild")."""
    return json.dumps(
        {
            "version": 0.2,
            "env": {"variables": {"EPHK_STATE_BUCKET": f"s3://{inputs.bucket}"}},
            "phases": {
                "install": {
                    "runtime-versions": {"python": "3.12"},
                    "commands": [f"python -m pip install --quiet '{inputs.install}'"],
                },
                "build": {"commands": ["ephk reap --json"]},
            },
        }
    )


def _reaper(inputs: BootstrapInputs, key_arn: pulumi.Input[str]) -> tuple[codebuild.Project, scheduler.Schedule]:
    name = "ephk-reaper"
    project_arn = f"arn:aws:codebuild:{inputs.region}:{inputs.account_id}:project/{name}"
    logs = cloudwatch.LogGroup("reaper", name=_LOG_GROUP, retention_in_days=30, tags=inputs.tags)
    log_arn = f"arn:aws:logs:{inputs.region}:{inputs.account_id}:log-group:{_LOG_GROUP}"
    role = _role(
        inputs,
        "reaper",
        _service_trust(inputs, "codebuild.amazonaws.com", {"ArnEquals": {"aws:SourceArn": project_arn}}),
        [
            *state_statements(inputs.bucket_arn, key_arn),
            *teardown_statements(inputs.account_id),
            allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_arn}:*"]),
        ],
    )
    project = codebuild.Project(
        "reaper",
        name=name,
        description="Takes down environments whose lease is over",
        service_role=role.arn,
        build_timeout=120,
        source={"type": "NO_SOURCE", "buildspec": build_specification(inputs)},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
            "compute_type": "BUILD_GENERAL1_MEDIUM",
        },
        logs_config={"cloudwatch_logs": {"status": "ENABLED", "group_name": logs.name}},
        tags=inputs.tags,
    )
    starter = _role(
        inputs,
        "reaper-schedule",
        _service_trust(inputs, "scheduler.amazonaws.com", {}),
        [allow("Start", ["codebuild:StartBuild"], [project_arn])],
    )
    schedule = scheduler.Schedule(
        "reaper",
        name=name,
        description="Starts the reaper",
        schedule_expression=f"rate({inputs.every_minutes} minutes)",
        state="ENABLED",
        flexible_time_window={"mode": "OFF"},
        target={"arn": project.arn, "role_arn": starter.arn},
    )
    return project, schedule


def _ci(inputs: BootstrapInputs, key_arn: pulumi.Input[str], boundary_arn: pulumi.Input[str]) -> iam.Role:
    ci = inputs.ci
    assert ci is not None  # noqa: S101 - the caller has looked
    provider_arn: pulumi.Input[str]
    if ci.provider_arn is not None:
        provider_arn = ci.provider_arn
    else:
        provider_arn = iam.OpenIdConnectProvider(
            "ci", url=ci.issuer, client_id_lists=[ci.audience], tags=inputs.tags
        ).arn
    trust: Statement = {
        "Sid": "Ci",
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": provider_arn},
        "Condition": {
            "StringEquals": {f"{ci.host}:aud": ci.audience},
            "StringLike": {f"{ci.host}:sub": list(ci.subjects)},
        },
    }
    return _role(
        inputs,
        "ci",
        trust,
        [
            *state_statements(inputs.bucket_arn, key_arn),
            *teardown_statements(inputs.account_id),
            *provisioning_statements(inputs.account_id, boundary_arn),
        ],
        session_s=CI_SESSION_S,
    )


def _service_trust(inputs: BootstrapInputs, service: str, condition: dict[str, Any]) -> Statement:
    """Return who may assume a service's role: for this account alone ("The confused deputy problem")."""
    return {
        "Sid": "Service",
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": service},
        "Condition": {"StringEquals": {"aws:SourceAccount": inputs.account_id}, **condition},
    }


def _role(
    inputs: BootstrapInputs, purpose: str, trust: Statement, statements: list[Statement], *, session_s: int = 3600
) -> iam.Role:
    role = iam.Role(
        purpose,
        name=f"ephk-{purpose}-{inputs.region}",
        path=PATH,
        assume_role_policy=document(trust),
        max_session_duration=session_s,
        tags=inputs.tags,
    )
    iam.RolePolicy(purpose, role=role.name, name=purpose, policy=document(*statements))
    return role
