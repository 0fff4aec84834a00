"""What belongs to an environment, found by where it is and what it is called, whatever tags it carries.

An inventory by tag cannot find what lacks the tag. So each service is asked for what lies in the
environment's VPC, for what bears the lease's id in its name, and for what the environment itself names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.access import Access
from orchestrator import tags

Client = Callable[[str], Any]


@dataclass(frozen=True)
class Owned:
    """A resource that can carry tags, with those it carries."""

    kind: str
    identifier: str
    tags: Mapping[str, str] = field(default_factory=dict)


Question = Callable[[Access], Iterator[Owned]]


def pairs(items: Iterable[Mapping[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Turn a list of key and value into a mapping."""
    return {item[key]: item[value] for item in items or ()}


def _pages(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page.get(key) or []


def tagged(access: Access) -> Iterator[Owned]:
    """Yield everything that carries the lease's tag, as the tagging API sees it."""
    wanted = [{"Key": tags.LEASE, "Values": [access.environment.lease_id]}]
    client = access.client("resourcegroupstaggingapi")
    for item in _pages(client, "get_resources", "ResourceTagMappingList", TagFilters=wanted):
        yield Owned(item["ResourceARN"].split(":")[2], item["ResourceARN"], pairs(item.get("Tags")))


def _vpc_filter(access: Access, name: str = "vpc-id") -> dict[str, Any] | None:
    network = access.environment.network
    return {"Filters": [{"Name": name, "Values": [network.vpc_id]}]} if network else None


def _in_vpc(
    operation: str, key: str, id_key: str, kind: str, made_by_aws: Callable[[dict[str, Any]], bool]
) -> Question:
    def ask(access: Access) -> Iterator[Owned]:
        arguments = _vpc_filter(access)
        if arguments is None:
            return
        for item in _pages(access.client("ec2"), operation, key, **arguments):
            if not made_by_aws(item):
                yield Owned(f"ec2 {kind}", item[id_key], pairs(item.get("Tags")))

    return ask


def _is_main_table(table: dict[str, Any]) -> bool:
    return any(association.get("Main") for association in table.get("Associations", []))


def _is_gone(endpoint: dict[str, Any]) -> bool:
    return str(endpoint.get("State", "")).lower() in ("deleted", "deleting")


def security_group_rules(access: Access) -> Iterator[Owned]:
    """Yield the rules of the VPC's security groups, but those that AWS makes together with a group."""
    arguments = _vpc_filter(access)
    if arguments is None:
        return
    ec2 = access.client("ec2")
    groups = [
        group["GroupId"]
        for group in _pages(ec2, "describe_security_groups", "SecurityGroups", **arguments)
        if group["GroupName"] != "default"
    ]
    if not groups:
        return
    only = [{"Name": "group-id", "Values": groups}]
    for rule in _pages(ec2, "describe_security_group_rules", "SecurityGroupRules", Filters=only):
        if not (rule.get("IsEgress") and rule.get("IpProtocol") == "-1"):
            yield Owned("ec2 security group rule", rule["SecurityGroupRuleId"], pairs(rule.get("Tags")))


def iam_roles(access: Access) -> Iterator[Owned]:
    """Yield roles with the lease's id in their names."""
    iam = access.client("iam")
    for role in _pages(iam, "list_roles", "Roles"):
        if access.environment.lease_id in role["RoleName"]:
            found = iam.list_role_tags(RoleName=role["RoleName"])["Tags"]
            yield Owned("iam role", role["RoleName"], pairs(found))


def iam_policies(access: Access) -> Iterator[Owned]:
    """Yield customer-managed policies with the lease's id in their names."""
    iam = access.client("iam")
    for policy in _pages(iam, "list_policies", "Policies", Scope="Local"):
        if access.environment.lease_id in policy["PolicyName"]:
            found = iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"]
            yield Owned("iam policy", policy["PolicyName"], pairs(found))


def clusters(access: Access) -> Iterator[Owned]:
    """Yield the environment's cluster, when it is an MSK cluster."""
    arn = access.environment.cluster.arn
    if arn.split(":")[2:3] == ["kafka"]:
        yield Owned("kafka cluster", arn, access.client("kafka").list_tags_for_resource(ResourceArn=arn)["Tags"])


def buckets(access: Access) -> Iterator[Owned]:
    """Yield the environment's bucket and buckets with the lease's id in their names."""
    s3, environment = access.client("s3"), access.environment
    names = [b["Name"] for b in s3.list_buckets()["Buckets"] if environment.lease_id in b["Name"]]
    own = [environment.bucket.name] if environment.bucket else []
    for name in dict.fromkeys(own + names):
        try:
            found = s3.get_bucket_tagging(Bucket=name)["TagSet"]
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchTagSet":
                raise
            found = []
        yield Owned("s3 bucket", name, pairs(found))


def secrets(access: Access) -> Iterator[Owned]:
    """Yield secrets with the lease's id in their names, and those that the principals name."""
    own = {principal.secret_arn for principal in access.environment.principals}
    for secret in _pages(access.client("secretsmanager"), "list_secrets", "SecretList"):
        if secret["ARN"] in own or access.environment.lease_id in secret["Name"]:
            yield Owned("secretsmanager secret", secret["ARN"], pairs(secret.get("Tags")))


def keys(access: Access) -> Iterator[Owned]:
    """Yield the bucket's key and those with an alias that bears the lease's id."""
    kms, environment = access.client("kms"), access.environment
    aliases = _pages(kms, "list_aliases", "Aliases")
    found = [a["TargetKeyId"] for a in aliases if environment.lease_id in a["AliasName"] and a.get("TargetKeyId")]
    own = [environment.bucket.kms_key_arn.rpartition("/")[2]] if environment.bucket else []
    for key in dict.fromkeys(own + found):
        held = kms.list_resource_tags(KeyId=key)["Tags"]
        yield Owned("kms key", key, pairs(held, "TagKey", "TagValue"))


def log_groups(access: Access) -> Iterator[Owned]:
    """Yield log groups with the lease's id in their names, and the environment's own."""
    logs, environment = access.client("logs"), access.environment
    for group in _pages(logs, "describe_log_groups", "logGroups"):
        name = group["logGroupName"]
        if name == environment.log_group or environment.lease_id in name:
            arn = group["arn"].removesuffix(":*")
            yield Owned("logs log group", name, logs.list_tags_for_resource(resourceArn=arn)["tags"])


def authorities(access: Access) -> Iterator[Owned]:
    """Yield the environment's private certificate authority."""
    arn = access.environment.cluster.certificate_authority_arn
    if arn is not None:
        found = access.client("acm-pca").list_tags(CertificateAuthorityArn=arn)["Tags"]
        yield Owned("acm-pca certificate authority", arn, pairs(found))


def alarms(access: Access) -> Iterator[Owned]:
    """Yield alarms with the lease's id in their names."""
    cloudwatch = access.client("cloudwatch")
    for alarm in _pages(cloudwatch, "describe_alarms", "MetricAlarms"):
        if access.environment.lease_id in alarm["AlarmName"]:
            found = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
            yield Owned("cloudwatch alarm", alarm["AlarmName"], pairs(found))


def topics(access: Access) -> Iterator[Owned]:
    """Yield SNS topics with the lease's id in their names."""
    sns = access.client("sns")
    for topic in _pages(sns, "list_topics", "Topics"):
        if access.environment.lease_id in topic["TopicArn"]:
            found = sns.list_tags_for_resource(ResourceArn=topic["TopicArn"])["Tags"]
            yield Owned("sns topic", topic["TopicArn"], pairs(found))


def queues(access: Access) -> Iterator[Owned]:
    """Yield SQS queues with the lease's id in their names."""
    sqs = access.client("sqs")
    for page in sqs.get_paginator("list_queues").paginate():
        for url in page.get("QueueUrls", []):
            if access.environment.lease_id in url:
                yield Owned("sqs queue", url, dict(sqs.list_queue_tags(QueueUrl=url).get("Tags", {})))


def flow_logs(access: Access) -> Iterator[Owned]:
    """Yield the flow logs of the environment's VPC."""
    network = access.environment.network
    if network is None:
        return
    only = [{"Name": "resource-id", "Values": [network.vpc_id]}]
    for item in _pages(access.client("ec2"), "describe_flow_logs", "FlowLogs", Filter=only):
        yield Owned("ec2 flow log", item["FlowLogId"], pairs(item.get("Tags")))


#: Every question, by name.
QUESTIONS: dict[str, Question] = {
    "tagging API": tagged,
    "ec2 VPC": _in_vpc("describe_vpcs", "Vpcs", "VpcId", "vpc", lambda _: False),
    "ec2 subnets": _in_vpc("describe_subnets", "Subnets", "SubnetId", "subnet", lambda _: False),
    "ec2 route tables": _in_vpc("describe_route_tables", "RouteTables", "RouteTableId", "route table", _is_main_table),
    "ec2 security groups": _in_vpc(
        "describe_security_groups",
        "SecurityGroups",
        "GroupId",
        "security group",
        lambda group: group["GroupName"] == "default",
    ),
    "ec2 endpoints": _in_vpc("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", "endpoint", _is_gone),
    "ec2 security group rules": security_group_rules,
    "iam roles": iam_roles,
    "iam policies": iam_policies,
    "kafka cluster": clusters,
    "s3 buckets": buckets,
    "secrets": secrets,
    "kms keys": keys,
    "log groups": log_groups,
    "private CA": authorities,
    "alarms": alarms,
    "topics": topics,
    "queues": queues,
    "ec2 flow logs": flow_logs,
}
