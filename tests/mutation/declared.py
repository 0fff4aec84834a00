"""The environment that mutations are declared for, as its spec has it: no cloud is asked."""

from __future__ import annotations

import functools
from pathlib import Path

from orchestrator import describe
from orchestrator.environment import AlarmRouting, Bucket, CloudEndpoint, Cluster, Environment, Network
from orchestrator.spec import EnvironmentSpec
from orchestrator.spec_loading import load_spec
from stacks.broker_settings import server_properties
from tests.unit.contracts.builders import NOW

SPEC = Path(__file__).parents[2] / "examples" / "orders.yaml"
ACCOUNT, REGION, LEASE = "123456789012", "us-east-1", "abcd2345"


def role(purpose: str) -> str:
    """Return a role's ARN."""
    return f"arn:aws:iam::{ACCOUNT}:role/ephk-{LEASE}-{purpose}"


@functools.cache
def declared_environment() -> Environment:
    """Return `examples/orders.yaml` as an environment; its contracts have the ids that a real one's have."""
    spec: EnvironmentSpec = load_spec(SPEC)
    by_auth = {auth: [p.name for p in spec.principals if p.auth == auth] for auth in ("scram", "iam", "mtls")}
    principals = describe.principals(
        spec,
        secret_arns={
            n: f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:AmazonMSK_{LEASE}_{n}" for n in by_auth["scram"]
        },
        principal_role_arns={name: role(f"client-{name}") for name in by_auth["iam"]},
    )
    return Environment(
        lease_id=LEASE,
        name=spec.name,
        flavour=spec.flavour,
        target="embedded",
        created_at=NOW,
        expires_at=NOW,
        cloud=CloudEndpoint(region=REGION, account_id=ACCOUNT),
        cluster=Cluster(
            arn=f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/ephk-{LEASE}/x",
            name=f"ephk-{LEASE}",
            kafka_version=spec.brokers.kafka_version,
            brokers=spec.brokers.count,
            bootstrap={"scram": "localhost:1", "iam": "localhost:2", "mtls": "localhost:3"},
            certificate_authority_arn="arn:authority",
            settings=server_properties(describe.broker_inputs(spec)),
        ),
        network=Network(
            vpc_id="vpc-1",
            subnet_ids=("subnet-1",),
            route_table_ids=("rtb-1",),
            s3_endpoint_id="vpce-1",
            broker_security_group_id="sg-b",
            client_security_group_id="sg-c",
        ),
        bucket=Bucket(name="data", kms_key_arn="arn:key"),
        principals=principals,
        topics=describe.topics(spec),
        roles={"operator": role("operator"), "connector": role("connector")},
        boundary_arn="arn:boundary",
        log_group="/ephk/brokers",
        alarms=AlarmRouting(topic_arn="arn:topic", queue_url="https://queue"),
        flow_log_id="fl-1",
        tags={"ephk:lease": LEASE},
    )
