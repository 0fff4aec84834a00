"""What the account's boundary, the CI's role and the reaper's role may do.

Environments' names carry the lease's eight characters (`ephk-????????`), and everything of theirs that can carry a tag
carries `ephk:lease`; what `ephk bootstrap` made has neither, so no statement here reaches it.
Sources: "Actions, resources, and condition keys for AWS services" (Service Authorization Reference), "Permissions
boundaries for IAM entities" and "Delegating responsibility to others using permissions boundaries" (IAM User Guide).
"""

from __future__ import annotations

from orchestrator import tags
from stacks.policies import Statement, allow

#: The path of the roles and policies of the account itself; it does not begin like an environment's name.
PATH = "/account/"
_ANY = "ephk-????????"

_READ = (
    "acm-pca:Describe*", "acm-pca:Get*", "acm-pca:List*",
    "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
    "ec2:Describe*",
    "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
    "iam:ListInstanceProfilesForRole", "iam:ListPolicies", "iam:ListPolicyVersions", "iam:ListRolePolicies",
    "iam:ListRoleTags", "iam:ListRoles",
    "kafka:Describe*", "kafka:Get*", "kafka:List*", "kafkaconnect:Describe*", "kafkaconnect:List*",
    "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListKeys",
    "kms:ListResourceTags",
    "logs:DescribeLogGroups", "logs:ListTagsForResource",
    "s3:ListAllMyBuckets",
    "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy", "secretsmanager:ListSecrets",
    "sns:Get*", "sns:List*", "sqs:Get*", "sqs:List*",
    "tag:GetResources",
)  # fmt: skip
_DELETE_TAGGED = (
    "acm-pca:DeleteCertificateAuthority", "acm-pca:UpdateCertificateAuthority",
    "ec2:DeleteFlowLogs", "ec2:DeleteNetworkInterface", "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup",
    "ec2:DeleteSubnet", "ec2:DeleteVpc", "ec2:DeleteVpcEndpoints", "ec2:DisassociateRouteTable",
    "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
    "kafka:BatchDisassociateScramSecret", "kafka:DeleteCluster",
    "kms:DeleteAlias", "kms:ScheduleKeyDeletion",
    "logs:DeleteLogGroup",
    "secretsmanager:DeleteResourcePolicy", "secretsmanager:DeleteSecret",
)  # fmt: skip
_MAKE_TAGGED = (
    "acm-pca:CreateCertificateAuthority", "acm-pca:TagCertificateAuthority",
    "ec2:CreateFlowLogs", "ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet",
    "ec2:CreateVpc", "ec2:CreateVpcEndpoint",
    "kafka:CreateCluster", "kafka:CreateClusterV2",
    "kms:CreateKey", "kms:TagResource",
    "logs:CreateLogGroup",
    "secretsmanager:CreateSecret",
)  # fmt: skip
_USE_TAGGED = (
    "acm-pca:ImportCertificateAuthorityCertificate", "acm-pca:IssueCertificate",
    "ec2:AssociateRouteTable", "ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress",
    "ec2:ModifySubnetAttribute", "ec2:ModifyVpcAttribute", "ec2:ModifyVpcEndpoint",
    "ec2:CreateFlowLogs", "ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet",
    "ec2:CreateVpcEndpoint",
    "kafka:BatchAssociateScramSecret", "kafka:UpdateSecurity",
    "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt", "kms:EnableKeyRotation", "kms:Encrypt",
    "kms:GenerateDataKey*", "kms:PutKeyPolicy",
    "logs:PutRetentionPolicy",
    "secretsmanager:GetSecretValue", "secretsmanager:PutResourcePolicy", "secretsmanager:PutSecretValue",
)  # fmt: skip

_EMPTY_BUCKET = (
    "s3:Get*", "s3:List*",
    "s3:AbortMultipartUpload", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:DeleteObject", "s3:DeleteObjectVersion",
    "s3:PutBucketOwnershipControls", "s3:PutBucketPublicAccessBlock", "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
)  # fmt: skip


def boundary_statements(account_id: str) -> list[Statement]:
    """Return the most that a role of any environment can do: its own policy narrows it to its own lease."""
    bucket = f"arn:aws:s3:::{_ANY}-{account_id}"
    return [
        allow("Kafka", ["kafka-cluster:*"], [f"arn:aws:kafka:*:{account_id}:*/{_ANY}/*"]),
        allow("Describe", ["kafka:DescribeCluster*", "kafka:GetBootstrapBrokers"], ["*"]),
        allow("Bucket", ["s3:GetBucketLocation", "s3:ListBucket*"], [bucket]),
        allow("Objects", ["s3:AbortMultipartUpload", "s3:*Object", "s3:ListMultipartUploadParts"], [f"{bucket}/*"]),
        allow(
            "Credentials",
            ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            [
                f"arn:aws:secretsmanager:*:{account_id}:secret:AmazonMSK_{_ANY}*",
                f"arn:aws:secretsmanager:*:{account_id}:secret:{_ANY}-connect-*",
            ],
        ),
        allow("Key", ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], ["*"], condition=_tagged("Resource")),
    ]


def state_statements(bucket_arn: str, key_arn: object) -> list[Statement]:
    """Return the use of the ledger and of Pulumi's state: conditional writes need to read, too."""
    objects = [f"{bucket_arn}/{prefix}/*" for prefix in ("leases", "released", "pulumi")]
    return [
        allow("StateList", ["s3:ListBucket", "s3:GetBucketLocation"], [bucket_arn]),
        allow("StateRecord", ["s3:GetObject"], [f"{bucket_arn}/bootstrap.json"]),
        allow("State", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], objects),
        allow("StateKey", ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:DescribeKey"], [key_arn]),
    ]


def teardown_statements(account_id: str) -> list[Statement]:
    """Return what takes any environment down, and nothing that is no environment's."""
    iam = f"arn:aws:iam::{account_id}"
    return [
        allow("Look", _READ, ["*"]),
        allow("DeleteTagged", _DELETE_TAGGED, ["*"], condition=_tagged("Resource")),
        allow("DeleteAlarms", ["cloudwatch:DeleteAlarms"], [f"arn:aws:cloudwatch:*:{account_id}:alarm:{_ANY}-*"]),
        allow("DeleteTopics", ["sns:DeleteTopic"], [f"arn:aws:sns:*:{account_id}:{_ANY}-alarms"]),
        allow("DeleteQueues", ["sqs:DeleteQueue"], [f"arn:aws:sqs:*:{account_id}:{_ANY}-alarms"]),
        allow("EndFlowLogDelivery", ["logs:DeleteLogDelivery"], ["*"]),
        allow("DeleteAlias", ["kms:DeleteAlias"], [f"arn:aws:kms:*:{account_id}:alias/{_ANY}"]),
        allow(
            "DeleteConfiguration",
            ["kafka:DeleteConfiguration"],
            [f"arn:aws:kafka:*:{account_id}:configuration/{_ANY}/*"],
        ),
        allow(
            "DeleteConnect",
            [
                "kafkaconnect:DeleteConnector",
                "kafkaconnect:DeleteCustomPlugin",
                "kafkaconnect:DeleteWorkerConfiguration",
            ],
            [f"arn:aws:kafkaconnect:*:{account_id}:*/{_ANY}-*/*"],
        ),
        allow(
            "DeleteRoles",
            ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"],
            [f"{iam}:role/{_ANY}-*"],
        ),
        allow("DeletePolicies", ["iam:DeletePolicy", "iam:DeletePolicyVersion"], [f"{iam}:policy/{_ANY}-*"]),
        allow(
            "EmptyBuckets",
            _EMPTY_BUCKET,
            [f"arn:aws:s3:::{_ANY}-{account_id}", f"arn:aws:s3:::{_ANY}-{account_id}/*"],
        ),
    ]


def provisioning_statements(account_id: str, boundary_arn: object) -> list[Statement]:
    """Return what makes an environment: only with its tag, only roles under the account's boundary."""
    iam = f"arn:aws:iam::{account_id}"
    roles = [f"{iam}:role/{_ANY}-*"]
    under_boundary = {"StringEquals": {"iam:PermissionsBoundary": boundary_arn}}
    return [
        allow("MakeTagged", _MAKE_TAGGED, ["*"], condition=_tagged("Request")),
        # Whoever may tag what is there makes it an environment's, and may then delete it.
        allow(
            "TagAtCreation",
            ["ec2:CreateTags"],
            ["*"],
            condition={"Null": {f"aws:RequestTag/{tags.LEASE}": "false", "ec2:CreateAction": "false"}},
        ),
        allow(
            "TagNamed",
            ["kafka:TagResource", "kafkaconnect:TagResource", "logs:TagResource", "secretsmanager:TagResource"],
            [
                f"arn:aws:kafka:*:{account_id}:*/{_ANY}*",
                f"arn:aws:kafkaconnect:*:{account_id}:*/{_ANY}-*",
                f"arn:aws:logs:*:{account_id}:log-group:/ephk/????????/*",
                f"arn:aws:secretsmanager:*:{account_id}:secret:AmazonMSK_????????_*",
            ],
            condition=_tagged("Request"),
        ),
        allow("UseTagged", _USE_TAGGED, ["*"], condition=_tagged("Resource")),
        allow(
            "MakeAlarms",
            ["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:SetAlarmState"],
            [f"arn:aws:cloudwatch:*:{account_id}:alarm:{_ANY}-*"],
        ),
        allow(
            "MakeTopics",
            ["sns:CreateTopic", "sns:Subscribe", "sns:TagResource"],
            [f"arn:aws:sns:*:{account_id}:{_ANY}-alarms"],
        ),
        allow(
            "MakeQueues",
            ["sqs:CreateQueue", "sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SetQueueAttributes", "sqs:TagQueue"],
            [f"arn:aws:sqs:*:{account_id}:{_ANY}-alarms"],
        ),
        allow("DeliverFlowLogs", ["logs:CreateLogDelivery"], ["*"]),
        allow("MakeAlias", ["kms:CreateAlias"], [f"arn:aws:kms:*:{account_id}:alias/{_ANY}"]),
        allow(
            "MakeConfiguration",
            ["kafka:CreateConfiguration"],
            [f"arn:aws:kafka:*:{account_id}:configuration/{_ANY}*/*"],
        ),
        allow(
            "MakeRoles",
            ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"],
            roles,
            condition=under_boundary,
        ),
        allow("TagRoles", ["iam:TagRole", "iam:UpdateAssumeRolePolicy"], roles),
        allow("ActAsRoles", ["sts:AssumeRole"], roles),
        allow(
            "PassConnector",
            ["iam:PassRole"],
            [f"{iam}:role/{_ANY}-connect-*"],
            condition={"StringEquals": {"iam:PassedToService": "kafkaconnect.amazonaws.com"}},
        ),
        # Neither can be limited by a tag or a name; a connector is nothing without the role that is passed to it.
        allow(
            "MakeConnect",
            [
                "kafkaconnect:CreateConnector",
                "kafkaconnect:CreateCustomPlugin",
                "kafkaconnect:CreateWorkerConfiguration",
            ],
            ["*"],
        ),
        allow("MakeBuckets", ["s3:CreateBucket", "s3:Put*"], [f"arn:aws:s3:::{_ANY}-{account_id}"]),
        allow("Objects", ["s3:PutObject", "s3:PutObjectTagging"], [f"arn:aws:s3:::{_ANY}-{account_id}/*"]),
    ]


def _tagged(where: str) -> dict[str, dict[str, str]]:
    """Return the condition that the resource has, or the request gives, a lease's tag."""
    return {"Null": {f"aws:{where}Tag/{tags.LEASE}": "false"}}
