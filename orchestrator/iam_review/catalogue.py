"""The rules that single policy documents are judged by: id, how bad, what to do, and AWS's own words about it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.iam_review.model import Severity

_MSK_IAM = "Amazon MSK Developer Guide, 'IAM access control'"
_BEST = "IAM User Guide, 'Security best practices in IAM'"


@dataclass(frozen=True)
class Rule:
    """What is looked for.

    Attributes:
        id: stable; what accept lists and SARIF name.
        title: a short name.
        severity: how bad it is when the violation does not say otherwise.
        remediation: what to do.
        documentation: the AWS documentation page, by title.
    """

    id: str
    title: str
    severity: Severity
    remediation: str
    documentation: str


@dataclass(frozen=True)
class Violation:
    """One place where a document breaks a rule.

    Attributes:
        rule: the rule.
        message: what is wrong, in one sentence without the policy's name.
        statement: the statement's position from 1; 0 means the whole document.
        severity: how bad it is here.
    """

    rule: Rule
    message: str
    statement: int
    severity: Severity


ADMINISTRATOR = Rule(
    "iam.lint.administrator",
    "Full administrator access",
    Severity.CRITICAL,
    "Name the actions and resources that are needed.",
    _BEST,
)
WILDCARD_RESOURCE = Rule(
    "iam.lint.wildcard-resource",
    "Changes on every resource",
    Severity.MEDIUM,
    "Name the resources, or limit the statement by a condition on their tags.",
    _BEST,
)
ALLOW_NOT = Rule(
    "iam.lint.allow-not",
    "Allow with NotAction or NotResource",
    Severity.MEDIUM,
    "List what is allowed: whatever AWS adds later is allowed by this statement as well.",
    "IAM User Guide, 'IAM JSON policy elements: NotAction'",
)
KAFKA_WILDCARD = Rule(
    "iam.lint.kafka-wildcard-resource",
    "Kafka data access on every cluster",
    Severity.HIGH,
    "Name the cluster: arn:aws:kafka:REGION:ACCOUNT:topic/CLUSTER/UUID/TOPIC.",
    _MSK_IAM,
)
KAFKA_CONTROL_PLANE = Rule(
    "iam.lint.kafka-control-plane",
    "kafka: where kafka-cluster: is meant",
    Severity.HIGH,
    "Write kafka-cluster:Connect, kafka-cluster:ReadData and so on; kafka: is MSK's control plane.",
    _MSK_IAM,
)
KAFKA_ARN = Rule(
    "iam.lint.kafka-resource-shape",
    "Kafka resource that no ARN matches",
    Severity.MEDIUM,
    "Write cluster/NAME/UUID, topic/CLUSTER/UUID/TOPIC, group/CLUSTER/UUID/GROUP or transactional-id/CLUSTER/UUID/ID.",
    "Amazon MSK Developer Guide, 'Authorization policy resources'",
)
KAFKA_MISMATCH = Rule(
    "iam.lint.kafka-action-resource",
    "Kafka action on the wrong kind of resource",
    Severity.MEDIUM,
    "Give the action the kind of resource that it works on: topics for ReadData, groups for AlterGroup.",
    "Amazon MSK Developer Guide, 'Semantics of IAM authorization policy actions and resources'",
)
KAFKA_ACL = Rule(
    "iam.lint.kafka-acl-wildcard",
    "Kafka ACL for everything or everybody",
    Severity.HIGH,
    "Name the topic, group or transactional id, or a prefix that is the application's own, and one principal.",
    "Apache Kafka documentation, 'Authorization and ACLs'",
)
PASS_ROLE = Rule(
    "iam.lint.pass-role",
    "iam:PassRole without limits",
    Severity.MEDIUM,
    "Name the role and add the condition iam:PassedToService.",
    "IAM User Guide, 'Grant a user permissions to pass a role to an AWS service'",
)
PUBLIC = Rule(
    "iam.lint.public-principal",
    "Open to everybody",
    Severity.CRITICAL,
    "Name the principals, or narrow the statement by aws:PrincipalOrgID, aws:SourceVpce or aws:SourceAccount.",
    "Amazon S3 User Guide, 'Blocking public access to your Amazon S3 storage'",
)
TRUST = Rule(
    "iam.lint.trust-wide",
    "Role that too many can assume",
    Severity.HIGH,
    "Name who may assume the role; for OIDC, one repository and branch or environment in the condition on sub.",
    "IAM User Guide, 'Create a role for OpenID Connect federation'",
)
BOUNDARY = Rule(
    "iam.lint.boundary-missing",
    "Role or user without permissions boundary",
    Severity.HIGH,
    "Set permissions_boundary to the environment's boundary policy.",
    "IAM User Guide, 'Permissions boundaries for IAM entities'",
)
ESCALATION = Rule(
    "iam.lint.escalation",
    "Can raise its own privileges",
    Severity.CRITICAL,
    "Take the action away, name other resources, or set a permissions boundary that denies it.",
    "IAM User Guide, 'Permissions boundaries for IAM entities'",
)
MALFORMED = Rule(
    "iam.lint.malformed",
    "Policy that AWS would refuse",
    Severity.HIGH,
    "Correct the document.",
    "IAM User Guide, 'Grammar of the IAM JSON policy language'",
)
PARLIAMENT = Rule(
    "iam.lint.parliament",
    "Finding of parliament",
    Severity.LOW,
    "See the message; https://github.com/duo-labs/parliament describes each finding.",
    "parliament, 'config.yaml'",
)

RULES: tuple[Rule, ...] = (
    ADMINISTRATOR,
    WILDCARD_RESOURCE,
    ALLOW_NOT,
    KAFKA_WILDCARD,
    KAFKA_CONTROL_PLANE,
    KAFKA_ARN,
    KAFKA_MISMATCH,
    KAFKA_ACL,
    PASS_ROLE,
    PUBLIC,
    TRUST,
    BOUNDARY,
    ESCALATION,
    MALFORMED,
    PARLIAMENT,
)
"""Every rule of the linter."""
