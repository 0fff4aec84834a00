"""One environment: the composition, and what it exports.

Independent parts are made in parallel. The way to the cluster is short on purpose (network, key, authority,
configuration); the bucket and the roles are made while the brokers start.
"""

from __future__ import annotations

import importlib

import pulumi

from stacks.authority import Authority
from stacks.bucket import Bucket, bucket_arn
from stacks.connect import Connect
from stacks.credentials import Credentials
from stacks.identity import Identity
from stacks.inputs import StackInputs
from stacks.kafka import Kafka
from stacks.keys import Keys
from stacks.network import Network
from stacks.observability import Alarms, FlowLog

#: One class of each of the SDK's packages that the components use.
_CLASSES = {
    "acmpca": "Certificate",
    "cloudwatch": "LogGroup",
    "ec2": "Vpc",
    "iam": "Role",
    "kms": "Key",
    "msk": "Cluster",
    "mskconnect": "Connector",
    "s3": "Bucket",
    "secretsmanager": "Secret",
    "vpc": "SecurityGroupIngressRule",
}


def preload() -> None:
    """Load the SDK's classes, which takes a second; the SDK does it at the first use of each package otherwise."""
    for package, name in _CLASSES.items():
        getattr(importlib.import_module(f"pulumi_aws.{package}"), name)


def deploy(inputs: StackInputs) -> None:
    """Declare the environment's resources and export what the environment object needs.

    Exports: `vpc_id`, `subnet_ids`, `route_table_ids`, `s3_endpoint_id`, `broker_security_group_id`,
    `client_security_group_id`, `bucket_name`, `kms_key_arn`, `cluster_arn`, `cluster_name`, `log_group`, `role_arns`
    (`operator`, `connector`), `principal_role_arns` (by IAM principal), `boundary_arn`, `secret_arns` (by
    SCRAM principal), `certificate_authority_arn` (null without mTLS), `registry_secret_arn` (null without a schema
    registry of the environment's own), `connect` (`log_group`, `security_group_id`,
    and by connector `connector_arns` and `role_arns`; null without Connect), `alarms` (`topic_arn`, `queue_url`; null
    without alarms), `flow_log_id` (null without a flow log). None of them is secret.
    """
    keys = Keys(inputs)
    authority = Authority(inputs) if inputs.mtls else None
    network = Network(inputs, bucket_arn(inputs))
    credentials = Credentials(inputs, keys.key.arn)
    kafka = Kafka(
        inputs,
        subnet_ids=[subnet.id for subnet in network.subnets],
        security_group_id=network.broker_group.id,
        key_arn=keys.key.arn,
        credentials=credentials,
        authority=authority,
    )
    bucket = Bucket(inputs, keys.key.arn)
    identity = Identity(inputs, keys.key.arn)

    connect = None
    if inputs.connect is not None:
        connect = Connect(
            inputs,
            inputs.connect,
            network=network,
            kafka=kafka,
            bucket=bucket,
            identity=identity,
            key_arn=keys.key.arn,
        )

    # Last: nothing waits for it, and brokers are starting meanwhile.
    alarms = Alarms(inputs, inputs.observability.notify) if inputs.observability.alarms else None
    flow_log = FlowLog(inputs, network, bucket) if inputs.observability.flow_logs else None

    pulumi.export("vpc_id", network.vpc.id)
    pulumi.export("subnet_ids", [subnet.id for subnet in network.subnets])
    pulumi.export("route_table_ids", [table.id for table in network.route_tables])
    pulumi.export("s3_endpoint_id", network.s3_endpoint.id)
    pulumi.export("broker_security_group_id", network.broker_group.id)
    pulumi.export("client_security_group_id", network.client_group.id)
    pulumi.export("bucket_name", bucket.bucket.id)
    pulumi.export("kms_key_arn", keys.key.arn)
    pulumi.export("cluster_arn", kafka.cluster.arn)
    pulumi.export("cluster_name", kafka.cluster.cluster_name)
    pulumi.export("log_group", kafka.log_group.name)
    roles = {"operator": identity.operator, "connector": identity.connector}
    pulumi.export("role_arns", {purpose: role.arn for purpose, role in roles.items()})
    pulumi.export("principal_role_arns", {name: role.arn for name, role in identity.principals.items()})
    pulumi.export("boundary_arn", identity.boundary_arn)
    pulumi.export("secret_arns", {name: secret.arn for name, secret in credentials.secrets.items()})
    pulumi.export("certificate_authority_arn", authority.authority.arn if authority else None)
    pulumi.export("connect", connect.exports() if connect else None)
    pulumi.export("alarms", alarms.exports() if alarms else None)
    pulumi.export("flow_log_id", flow_log.flow_log.id if flow_log else None)
    pulumi.export("registry_secret_arn", credentials.registry.arn if credentials.registry else None)
