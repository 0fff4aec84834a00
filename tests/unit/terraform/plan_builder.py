"""Plans for tests, in the form of `terraform show -json`, each a careful one that a test then spoils in one place."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from contracts.model import Result
from orchestrator.plan_check import check_plan
from orchestrator.terraform.plan import Plan, read_plan
from orchestrator.terraform.policy import TerraformPolicy

#: An attribute's value that is known only after apply, with the addresses that it comes from.
Refers = tuple[str, ...]
ACCOUNT = "111122223333"
PASSWORD = "correct horse battery staple"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


class After:
    """A value that is known only after apply.

    Args:
        sources: what it comes from.
        count: None for one value; a number for a list of as many.
    """

    def __init__(self, *sources: str, count: int | None = None) -> None:
        self.sources, self.count = sources, count


def resource(address: str, actions: Iterable[str] = ("create",), **values: Any) -> dict[str, Any]:
    """Return a resource with its values; `After` in them is taken apart when the plan is made."""
    return {"address": address, "actions": list(actions), "values": values, "sensitive": {}}


def policy(*statements: Mapping[str, Any]) -> str:
    """Return a policy as text."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(service: str) -> str:
    """Return a trust policy for a service."""
    return policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}})


def careful() -> dict[str, dict[str, Any]]:
    """Return the resources of a plan in which every contract holds, by address."""
    subnets = [f"aws_subnet.private[{number}]" for number in range(3)]
    listeners = [
        resource(
            f'aws_vpc_security_group_ingress_rule.listener["{port}"]',
            security_group_id=After("aws_security_group.brokers"),
            referenced_security_group_id=After("aws_security_group.clients"),
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
        )
        for port in (9096, 9098)
    ]
    vpc = {
        "security_groups": After("aws_security_group.brokers", count=1),
        "subnets": After(*subnets, count=3),
    }
    made = [
        resource("aws_vpc.main", cidr_block="10.0.0.0/16"),
        *(
            resource(address, vpc_id=After("aws_vpc.main"), availability_zone=zone, map_public_ip_on_launch=False)
            for address, zone in zip(subnets, ZONES, strict=True)
        ),
        resource("aws_route_table.private", vpc_id=After("aws_vpc.main")),
        *(
            resource(
                f"aws_route_table_association.private[{number}]",
                subnet_id=After(address),
                route_table_id=After("aws_route_table.private"),
            )
            for number, address in enumerate(subnets)
        ),
        resource(
            "aws_vpc_endpoint.s3",
            vpc_id=After("aws_vpc.main"),
            service_name="com.amazonaws.us-east-1.s3",
            policy=policy({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::orders/*"}),
        ),
        resource("aws_security_group.clients", name="clients"),
        resource("aws_security_group.brokers", name="brokers"),
        *listeners,
        resource("aws_kms_key.data", description="orders", enable_key_rotation=True),
        resource("aws_s3_bucket.archive", bucket="orders", tags_all={"team": "orders"}),
        resource(
            "aws_s3_bucket_public_access_block.archive",
            bucket=After("aws_s3_bucket.archive"),
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        ),
        resource(
            "aws_s3_bucket_server_side_encryption_configuration.archive",
            bucket=After("aws_s3_bucket.archive"),
            rule=[
                {
                    "apply_server_side_encryption_by_default": [
                        {"sse_algorithm": "aws:kms", "kms_master_key_id": After("aws_kms_key.data")}
                    ]
                }
            ],
        ),
        resource(
            "aws_s3_bucket_versioning.archive",
            bucket=After("aws_s3_bucket.archive"),
            versioning_configuration=[{"status": "Enabled"}],
        ),
        resource(
            "aws_s3_bucket_lifecycle_configuration.archive",
            bucket=After("aws_s3_bucket.archive"),
            rule=[{"id": "expire", "status": "Enabled"}],
        ),
        resource(
            "aws_s3_bucket_policy.archive",
            bucket=After("aws_s3_bucket.archive"),
            policy=policy(
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": ["arn:aws:s3:::orders", "arn:aws:s3:::orders/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ),
        ),
        resource(
            "aws_iam_policy.boundary", name="boundary", policy=policy(_allow("kafka-cluster:*", _topic("orders")))
        ),
        resource(
            "aws_iam_role.connect",
            name="connect",
            assume_role_policy=trust("kafkaconnect.amazonaws.com"),
            permissions_boundary=After("aws_iam_policy.boundary"),
        ),
        resource(
            "aws_iam_role_policy.connect",
            name="cluster",
            role=After("aws_iam_role.connect"),
            policy=policy(_allow("kafka-cluster:ReadData", _topic("orders"))),
        ),
        resource("aws_secretsmanager_secret.user", name="AmazonMSK_orders", kms_key_id=After("aws_kms_key.data")),
        _secret_version(),
        resource("aws_cloudwatch_log_group.brokers", name="/orders/brokers"),
        resource(
            "aws_msk_configuration.main",
            name="orders",
            server_properties=(
                "allow.everyone.if.no.acl.found=false\nauto.create.topics.enable=false\n"
                "default.replication.factor=3\nmin.insync.replicas=2\nunclean.leader.election.enable=false\n"
            ),
        ),
        resource(
            "aws_msk_cluster.main",
            cluster_name="orders",
            kafka_version="3.9.x.kraft",
            number_of_broker_nodes=3,
            enhanced_monitoring="PER_BROKER",
            broker_node_group_info=[
                {
                    "instance_type": "kafka.m7g.large",
                    "client_subnets": After(*subnets, count=3),
                    "security_groups": After("aws_security_group.brokers", count=1),
                    "connectivity_info": [{"public_access": [{"type": "DISABLED"}]}],
                    "storage_info": [{"ebs_storage_info": [{"volume_size": 100}]}],
                }
            ],
            client_authentication=[{"sasl": [{"scram": True, "iam": True}], "unauthenticated": False}],
            configuration_info=[{"arn": After("aws_msk_configuration.main"), "revision": 1}],
            encryption_info=[
                {
                    "encryption_at_rest_kms_key_arn": After("aws_kms_key.data"),
                    "encryption_in_transit": [{"client_broker": "TLS", "in_cluster": True}],
                }
            ],
            logging_info=[{"broker_logs": [{"cloudwatch_logs": [{"enabled": True, "log_group": "/orders/brokers"}]}]}],
        ),
        resource(
            "aws_msk_single_scram_secret_association.user",
            cluster_arn=After("aws_msk_cluster.main"),
            secret_arn=After("aws_secretsmanager_secret.user"),
        ),
        *(
            resource(
                f"aws_appautoscaling_{kind}.storage",
                resource_id=After("aws_msk_cluster.main"),
                scalable_dimension="kafka:broker-storage:VolumeSize",
                service_namespace="kafka",
            )
            for kind in ("target", "policy")
        ),
        resource(
            "aws_mskconnect_custom_plugin.sink",
            name="sink",
            location=[{"s3": [{"file_key": "sink.zip", "object_version": "3sL4kqtJlcpX"}]}],
        ),
        resource(
            "aws_mskconnect_connector.sink",
            name="sink",
            kafka_cluster=[{"apache_kafka_cluster": [{"vpc": [vpc]}]}],
            kafka_cluster_client_authentication=[{"authentication_type": "IAM"}],
            kafka_cluster_encryption_in_transit=[{"encryption_type": "TLS"}],
            log_delivery=[
                {"worker_log_delivery": [{"cloudwatch_logs": [{"enabled": True, "log_group": "/orders/brokers"}]}]}
            ],
            service_execution_role_arn=After("aws_iam_role.connect"),
        ),
    ]
    return {one["address"]: one for one in made}


def _allow(action: str, on: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": on}


def _topic(name: str) -> str:
    return f"arn:aws:kafka:us-east-1:{ACCOUNT}:topic/orders/*/{name}"


def _secret_version() -> dict[str, Any]:
    made = resource(
        "aws_secretsmanager_secret_version.user",
        secret_id=After("aws_secretsmanager_secret.user"),
        secret_string=json.dumps({"username": "orders", "password": PASSWORD}),
    )
    made["sensitive"] = {"secret_string": True}
    return made


def spoil(resources: dict[str, dict[str, Any]], address: str, path: str, value: Any) -> None:
    """Set, or with `...` remove, the value at a dotted path; blocks of which there is one are gone through."""
    *way, last = path.split(".")
    target: Any = resources[address]["values"]
    for name in way:
        target = target[name]
        target = target[0] if isinstance(target, list) else target
    if value is ...:
        target.pop(last, None)
    else:
        target[last] = value


def document(resources: Mapping[str, Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """Return the plan as JSON data."""
    changes, configured = [], {}
    for address, one in resources.items():
        values, unknown, expressions = _apart(copy.deepcopy(one["values"]))
        kind, name = address.split("[", maxsplit=1)[0].split(".")[-2:]
        changes.append(
            {
                "address": address,
                "mode": "managed",
                "type": kind,
                "name": name,
                "change": {
                    "actions": one["actions"],
                    "before": None if one["actions"] == ["create"] else values,
                    "after": None if one["actions"] == ["delete"] else values,
                    "after_unknown": unknown,
                    "after_sensitive": one["sensitive"],
                    "before_sensitive": False if one["actions"] == ["create"] else one["sensitive"],
                },
                **{key: one[key] for key in ("action_reason", "deposed") if key in one},
            }
        )
        plain = address.split("[", maxsplit=1)[0]
        if plain in configured or plain != address:
            # One expression for all instances, as `count.index` and `each.key` make it.
            expressions = json.loads(re.sub(r"\[\d+\]", "", json.dumps(expressions)))
        configured.setdefault(plain, {"address": plain, "type": kind, "expressions": expressions})
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {},
        "resource_changes": changes,
        "configuration": {
            "provider_config": {"aws": {"expressions": {"region": {"constant_value": "us-east-1"}}}},
            "root_module": {"resources": list(configured.values())},
        },
        **more,
    }


def _apart(values: Any) -> tuple[Any, Any, Any]:
    """Take values apart into what is known, the marks of what is not, and the expressions."""
    if isinstance(values, After):
        targets = [f"{source}.id" for source in dict.fromkeys(values.sources)]
        mark = True if values.count is None else [True] * values.count
        return (None if values.count is None else [None] * values.count), mark, {"references": targets}
    if isinstance(values, dict):
        parts = {name: _apart(value) for name, value in values.items()}
        return (
            {name: part[0] for name, part in parts.items() if part[1] is not True},
            {name: part[1] for name, part in parts.items()},
            {name: part[2] for name, part in parts.items()},
        )
    if isinstance(values, list) and values and isinstance(values[0], dict):
        parts = [_apart(value) for value in values]
        return [part[0] for part in parts], [part[1] for part in parts], [part[2] for part in parts]
    return values, False, {"constant_value": values}


def read(content: Mapping[str, Any], directory: Path, name: str = "plan.json") -> Plan:
    """Write a document and read it as `ephk check terraform` does."""
    file = directory / name
    file.write_text(json.dumps(content))
    return read_plan(file)


def results(plan: Plan, policy: TerraformPolicy | None = None) -> dict[str, Result]:
    """Return the result of every contract that applies, by id."""
    report = check_plan(plan, policy or TerraformPolicy(tags=("team",)), name="orders")
    return {result.id: result for result in report.results}
