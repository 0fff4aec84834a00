"""What of a lease exists in the cloud, asked from the cloud itself and never from our own state.

The tagging API finds what carries the lease's tag; it does not see everything (IAM, endpoints, things that cannot
carry a tag), so services are asked as well, by tag where they filter by tag and by the lease's id in the name
where they do not. Pages are followed to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator import tags
from orchestrator.aws import AwsSession


@dataclass(frozen=True, order=True)
class Found:
    """One resource that an inventory found.

    Attributes:
        kind: service and type, for example `ec2:subnet`.
        identifier: ARN, id or name, as the service calls it.
        source: which question found it.
        pending: why it does not count as left (a key that is scheduled for deletion), else empty.
        tags: the tags it carries; None when the question does not tell.
    """

    kind: str
    identifier: str
    source: str
    pending: str = ""
    tags: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True)
class Inventory:
    """What was found, and which questions could not be asked.

    Attributes:
        found: every resource of the lease, sorted.
        unanswered: questions that failed, with the reason: unknown is not empty.
        asked: every question.
    """

    found: tuple[Found, ...]
    unanswered: tuple[str, ...]
    asked: tuple[str, ...]

    @property
    def left(self) -> tuple[Found, ...]:
        """What counts as left behind."""
        return tuple(item for item in self.found if not item.pending)

    @property
    def pending(self) -> tuple[Found, ...]:
        """What the cloud deletes by itself after its own waiting period."""
        return tuple(item for item in self.found if item.pending)


Question = Callable[[AwsSession, str], Iterator[Found]]


def take_inventory(session: AwsSession, lease_id: str) -> Inventory:
    """Ask every question about one lease, concurrently."""
    found: set[Found] = set()
    unanswered: list[str] = []

    def ask(name: str) -> tuple[list[Found], str]:
        try:
            return list(QUESTIONS[name](session, lease_id)), ""
        except (ClientError, BotoCoreError) as error:
            return [], f"{name}: {error}"

    with ThreadPoolExecutor(max_workers=8) as pool:
        for items, failure in pool.map(ask, QUESTIONS):
            found.update(items)
            if failure:
                unanswered.append(failure)
    return Inventory(
        tuple(sorted(_confirmed(found, all_answered=not unanswered), key=lambda item: (item.kind, item.identifier))),
        tuple(unanswered),
        tuple(QUESTIONS),
    )


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


def _pairs(items: list[dict[str, str]] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((item["Key"], item["Value"]) for item in items or []))


def _tagged(session: AwsSession, lease_id: str) -> Iterator[Found]:
    arguments = {"TagFilters": [{"Key": tags.LEASE, "Values": [lease_id]}]}
    for item in _pages(session, "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", **arguments):
        arn = str(item["ResourceARN"])
        service, resource = arn.split(":", 5)[2], arn.split(":", 5)[5]
        kind = resource.split("/", 1)[0].split(":", 1)[0] if "/" in resource or ":" in resource else ""
        yield Found(f"{service}:{kind}" if kind else service, arn, "tagging", tags=_pairs(item.get("Tags")))


def _ec2(operation: str, key: str, id_key: str, kind: str, tag_key: str = "Tags") -> Question:
    """Return a question for an EC2 type that can be filtered by tag."""

    def ask(session: AwsSession, lease_id: str) -> Iterator[Found]:
        by_tag = [{"Name": f"tag:{tags.LEASE}", "Values": [lease_id]}]
        for item in _pages(session, "ec2", operation, key, Filters=by_tag):
            if item.get("State") in ("deleted", "deleting") and kind == "vpc-endpoint":
                continue
            yield Found(f"ec2:{kind}", str(item[id_key]), f"ec2:{operation}", tags=_pairs(item.get(tag_key)))

    return ask


def _interfaces(session: AwsSession, lease_id: str) -> Iterator[Found]:
    """Find network interfaces in the lease's VPC: those that services made carry no tag of ours."""
    by_tag = [{"Name": f"tag:{tags.LEASE}", "Values": [lease_id]}]
    vpcs = [vpc["VpcId"] for vpc in _pages(session, "ec2", "describe_vpcs", "Vpcs", Filters=by_tag)]
    if not vpcs:
        return
    in_vpc = [{"Name": "vpc-id", "Values": vpcs}]
    for item in _pages(session, "ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=in_vpc):
        yield Found("ec2:network-interface", item["NetworkInterfaceId"], "ec2:describe_network_interfaces")


def _named(service: str, operation: str, key: str, name_key: str, kind: str, **arguments: Any) -> Question:
    """Return a question for a type that is recognised by the lease's id in its name."""

    def ask(session: AwsSession, lease_id: str) -> Iterator[Found]:
        for item in _pages(session, service, operation, key, **arguments):
            name = str(item[name_key])
            if lease_id in name:
                yield Found(f"{service}:{kind}", name, f"{service}:{operation}")

    return ask


def _buckets(session: AwsSession, lease_id: str) -> Iterator[Found]:
    for bucket in session.client("s3").list_buckets()["Buckets"]:
        if lease_id in bucket["Name"]:
            yield Found("s3:bucket", bucket["Name"], "s3:list_buckets")


def _keys(session: AwsSession, lease_id: str) -> Iterator[Found]:
    """Find the lease's keys; one that is scheduled for deletion is pending, since KMS waits a week at least."""
    kms = session.client("kms")
    by_tag = {"TagFilters": [{"Key": tags.LEASE, "Values": [lease_id]}], "ResourceTypeFilters": ["kms:key"]}
    for item in _pages(session, "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", **by_tag):
        metadata = kms.describe_key(KeyId=item["ResourceARN"])["KeyMetadata"]
        pending = f"deleted on {metadata['DeletionDate']:%Y-%m-%d}" if metadata["KeyState"] == "PendingDeletion" else ""
        yield Found("kms:key", item["ResourceARN"], "kms:describe_key", pending, _pairs(item.get("Tags")))


def _clusters(session: AwsSession, lease_id: str) -> Iterator[Found]:
    for item in _pages(session, "kafka", "list_clusters_v2", "ClusterInfoList"):
        if lease_id in item["ClusterName"]:
            yield Found(
                "kafka:cluster",
                item["ClusterArn"],
                "kafka:list_clusters_v2",
                tags=tuple(sorted((item.get("Tags") or {}).items())),
            )


def _authorities(session: AwsSession, lease_id: str) -> Iterator[Found]:
    """Find the lease's private CAs; a deleted one is pending, since it can be restored for seven days at least."""
    client = session.client("acm-pca")
    for item in _pages(session, "acm-pca", "list_certificate_authorities", "CertificateAuthorities"):
        answer = client.list_tags(CertificateAuthorityArn=item["Arn"])["Tags"]
        if {"Key": tags.LEASE, "Value": lease_id} in answer:
            pending = "deleted, restorable until its waiting period ends" if item["Status"] == "DELETED" else ""
            yield Found(
                "acm-pca:certificate-authority",
                item["Arn"],
                "acm-pca:list_certificate_authorities",
                pending,
                _pairs(answer),
            )


def _connect(operation: str, key: str, arn_key: str, name_key: str, kind: str) -> Question:
    """Return a question for a type of MSK Connect, recognised by the lease's id in its name."""

    def ask(session: AwsSession, lease_id: str) -> Iterator[Found]:
        for item in _pages(session, "kafkaconnect", operation, key):
            if lease_id in item[name_key]:
                yield Found(f"kafkaconnect:{kind}", str(item[arn_key]), f"kafkaconnect:{operation}")

    return ask


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
    "iam roles": _named("iam", "list_roles", "Roles", "RoleName", "role"),
    "iam policies": _named("iam", "list_policies", "Policies", "PolicyName", "policy", Scope="Local"),
    "kafka clusters": _clusters,
    "kafka configurations": _named("kafka", "list_configurations", "Configurations", "Name", "configuration"),
    "s3 buckets": _buckets,
    "secrets": _named("secretsmanager", "list_secrets", "SecretList", "Name", "secret"),
    "kms keys": _keys,
    "kms aliases": _named("kms", "list_aliases", "Aliases", "AliasName", "alias"),
    "log groups": _named("logs", "describe_log_groups", "logGroups", "logGroupName", "log-group"),
    "certificate authorities": _authorities,
    "connectors": _connect("list_connectors", "connectors", "connectorArn", "connectorName", "connector"),
    "connect plugins": _connect("list_custom_plugins", "customPlugins", "customPluginArn", "name", "custom-plugin"),
    "connect worker configurations": _connect(
        "list_worker_configurations", "workerConfigurations", "workerConfigurationArn", "name", "worker-configuration"
    ),
}
