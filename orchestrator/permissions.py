"""What each command may do in the account: its actions, on which resources, under which conditions.

A pipeline's role needs no more than `policy_for` gives. Everything that is made carries the lease's tag, so creating
demands it on the request and changing demands it on the resource; what has a name of ours is limited by the name; roles
can be made only with the environment's boundary. Sources: Service Authorization Reference (resource types and condition
keys of each action); IAM User Guide, "Permissions boundaries for IAM entities" (delegating the making of roles).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator import tags
from orchestrator.errors import UsageError

Limit = Literal["none", "tag-on-request", "tag-on-resource", "boundary"]


@dataclass(frozen=True)
class Need:
    """Something that a command does.

    Attributes:
        sid: what for; unique among all needs.
        actions: IAM actions.
        resources: ARNs, with `{region}`, `{account}` and the lease's id, `{lease}`.
        limit: the condition: the lease's tag on what is made or on what is changed, or the environment's boundary.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    limit: Limit = "none"


def _ec2(*kinds: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:ec2:{{region}}:{{account}}:{kind}/*" for kind in kinds)


_ROLES = ("arn:aws:iam::{account}:role/ephk-{lease}-*",)
_POLICIES = ("arn:aws:iam::{account}:policy/ephk-{lease}-*",)
_BUCKETS = ("arn:aws:s3:::ephk-{lease}-{account}",)
_OBJECTS = ("arn:aws:s3:::ephk-{lease}-{account}/*",)
_SECRETS = ("arn:aws:secretsmanager:{region}:{account}:secret:AmazonMSK_{lease}_*",)
_CLUSTERS = ("arn:aws:kafka:{region}:{account}:cluster/ephk-{lease}/*",)
_CONFIGURATIONS = ("arn:aws:kafka:{region}:{account}:configuration/ephk-{lease}*/*",)
_CONNECTORS = ("arn:aws:kafkaconnect:{region}:{account}:connector/ephk-{lease}-*/*",)
_PLUGINS = ("arn:aws:kafkaconnect:{region}:{account}:custom-plugin/ephk-{lease}-*/*",)
_WORKER_CONFIGURATIONS = ("arn:aws:kafkaconnect:{region}:{account}:worker-configuration/ephk-{lease}*/*",)
_LOG_GROUPS = ("arn:aws:logs:{region}:{account}:log-group:/ephk/{lease}/*",)
_KEYS = ("arn:aws:kms:{region}:{account}:key/*",)
_AUTHORITIES = ("arn:aws:acm-pca:{region}:{account}:certificate-authority/*",)
_TAGGED_NETWORK = _ec2(
    "vpc", "subnet", "route-table", "security-group", "security-group-rule", "vpc-endpoint", "network-interface",
    "vpc-flow-log",
)  # fmt: skip

_ALARMS = ("arn:aws:cloudwatch:{region}:{account}:alarm:ephk-{lease}-*",)
_TOPICS = ("arn:aws:sns:{region}:{account}:ephk-{lease}-alarms",)
_QUEUES = ("arn:aws:sqs:{region}:{account}:ephk-{lease}-alarms",)

_WHO_AM_I = Need("WhoAmI", ("sts:GetCallerIdentity",))
_BECOME = Need("BecomeTheEnvironmentsRoles", ("sts:AssumeRole",), _ROLES)
_LOOK_NETWORK = Need(
    "LookAtNetworks",
    (
        "ec2:DescribeAvailabilityZones", "ec2:DescribeFlowLogs", "ec2:DescribeInternetGateways",
        "ec2:DescribeNatGateways", "ec2:DescribeNetworkInterfaces", "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeTags",
        "ec2:DescribeVpcAttribute", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs", "ec2:DescribePrefixLists",
    ),
)  # fmt: skip
_LOOK_TAGS = Need("FindByTag", ("tag:GetResources",))
_LOOK_BUCKETS = Need(
    "LookAtBuckets",
    (
        "s3:GetBucketLocation", "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListBucketVersions",
    ),
    _BUCKETS,
)  # fmt: skip
_LIST = Need(
    "ListWhatHasNoTagFilter",
    (
        "acm-pca:ListCertificateAuthorities", "cloudwatch:DescribeAlarms", "iam:ListPolicies", "iam:ListRoles",
        "kafka:ListClusters", "kafka:ListClustersV2", "kafka:ListConfigurations", "kafkaconnect:ListConnectors",
        "kafkaconnect:ListCustomPlugins", "kafkaconnect:ListWorkerConfigurations", "kms:ListAliases", "kms:ListKeys",
        "logs:DescribeLogGroups", "s3:ListAllMyBuckets", "secretsmanager:ListSecrets",
        "sns:GetSubscriptionAttributes", "sns:ListTopics", "sqs:ListQueues",
    ),
)  # fmt: skip
_LOOK_IAM = Need(
    "LookAtRolesAndPolicies",
    (
        "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
        "iam:ListEntitiesForPolicy", "iam:ListInstanceProfilesForRole", "iam:ListPolicyTags",
        "iam:ListPolicyVersions", "iam:ListRolePolicies", "iam:ListRoleTags",
    ),
    (*_ROLES, *_POLICIES),
)  # fmt: skip
_LOOK_KAFKA = Need(
    "LookAtClusters",
    (
        "kafka:DescribeCluster", "kafka:DescribeClusterV2",
        "kafka:DescribeConfiguration", "kafka:DescribeConfigurationRevision", "kafka:GetClusterPolicy",
        "kafka:ListScramSecrets", "kafka:ListTagsForResource",
    ),
    (*_CLUSTERS, *_CONFIGURATIONS),
)  # fmt: skip
_BOOTSTRAP = Need("FindBrokers", ("kafka:DescribeClusterOperation", "kafka:GetBootstrapBrokers"))
_LOOK_LOGS = Need("LookAtLogGroups", ("logs:ListTagsForResource",), _LOG_GROUPS)
_LOOK_ALARMS = Need("LookAtAlarms", ("cloudwatch:ListTagsForResource",), _ALARMS)
_LOOK_TOPICS = Need(
    "LookAtTopics",
    (
        "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource",
    ),
    _TOPICS,
)  # fmt: skip
_LOOK_QUEUES = Need("LookAtQueues", ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"), _QUEUES)
_LOOK_KEYS = Need(
    "LookAtKeys",
    ("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"),
    _KEYS,
    "tag-on-resource",
)
_LOOK_AUTHORITIES = Need(
    "LookAtAuthorities",
    (
        "acm-pca:DescribeCertificateAuthority", "acm-pca:GetCertificate", "acm-pca:GetCertificateAuthorityCertificate",
        "acm-pca:GetCertificateAuthorityCsr", "acm-pca:ListTags",
    ),
    _AUTHORITIES,
    "tag-on-resource",
)  # fmt: skip
_LOOK_SECRETS = Need(
    "LookAtSecrets", ("secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"), _SECRETS, "tag-on-resource"
)
_READ_SECRETS = Need("ReadCredentials", ("secretsmanager:GetSecretValue",), _SECRETS, "tag-on-resource")
_USE_KEYS = Need("UseKeys", ("kms:Decrypt", "kms:GenerateDataKey"), _KEYS, "tag-on-resource")
_ISSUE = Need("IssueCertificates", ("acm-pca:IssueCertificate",), _AUTHORITIES, "tag-on-resource")
_LOOKING = (
    _WHO_AM_I, _LOOK_NETWORK, _LOOK_TAGS, _LOOK_BUCKETS, _LIST, _LOOK_IAM, _LOOK_KAFKA, _BOOTSTRAP, _LOOK_LOGS,
    _LOOK_KEYS, _LOOK_AUTHORITIES, _LOOK_SECRETS, _LOOK_ALARMS, _LOOK_TOPICS, _LOOK_QUEUES,
)  # fmt: skip

_MAKE = (
    Need(
        "MakeNetwork",
        (
            "ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateVpc",
            "ec2:CreateVpcEndpoint",
        ),
        _ec2("vpc", "subnet", "route-table", "security-group", "vpc-endpoint"),
        "tag-on-request",
    ),
    Need("MakeInOwnNetwork", ("ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet",
                              "ec2:CreateVpcEndpoint"), _ec2("vpc", "subnet", "route-table"), "tag-on-resource"),
    Need("TagNetwork", ("ec2:CreateTags",), _TAGGED_NETWORK, "tag-on-request"),
    Need(
        "ArrangeNetwork",
        (
            "ec2:AssociateRouteTable", "ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress",
            "ec2:ModifySubnetAttribute", "ec2:ModifyVpcAttribute", "ec2:ModifyVpcEndpoint",
            "ec2:RevokeSecurityGroupEgress",
        ),
        _TAGGED_NETWORK,
        "tag-on-resource",
    ),
    Need("MakeKeys", ("kms:CreateKey",), ("*",), "tag-on-request"),
    Need("TagKeys", ("kms:TagResource",), _KEYS, "tag-on-request"),
    Need("ArrangeKeys", ("kms:CreateAlias", "kms:CreateGrant", "kms:EnableKeyRotation"), _KEYS, "tag-on-resource"),
    Need("NameKeys", ("kms:CreateAlias",), ("arn:aws:kms:{region}:{account}:alias/ephk-{lease}",)),
    Need("MakeSecrets", ("secretsmanager:CreateSecret", "secretsmanager:TagResource"), _SECRETS, "tag-on-request"),
    Need("FillSecrets", ("secretsmanager:PutSecretValue",), _SECRETS, "tag-on-resource"),
    Need(
        "MakeBuckets",
        (
            "s3:CreateBucket", "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketTagging", "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
        ),
        _BUCKETS,
    ),
    Need("MakeLogGroups", ("logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"), _LOG_GROUPS),
    Need("MakeAlarms", ("cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"), _ALARMS),
    Need("MakeTopics", ("sns:CreateTopic", "sns:Subscribe", "sns:TagResource"), _TOPICS),
    Need("MakeQueues", ("sqs:CreateQueue", "sqs:SetQueueAttributes", "sqs:TagQueue"), _QUEUES),
    Need("MakeFlowLogs", ("ec2:CreateFlowLogs",), _ec2("vpc-flow-log"), "tag-on-request"),
    Need("MakeFlowLogsOfOwnNetwork", ("ec2:CreateFlowLogs",), _ec2("vpc"), "tag-on-resource"),
    # Whoever makes a flow log that goes to a bucket needs these ("Publish flow logs to Amazon S3", VPC User Guide).
    Need("DeliverFlowLogs", ("logs:CreateLogDelivery", "logs:DeleteLogDelivery")),
    Need("MakeAuthorities", ("acm-pca:CreateCertificateAuthority",), ("*",), "tag-on-request"),
    Need("TagAuthorities", ("acm-pca:TagCertificateAuthority",), _AUTHORITIES, "tag-on-request"),
    Need("ActivateAuthorities", ("acm-pca:ImportCertificateAuthorityCertificate",), _AUTHORITIES, "tag-on-resource"),
    Need("MakePolicies", ("iam:CreatePolicy", "iam:TagPolicy"), _POLICIES, "tag-on-request"),
    Need("MakeRoles", ("iam:CreateRole", "iam:PutRolePolicy"), _ROLES, "boundary"),
    Need("TagRoles", ("iam:TagRole",), _ROLES, "tag-on-request"),
    Need("MakeClusters", ("kafka:CreateCluster", "kafka:CreateConfiguration"), (*_CLUSTERS, *_CONFIGURATIONS)),
    Need("TagClusters", ("kafka:TagResource",), _CLUSTERS, "tag-on-request"),
    Need("GiveClustersUsers", ("kafka:BatchAssociateScramSecret",), _CLUSTERS),
)  # fmt: skip

_REMOVE = (
    Need(
        "RemoveNetwork",
        (
            "ec2:DeleteFlowLogs", "ec2:DeleteNetworkInterface", "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup",
            "ec2:DeleteSubnet", "ec2:DeleteVpc", "ec2:DeleteVpcEndpoints", "ec2:DisassociateRouteTable",
            "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
        ),
        _TAGGED_NETWORK,
        "tag-on-resource",
    ),
    Need("RemoveKeys", ("kms:DeleteAlias", "kms:ScheduleKeyDeletion"), _KEYS, "tag-on-resource"),
    Need("RemoveKeyNames", ("kms:DeleteAlias",), ("arn:aws:kms:{region}:{account}:alias/ephk-{lease}",)),
    Need("RemoveSecrets", ("secretsmanager:DeleteSecret",), _SECRETS, "tag-on-resource"),
    Need(
        "RemoveBuckets",
        ("s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucketOwnershipControls", "s3:PutBucketPublicAccessBlock",
         "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration"),
        _BUCKETS,
    ),
    Need("EmptyBuckets", ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:DeleteObjectVersion"), _OBJECTS),
    Need("RemoveLogGroups", ("logs:DeleteLogGroup", "logs:DeleteRetentionPolicy"), _LOG_GROUPS),
    Need("RemoveAlarms", ("cloudwatch:DeleteAlarms",), _ALARMS),
    Need("RemoveTopics", ("sns:DeleteTopic",), _TOPICS),
    Need("RemoveQueues", ("sqs:DeleteQueue",), _QUEUES),
    Need("EndFlowLogDelivery", ("logs:DeleteLogDelivery",)),
    Need(
        "RemoveAuthorities",
        ("acm-pca:DeleteCertificateAuthority", "acm-pca:RevokeCertificate", "acm-pca:UpdateCertificateAuthority"),
        _AUTHORITIES,
        "tag-on-resource",
    ),
    Need("RemovePolicies", ("iam:DeletePolicy", "iam:DeletePolicyVersion"), _POLICIES),
    Need("RemoveRoles", ("iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"), _ROLES),
    Need("RemoveClusters", ("kafka:BatchDisassociateScramSecret", "kafka:DeleteCluster"), _CLUSTERS),
    Need("RemoveConfigurations", ("kafka:DeleteConfiguration",), _CONFIGURATIONS),
    Need("RemoveConnectors", ("kafkaconnect:DeleteConnector", "kafkaconnect:DescribeConnector"), _CONNECTORS),
    Need("RemovePlugins", ("kafkaconnect:DeleteCustomPlugin",), _PLUGINS),
    Need("RemoveWorkerConfigurations", ("kafkaconnect:DeleteWorkerConfiguration",), _WORKER_CONFIGURATIONS),
)  # fmt: skip

_TRY_BUCKETS = Need(
    "TryBuckets", ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"), _OBJECTS
)
_TRY_ALARMS = Need("TryAlarms", ("cloudwatch:SetAlarmState",), _ALARMS)
_TRY_QUEUES = Need("TryQueues", ("sqs:DeleteMessage", "sqs:ReceiveMessage"), _QUEUES)
_WATCH = Need(
    "LookAtMetricsAndTrails",
    (
        "cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus",
        "cloudtrail:LookupEvents", "cloudwatch:GetMetricStatistics",
    ),
)  # fmt: skip
_TRYING = (_TRY_BUCKETS, _TRY_ALARMS, _TRY_QUEUES, _WATCH)
_CONNECT = (_READ_SECRETS, _USE_KEYS, _ISSUE, _BECOME)
_REVIEW = Need("ReadAllOfIam", ("iam:GetAccountAuthorizationDetails",))
# A failed or interrupted `up` takes down what it has made, so it may do what `down` may.
_UP = (*_LOOKING, *_MAKE, *_CONNECT, *_REMOVE)
_DOWN = (*_LOOKING, *_REMOVE)
_VERIFY = (*_LOOKING, *_CONNECT, *_TRYING)

#: Commands of which nobody has measured yet what they call: no policy is printed rather than a guessed one.
UNDECLARED = frozenset({"adopt", "bootstrap", "cost", "keep"})
#: Eight characters: the names of an environment, not those of the state bucket (`ephk-state-...`) and the set-up.
_ANY_LEASE = "????????"
#: What IAM takes as one managed policy.
MANAGED_POLICY_CHARACTERS = 6144
#: Command to what it does. Commands that are not here call no cloud.
COMMANDS: dict[str, tuple[Need, ...]] = {
    "up": _UP,
    "verify": _VERIFY,
    "down": _DOWN,
    "run": (*_UP, *_TRYING),
    "reap": _DOWN,
    "env": _CONNECT,
    "token": _CONNECT,
    "check": (_REVIEW, _LOOK_BUCKETS, _LOOK_KEYS, _LOOK_SECRETS, _LOOK_KAFKA),
}
#: Commands that work without an account.
OFFLINE = frozenset(
    {"diagnose", "plan", "contracts", "scorecard", "setup", "doctor", "cloud", "list", "show", "extend"}
)


def policy_for(commands: Iterable[str], *, account: str = "*", region: str = "*", lease: str = "*") -> dict[str, Any]:
    """Return the least policy for some commands.

    Args:
        commands: names of ephk commands.
        account: twelve digits, or `*`.
        region: a region, or `*`.
        lease: limit what is tagged to one lease; `*` for whatever carries a lease's tag.

    Raises:
        UsageError: a command is not known.
    """
    needs: dict[str, Need] = {}
    for command in commands:
        if command not in {*COMMANDS, *OFFLINE, *UNDECLARED}:
            known = ", ".join(sorted((*COMMANDS, *OFFLINE)))
            raise UsageError(f"{command!r} is no command of ephk", next_step=f"Give some of: {known}.")
        if command in UNDECLARED:
            raise UsageError(f"what 'ephk {command}' needs is not declared yet", next_step="Leave it out.")
        needs.update({need.sid: need for need in COMMANDS.get(command, ())})
    statements = [_statement(need, account, region, lease) for need in needs.values()]
    if not statements:
        raise UsageError("these commands call no cloud, so they need no policy")
    return {"Version": "2012-10-17", "Statement": statements}


def split(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a policy as several, none larger than a managed policy may be; a role takes ten of them.

    Source: IAM User Guide, "IAM and AWS STS quotas": 6,144 characters, white space not counted.
    """
    parts: list[list[dict[str, Any]]] = [[]]
    for statement in document["Statement"]:
        if parts[-1] and size([*parts[-1], statement]) > MANAGED_POLICY_CHARACTERS:
            parts.append([])
        parts[-1].append(statement)
    return [{"Version": document["Version"], "Statement": part} for part in parts]


def size(statements: list[dict[str, Any]]) -> int:
    """Return how many characters a policy of these statements has for IAM's quota."""
    return len(json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":")))


def _statement(need: Need, account: str, region: str, lease: str) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Sid": need.sid,
        "Effect": "Allow",
        "Action": sorted(need.actions),
    }
    names = {"account": account, "region": region, "lease": _ANY_LEASE if lease == "*" else lease}
    statement["Resource"] = [resource.format(**names) for resource in need.resources]
    operator = "StringLike" if "*" in lease else "StringEquals"
    # `?*`: the tag is there and not empty.
    value = "?*" if lease == "*" else lease
    match need.limit:
        case "tag-on-request":
            statement["Condition"] = {operator: {f"aws:RequestTag/{tags.LEASE}": value}}
        case "tag-on-resource":
            statement["Condition"] = {operator: {f"aws:ResourceTag/{tags.LEASE}": value}}
        case "boundary":
            boundary = f"arn:aws:iam::{account}:policy/ephk-{names['lease']}-boundary"
            statement["Condition"] = {"ArnLike": {"iam:PermissionsBoundary": boundary}}
        case "none":
            pass
    return statement
