"""What `ephk bootstrap` does: it sets an account up once, and takes that back."""

from __future__ import annotations

from orchestrator.needs.model import Need

_STATE_BUCKET, _STATE_OBJECTS = "arn:aws:s3:::ephk-state-{account}-*", "arn:aws:s3:::ephk-state-{account}-*/*"
_ACCOUNT_ROLES = ("arn:aws:iam::{account}:role/account/ephk-*",)
#: An administrator's: it makes the roles of pipeline and reaper, which no boundary holds. Give it to nobody for longer.
SET_UP = (
    Need("WhoAmI", ("sts:GetCallerIdentity",)),
    Need(
        "SetUpState",
        (
            "s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:GetBucketLocation",
            "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration", "s3:ListBucket", "s3:ListBucketVersions", "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
        ),
        (_STATE_BUCKET,),
    ),
    Need("KeepState", ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"), (_STATE_OBJECTS,)),
    Need("SetUpKeys", ("kms:CreateKey", "kms:ListAliases")),
    Need(
        "ArrangeStateKey",
        (
            "kms:CreateAlias", "kms:DescribeKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy",
            "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:ScheduleKeyDeletion",
        ),
        ("arn:aws:kms:{region}:{account}:key/*",),
    ),
    Need("NameStateKey", ("kms:CreateAlias", "kms:DeleteAlias"), ("arn:aws:kms:{region}:{account}:alias/ephk-state",)),
    Need(
        "SetUpRoles",
        (
            "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies",
            "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy",
        ),
        _ACCOUNT_ROLES,
    ),
    Need("PassReapersRoles", ("iam:PassRole",), ("arn:aws:iam::{account}:role/account/ephk-reaper*",)),
    Need(
        "SetUpBoundary",
        (
            "iam:CreatePolicy", "iam:DeletePolicy", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicyVersions",
        ),
        ("arn:aws:iam::{account}:policy/account/ephk-boundary-*",),
    ),
    Need(
        "SetUpIdentityProvider",
        (
            "iam:CreateOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider", "iam:GetOpenIDConnectProvider",
        ),
        ("arn:aws:iam::{account}:oidc-provider/*",),
    ),
    Need(
        "SetUpReaper",
        ("codebuild:BatchGetProjects", "codebuild:CreateProject", "codebuild:DeleteProject", "codebuild:UpdateProject"),
        ("arn:aws:codebuild:{region}:{account}:project/ephk-reaper",),
    ),
    Need(
        "ScheduleReaper",
        ("scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"),
        ("arn:aws:scheduler:{region}:{account}:schedule/default/ephk-reaper",),
    ),
    Need(
        "SetUpLogs",
        ("logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:ListTagsForResource", "logs:PutRetentionPolicy"),
        ("arn:aws:logs:{region}:{account}:log-group:/ephk-account/*",),
    ),
    Need("FindLogs", ("logs:DescribeLogGroups",)),
    Need("ActivateCostTags", ("ce:UpdateCostAllocationTagsStatus",)),
)  # fmt: skip
