"""What it takes to make, look at, verify and remove an environment."""

from __future__ import annotations

from orchestrator.needs.model import Need


def _ec2(*kinds: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:ec2:{{region}}:{{account}}:{kind}/*" for kind in kinds)


_ROLES = ("arn:aws:iam::{account}:role/ephk-{lease}-*",)
_POLICIES = ("arn:aws:iam::{account}:policy/ephk-{lease}-*",)
_BUCKETS = ("arn:aws:s3:::ephk-{lease}-{account}",)
_OBJECTS = ("arn:aws:s3:::ephk-{lease}-{account}/*",)
_SECRETS = (
    "arn:aws:secretsmanager:{region}:{account}:secret:AmazonMSK_{lease}_*",
    "arn:aws:secretsmanager:{region}:{account}:secret:ephk-{lease}-connect-*",
)
_CLUSTERS = ("arn:aws:kafka:{region}:{account}:cluster/ephk-{lease}/*",)
_CONFIGURATIONS = ("arn:aws:kafka:{region}:{account}:configuration/ephk-{lease}*/*",)
_PROBE_BUCKETS = ("arn:aws:s3:::ephk-{lease}-probe-*",)
_PROBE_OBJECTS = ("arn:aws:s3:::ephk-{lease}-probe-*/*",)
#: What stands for somebody else's (`contracts.iam.decoys`): named after no lease, and tagged as nobody's.
_DECOY_BUCKETS, _DECOY_OBJECTS = ("arn:aws:s3:::ephk-decoy-*",), ("arn:aws:s3:::ephk-decoy-*/*",)
_DECOY_SECRETS = ("arn:aws:secretsmanager:{region}:{account}:secret:ephk-decoy-*",)
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
        "ec2:DescribeNatGateways", "ec2:DescribeNetworkAcls", "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
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
    "LookAtTopics", ("sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource"), _TOPICS
)
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
#: The last one: the credentials of workers' REST interfaces, where a target has such a thing.
_READ_SECRETS = Need(
    "ReadCredentials",
    ("secretsmanager:GetSecretValue",),
    (*_SECRETS, "arn:aws:secretsmanager:{region}:{account}:secret:kafkaconnect!ephk-{lease}-*"),
    "tag-on-resource",
)
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
    Need("TagNetwork", ("ec2:CreateTags",), _TAGGED_NETWORK, "tag-at-creation"),
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

_LOOK_CONNECT = Need(
    "LookAtConnect",
    (
        "kafkaconnect:DescribeConnector", "kafkaconnect:DescribeCustomPlugin",
        "kafkaconnect:DescribeWorkerConfiguration", "kafkaconnect:ListConnectorOperations",
        "kafkaconnect:ListTagsForResource",
    ),
    (*_CONNECTORS, *_PLUGINS, *_WORKER_CONFIGURATIONS),
)  # fmt: skip
#: Creating can be limited by nothing: neither has a resource type, or takes a condition on tags.
_MAKE_CONNECT = (
    Need("MakeConnect", ("kafkaconnect:CreateConnector", "kafkaconnect:CreateCustomPlugin",
                         "kafkaconnect:CreateWorkerConfiguration")),
    Need("PassConnectorsRoles", ("iam:PassRole",), ("arn:aws:iam::{account}:role/ephk-{lease}-connect-*",),
         "to-connect"),
    Need("PutPlugins", ("s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"),
         ("arn:aws:s3:::ephk-{lease}-{account}/plugins/*",)),
)  # fmt: skip

_REMOVE_DECOYS = (
    Need("RemoveDecoyBuckets", ("s3:DeleteBucket", "s3:ListBucket"), _DECOY_BUCKETS),
    Need("RemoveDecoyObjects", ("s3:DeleteObject",), _DECOY_OBJECTS),
    Need("RemoveDecoySecrets", ("secretsmanager:DeleteSecret",), _DECOY_SECRETS),
)
_REMOVE = (
    *_REMOVE_DECOYS,
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
_TRY_OTHER_BUCKETS = Need("TryOtherBuckets", ("s3:CreateBucket", "s3:DeleteBucket"), _PROBE_BUCKETS)
_TRY_OTHER_OBJECTS = Need("TryOtherObjects", ("s3:DeleteObject", "s3:PutObject"), _PROBE_OBJECTS)
_TRY_CONNECT = Need("TryConnectors", ("kafkaconnect:RestartConnector",), _CONNECTORS)
_ASK_SIMULATION = Need("AskTheProvidersSimulation", ("iam:SimulatePrincipalPolicy",), _ROLES)
_READ_LOGS = Need("ReadLogs", ("logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"), _LOG_GROUPS)
_MAKE_DECOYS = (
    Need("MakeDecoyBuckets", ("s3:CreateBucket", "s3:PutBucketTagging"), _DECOY_BUCKETS),
    Need("FillDecoyBuckets", ("s3:GetObject", "s3:PutObject"), _DECOY_OBJECTS),
    Need(
        "MakeDecoySecrets",
        ("secretsmanager:CreateSecret", "secretsmanager:TagResource"),
        _DECOY_SECRETS,
        "tag-on-request",
    ),
)
_WATCH = Need(
    "LookAtMetricsAndTrails",
    (
        "cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus",
        "cloudtrail:LookupEvents", "cloudwatch:GetMetricStatistics",
    ),
)  # fmt: skip
_TRYING = (
    _TRY_BUCKETS, _TRY_OTHER_BUCKETS, _TRY_OTHER_OBJECTS, _TRY_CONNECT, _TRY_ALARMS, _TRY_QUEUES, _READ_LOGS, _WATCH,
    _ASK_SIMULATION,
    *_MAKE_DECOYS, *_REMOVE_DECOYS,
)  # fmt: skip
CONNECT = (_READ_SECRETS, _USE_KEYS, _ISSUE, _BECOME)
_REVIEW = Need("ReadAllOfIam", ("iam:GetAccountAuthorizationDetails",))
# A failed or interrupted `up` takes down what it has made, so it may do what `down` may.
UP = (*_LOOKING, *_MAKE, _LOOK_CONNECT, *_MAKE_CONNECT, *CONNECT, *_REMOVE)
DOWN = (*_LOOKING, _LOOK_CONNECT, *_REMOVE)
VERIFY = (*_LOOKING, _LOOK_CONNECT, *CONNECT, *_TRYING)
RUN = (*UP, *_TRYING)
COST = (
    _WHO_AM_I,
    Need("AskForPrices", ("pricing:GetProducts",)),
    Need("AskForCosts", ("ce:GetCostAndUsage", "ce:ListCostAllocationTags")),
)
CHECK = (_REVIEW, _LOOK_BUCKETS, _LOOK_KEYS, _LOOK_SECRETS, _LOOK_KAFKA)
