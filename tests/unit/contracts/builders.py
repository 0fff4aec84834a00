"""Environments and stand-ins for the contracts' unit tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from contracts.access import Access
from orchestrator.environment import (
    Bucket,
    CloudEndpoint,
    Cluster,
    Environment,
    Grant,
    Network,
    Principal,
    Topic,
)

WORDS: dict[str, Any] = {"title": "t", "risk": "r", "statement": "s", "remediation": "m", "documentation": "d"}
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WRITER = Principal(
    name="writer",
    auth="scram",
    kafka_principal="User:writer",
    secret_arn="arn:aws:secretsmanager:us-east-1:1:secret:w",
    grants=(Grant(topic="orders", allow=("produce",)),),
)
READER = Principal(
    name="reader",
    auth="scram",
    kafka_principal="User:reader",
    secret_arn="arn:aws:secretsmanager:us-east-1:1:secret:r",
    grants=(Grant(topic="orders", allow=("consume",), group="readers"),),
)


def environment(**changes: Any) -> Environment:
    fields: dict[str, Any] = {
        "lease_id": "ab12",
        "name": "orders",
        "flavour": "msk",
        "target": "embedded",
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=4),
        "cloud": CloudEndpoint(region="us-east-1", account_id="123456789012"),
        "cluster": Cluster(
            arn="arn:aws:kafka:us-east-1:123456789012:cluster/ab12/x",
            name="ab12",
            kafka_version="4.1.0",
            brokers=3,
            bootstrap={"scram": "localhost:1,localhost:2,localhost:3", "iam": "localhost:4,localhost:5,localhost:6"},
            ca_pem="PEM",
        ),
        "network": Network(
            vpc_id="vpc-1",
            subnet_ids=("subnet-1", "subnet-2"),
            route_table_ids=("rtb-1", "rtb-2"),
            s3_endpoint_id="vpce-1",
            broker_security_group_id="sg-b",
            client_security_group_id="sg-c",
        ),
        "bucket": Bucket(name="data", kms_key_arn="arn:key"),
        "principals": (WRITER, READER),
        "topics": (
            Topic(name="orders", partitions=3, replication_factor=3),
            Topic(name="audit", partitions=1, replication_factor=3),
        ),
        "roles": {"operator": "arn:aws:iam::123456789012:role/operator"},
        "tags": {"ephk:lease": "ab12"},
    }
    return Environment(**(fields | changes))


class FakeAccess:
    """What the runner needs of an access."""

    def __init__(self, of: Environment, hidden: str = "hunter22") -> None:
        self.environment = of
        self._secret = hidden

    def redact(self, value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(self._secret, "***")
        if isinstance(value, list):
            return [self.redact(item) for item in value]
        return {key: self.redact(item) for key, item in value.items()} if isinstance(value, dict) else value


def fake_access(of: Environment) -> Access:
    return cast(Access, FakeAccess(of))
