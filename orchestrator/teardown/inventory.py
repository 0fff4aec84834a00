"""What of a lease exists in the cloud, asked from the cloud itself and never from our own state.

The tagging API finds what carries the lease's tag; it does not see everything (IAM roles, things that cannot carry a
tag), so services are asked as well, by tag where they filter by tag and by the lease's id in the name where they do
not. Pages are followed to the end. One sweep serves any number of leases: its cost is that of the listings, not of
the leases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.aws import AwsSession
from orchestrator.teardown.found import Found, Inventory, Scope, pairs

Question = Callable[[AwsSession, Scope], Iterator[Found]]


@dataclass(frozen=True)
class Sweep:
    """What one round of questions found, by lease.

    Attributes:
        by_lease: the resources of each lease that has any.
        unanswered: questions that failed, with the reason.
        asked: every question.
    """

    by_lease: dict[str, tuple[Found, ...]]
    unanswered: tuple[str, ...]
    asked: tuple[str, ...]

    def of(self, lease_id: str) -> Inventory:
        """Return the inventory of one lease."""
        return Inventory(self.by_lease.get(lease_id, ()), self.unanswered, self.asked)


def take_inventory(session: AwsSession, lease_id: str) -> Inventory:
    """Ask every question about one lease, concurrently."""
    return sweep(session, [lease_id]).of(lease_id)


def sweep(session: AwsSession, leases: Iterable[str] | None) -> Sweep:
    """Ask every question once, concurrently, about any number of leases.

    Args:
        session: of somebody who may list.
        leases: their ids; None for whatever carries a lease's tag, also of leases that nobody knows any more.
    """
    scope = Scope(leases)
    found: defaultdict[str, set[Found]] = defaultdict(set)
    unanswered: list[str] = []

    def ask(name: str) -> tuple[list[Found], str]:
        try:
            return list(QUESTIONS[name](session, scope)), ""
        except (ClientError, BotoCoreError) as error:
            return [], f"{name}: {error}"

    with ThreadPoolExecutor(max_workers=8) as pool:
        for items, failure in pool.map(ask, QUESTIONS):
            for item in items:
                found[item.lease].add(item)
            if failure:
                unanswered.append(failure)
    confirmed = {
        lease: tuple(sorted(_confirmed(items, all_answered=not unanswered), key=lambda i: (i.kind, i.identifier)))
        for lease, items in found.items()
    }
    return Sweep({lease: items for lease, items in confirmed.items() if items}, tuple(unanswered), tuple(QUESTIONS))


#: Types whose own service filters by tag, so that its answer decides: the tagging API's index lags behind deletions
#: (it is eventually consistent: Resource Groups Tagging API Reference).
_DECIDED_BY_SERVICE = frozenset(
    f"ec2:{kind}" for kind in ("vpc", "subnet", "route-table", "security-group", "security-group-rule", "vpc-endpoint")
)


def _confirmed(found: set[Found], *, all_answered: bool) -> list[Found]:
    """Let services correct what the tagging API alone says, but only when every question was answered."""
    detailed = {_short(item.identifier) for item in found if item.source != "tagging"}
    return [
        item
        for item in found
        if item.source != "tagging"
        or (_short(item.identifier) not in detailed and not (all_answered and item.kind in _DECIDED_BY_SERVICE))
    ]


def _short(identifier: str) -> str:
    """Return the last part of an ARN or id, which both questions share."""
    return identifier.rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def _pages(session: AwsSession, service: str, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    for page in session.client(service).get_paginator(operation).paginate(**arguments):
        yield from page.get(key) or []


#: What the tagging API's ARNs call otherwise than our kinds.
_KINDS = {"s3": "s3:bucket", "sns": "sns:topic", "sqs": "sqs:queue"}


def _tagged(session: AwsSession, scope: Scope) -> Iterator[Found]:
    arguments = {"TagFilters": scope.tagging_filters(), "ResourcesPerPage": 100}
    for item in _pages(session, "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", **arguments):
        arn, carried = str(item["ResourceARN"]), pairs(item.get("Tags"))
        lease = scope.only or scope.of_tags(carried)
        if not lease:
            continue
        service, resource = arn.split(":", 5)[2], arn.split(":", 5)[5]
        kind = resource.split("/", 1)[0].split(":", 1)[0] if "/" in resource or ":" in resource else ""
        name = f"{service}:{kind}" if kind else _KINDS.get(service, service)
        yield Found(name, arn, "tagging", tags=carried, lease=lease)


def _ec2(operation: str, key: str, id_key: str, kind: str, tag_key: str = "Tags") -> Question:
    """Return a question for an EC2 type that can be filtered by tag."""

    def ask(session: AwsSession, scope: Scope) -> Iterator[Found]:
        for item in _pages(session, "ec2", operation, key, Filters=scope.ec2_filters()):
            if item.get("State") in ("deleted", "deleting") and kind == "vpc-endpoint":
                continue
            carried = pairs(item.get(tag_key))
            lease = scope.only or scope.of_tags(carried)
            if lease:
                yield Found(f"ec2:{kind}", str(item[id_key]), f"ec2:{operation}", tags=carried, lease=lease)

    return ask


def _interfaces(session: AwsSession, scope: Scope) -> Iterator[Found]:
    """Find network interfaces in the leases' VPCs: those that services made carry no tag of ours."""
    vpcs = {}
    for vpc in _pages(session, "ec2", "describe_vpcs", "Vpcs", Filters=scope.ec2_filters()):
        vpcs[vpc["VpcId"]] = scope.only or scope.of_tags(pairs(vpc.get("Tags")))
    ids = sorted(vpc for vpc, lease in vpcs.items() if lease)
    for start in range(0, len(ids), 200):
        in_vpc = [{"Name": "vpc-id", "Values": ids[start : start + 200]}]
        for item in _pages(session, "ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=in_vpc):
            yield Found(
                "ec2:network-interface",
                item["NetworkInterfaceId"],
                "ec2:describe_network_interfaces",
                tags=pairs(item.get("TagSet")),
                lease=vpcs.get(item.get("VpcId"), "") or scope.only,
            )


def _named(
    service: str, operation: str, key: str, name_key: str, kind: str, identifier: str = "", **arguments: Any
) -> Question:
    """Return a question for a type that is recognised by the lease's id in its name.

    Args:
        service: as boto3 calls it.
        operation: the paged listing.
        key: where the answer has its items.
        name_key: where an item has its name.
        kind: the type, for `Found.kind`.
        identifier: where an item has what deletes it, when that is not its name.
        arguments: of the listing.
    """

    def ask(session: AwsSession, scope: Scope) -> Iterator[Found]:
        for item in _pages(session, service, operation, key, **arguments):
            lease = scope.of_name(str(item[name_key]))
            if lease:
                carried = pairs(item["Tags"]) if item.get("Tags") and isinstance(item["Tags"], list) else None
                name = str(item[identifier or name_key])
                yield Found(f"{service}:{kind}", name, f"{service}:{operation}", tags=carried, lease=lease)

    return ask


def _roles(session: AwsSession, scope: Scope) -> Iterator[Found]:
    """Find IAM roles: for known leases by name, for whoever's by their tags, which the tagging API does not know."""
    if scope.leases is not None:
        yield from _named("iam", "list_roles", "Roles", "RoleName", "role")(session, scope)
        return
    details = "get_account_authorization_details"
    for role in _pages(session, "iam", details, "RoleDetailList", Filter=["Role"]):
        carried = pairs(role.get("Tags"))
        lease = scope.of_tags(carried)
        if lease:
            yield Found("iam:role", role["RoleName"], f"iam:{details}", tags=carried, lease=lease)


def _buckets(session: AwsSession, scope: Scope) -> Iterator[Found]:
    for bucket in session.client("s3").list_buckets()["Buckets"]:
        lease = scope.of_name(bucket["Name"])
        if lease:
            yield Found("s3:bucket", bucket["Name"], "s3:list_buckets", lease=lease)


def _keys(session: AwsSession, scope: Scope) -> Iterator[Found]:
    """Find the leases' keys; one that is scheduled for deletion is pending, since KMS waits a week at least."""
    kms = session.client("kms")
    by_tag = {"TagFilters": scope.tagging_filters(), "ResourceTypeFilters": ["kms:key"], "ResourcesPerPage": 100}
    for item in _pages(session, "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", **by_tag):
        carried = pairs(item.get("Tags"))
        lease = scope.only or scope.of_tags(carried)
        if not lease:
            continue
        try:
            metadata = kms.describe_key(KeyId=item["ResourceARN"])["KeyMetadata"]
        except kms.exceptions.NotFoundException:  # the index is behind: the key's waiting period has ended
            continue
        pending = f"deleted on {metadata['DeletionDate']:%Y-%m-%d}" if metadata["KeyState"] == "PendingDeletion" else ""
        yield Found("kms:key", item["ResourceARN"], "kms:describe_key", pending, carried, lease)


def _clusters(session: AwsSession, scope: Scope) -> Iterator[Found]:
    for item in _pages(session, "kafka", "list_clusters_v2", "ClusterInfoList"):
        carried = tuple(sorted((item.get("Tags") or {}).items()))
        lease = scope.of_tags(carried) or scope.of_name(item["ClusterName"])
        if lease:
            yield Found("kafka:cluster", item["ClusterArn"], "kafka:list_clusters_v2", tags=carried, lease=lease)


def _authorities(session: AwsSession, scope: Scope) -> Iterator[Found]:
    """Find the leases' private CAs; a deleted one is pending, since it can be restored for seven days at least.

    ListTags is refused in some states (AWS Private CA API Reference, "ListTags", InvalidStateException), and one
    authority in such a state, whoever's it is, must not leave the question open: there its subject's name tells.
    """
    client = session.client("acm-pca")
    for item in _pages(session, "acm-pca", "list_certificate_authorities", "CertificateAuthorities"):
        carried: tuple[tuple[str, str], ...] | None
        try:
            carried = pairs(client.list_tags(CertificateAuthorityArn=item["Arn"])["Tags"])
        except client.exceptions.ResourceNotFoundException:  # it went between the two calls
            continue
        except client.exceptions.InvalidStateException:
            carried = None
        subject = item.get("CertificateAuthorityConfiguration", {}).get("Subject", {})
        lease = scope.of_tags(carried) or scope.of_name(subject.get("CommonName", ""))
        if lease:
            pending = "deleted, restorable until its waiting period ends" if item["Status"] == "DELETED" else ""
            yield Found(
                "acm-pca:certificate-authority",
                item["Arn"],
                "acm-pca:list_certificate_authorities",
                pending,
                carried,
                lease,
            )


def _connect(operation: str, key: str, arn_key: str, name_key: str, kind: str) -> Question:
    """Return a question for a type of MSK Connect, recognised by the lease's id in its name."""

    def ask(session: AwsSession, scope: Scope) -> Iterator[Found]:
        for item in _pages(session, "kafkaconnect", operation, key):
            lease = scope.of_name(item[name_key])
            if lease:
                yield Found(f"kafkaconnect:{kind}", str(item[arn_key]), f"kafkaconnect:{operation}", lease=lease)

    return ask


def _flow_logs(session: AwsSession, scope: Scope) -> Iterator[Found]:
    """Find flow logs by their tags; moto and older regions do not filter them by tag, so the tags are read here."""
    for item in _pages(session, "ec2", "describe_flow_logs", "FlowLogs"):
        carried = pairs(item.get("Tags"))
        if lease := scope.of_tags(carried):
            yield Found("ec2:vpc-flow-log", item["FlowLogId"], "ec2:describe_flow_logs", tags=carried, lease=lease)


def _queues(session: AwsSession, scope: Scope) -> Iterator[Found]:
    """Find SQS queues by the lease's id in their names; the listing has URLs alone."""
    for url in _pages(session, "sqs", "list_queues", "QueueUrls"):
        if lease := scope.of_name(str(url)):
            yield Found("sqs:queue", str(url), "sqs:list_queues", lease=lease)


#: Every question of an inventory, by name.
QUESTIONS: dict[str, Question] = {
    "tagging": _tagged,
    "ec2 vpcs": _ec2("describe_vpcs", "Vpcs", "VpcId", "vpc"),
    "ec2 subnets": _ec2("describe_subnets", "Subnets", "SubnetId", "subnet"),
    "ec2 route tables": _ec2("describe_route_tables", "RouteTables", "RouteTableId", "route-table"),
    "ec2 security groups": _ec2("describe_security_groups", "SecurityGroups", "GroupId", "security-group"),
    "ec2 security group rules": _ec2(
        "describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId", "security-group-rule"
    ),
    "ec2 endpoints": _ec2("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", "vpc-endpoint"),
    "ec2 network interfaces": _interfaces,
    "iam roles": _roles,
    "iam policies": _named("iam", "list_policies", "Policies", "PolicyName", "policy", "Arn", Scope="Local"),
    "kafka clusters": _clusters,
    "kafka configurations": _named("kafka", "list_configurations", "Configurations", "Name", "configuration", "Arn"),
    "s3 buckets": _buckets,
    "secrets": _named("secretsmanager", "list_secrets", "SecretList", "Name", "secret", "ARN"),
    "kms keys": _keys,
    "kms aliases": _named("kms", "list_aliases", "Aliases", "AliasName", "alias"),
    "log groups": _named("logs", "describe_log_groups", "logGroups", "logGroupName", "log-group"),
    "alarms": _named("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName", "alarm"),
    "topics": _named("sns", "list_topics", "Topics", "TopicArn", "topic"),
    "queues": _queues,
    "ec2 flow logs": _flow_logs,
    "certificate authorities": _authorities,
    "connectors": _connect("list_connectors", "connectors", "connectorArn", "connectorName", "connector"),
    "connect plugins": _connect("list_custom_plugins", "customPlugins", "customPluginArn", "name", "custom-plugin"),
    "connect worker configurations": _connect(
        "list_worker_configurations", "workerConfigurations", "workerConfigurationArn", "name", "worker-configuration"
    ),
}

__all__ = ["QUESTIONS", "Found", "Inventory", "Question", "Scope", "Sweep", "sweep", "take_inventory"]
