"""Kafka Connect by MSK Connect: plugins, a worker configuration, and for each connector a role of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, iam, mskconnect, s3

from orchestrator.connect_spec import PLACEHOLDER
from stacks.bucket import Bucket, bucket_arn, bucket_name
from stacks.connect_network import ConnectNetwork
from stacks.connect_secrets import ConnectSecrets, read_statements
from stacks.identity import Identity
from stacks.inputs import ConnectInputs, ConnectorInputs, PluginInputs, StackInputs
from stacks.kafka import Kafka
from stacks.mirror import mirror_statements
from stacks.network import Network
from stacks.policies import KafkaArns, Statement, allow
from stacks.tagging import tagged

SERVICE = "kafkaconnect.amazonaws.com"
#: MSK Connect offers 2.7.1 and 3.7.x.
_VERSION = "3.7.x"
#: Names of MSK Connect's internal topics and groups ("Understand service execution role", Amazon MSK Developer Guide).
_INTERNAL = "__amazon_msk_connect_*"
#: Topics are the operator's to make: a connector that could would need more than its own grant.
_WORKER_DEFAULTS = {
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    "topic.creation.enable": "false",
}


def execution_statements(
    inputs: StackInputs, connector: ConnectorInputs, key_arn: pulumi.Input[str]
) -> list[Statement]:
    """Return what a connector's role needs: the workers' own topics and groups, its topics, its part of the bucket."""
    arns, bucket = KafkaArns(inputs), bucket_arn(inputs)
    topic_actions = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData", "kafka-cluster:WriteData"]
    cluster_actions = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster", "kafka-cluster:WriteDataIdempotently"]
    group_actions = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
    statements = [
        allow("Cluster", cluster_actions, [arns.cluster]),
        allow("Internal", ["kafka-cluster:CreateTopic", *topic_actions], [arns.topic(_INTERNAL)]),
        allow("Groups", group_actions, [arns.group(_INTERNAL), arns.group(f"connect-{full_name(inputs, connector)}*")]),
    ]
    for sid, topics, action in (("Read", connector.consumes, "ReadData"), ("Write", connector.produces, "WriteData")):
        if topics:
            actions = ["kafka-cluster:DescribeTopic", f"kafka-cluster:{action}"]
            statements.append(allow(sid, actions, [arns.topic(topic) for topic in topics]))
    if connector.link is not None:
        statements += mirror_statements(inputs, connector.link)
    if connector.bucket_prefix is not None:
        objects = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
        via = f"s3.{inputs.region}.amazonaws.com"
        statements += [
            allow("Objects", objects, [f"{bucket}/{connector.bucket_prefix}*"]),
            allow(
                "List",
                ["s3:ListBucket"],
                [bucket],
                condition={"StringLike": {"s3:prefix": f"{connector.bucket_prefix}*"}},
            ),
            allow(
                "Key",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                [key_arn],
                condition={"StringEquals": {"kms:ViaService": via}},
            ),
        ]
    return statements


def full_name(inputs: StackInputs, connector: ConnectorInputs) -> str:
    """Return the connector's name in the account; a sink's consumer group is `connect-` and this."""
    return f"{inputs.prefix}-{connector.name}"


class Connect(pulumi.ComponentResource):
    """Security group, log group, plugins and connectors.

    Args:
        inputs: the environment.
        connect: its connectors.
        network: where workers get their interfaces.
        kafka: the cluster.
        bucket: where plugins are put.
        identity: makes roles under the boundary.
        key_arn: the environment's key.
        opts: the parent.
    """

    def __init__(
        self,
        inputs: StackInputs,
        connect: ConnectInputs,
        *,
        network: Network,
        kafka: Kafka,
        bucket: Bucket,
        identity: Identity,
        key_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ephk:stacks:Connect", "connect", None, opts)
        self._inputs, self._connect, self._kafka, self._network = inputs, connect, kafka, network
        self._own = pulumi.ResourceOptions(parent=self)
        self._ways = ConnectNetwork(inputs, connect, network, opts=self._own)
        self.group = self._ways.group
        self._secrets = ConnectSecrets(inputs, connect, key_arn, opts=self._own)
        log_group_name = f"/ephk/{inputs.lease_id}/connect"
        self.log_group = cloudwatch.LogGroup(
            "connect", name=log_group_name, retention_in_days=7, tags=tagged(inputs, log_group_name), opts=self._own
        )
        self.worker_configuration = self._worker_configuration("workers", {})
        # Workers whose plugin has no provider would not start with this one.
        self.resolving_configuration = (
            self._worker_configuration("workers-secrets", connect.provider_properties)
            if any(connector.resolves for connector in connect.connectors)
            else self.worker_configuration
        )
        self.plugins = {plugin.name: self._plugin(plugin, bucket) for plugin in connect.plugins}
        self.roles: dict[str, iam.Role] = {}
        self.connectors: dict[str, mskconnect.Connector] = {}
        for connector in connect.connectors:
            readable = [secret for secret in connect.secrets if secret.name in connector.secrets]
            statements = execution_statements(inputs, connector, key_arn) + read_statements(inputs, readable, key_arn)
            role, policy = identity.service_role(
                f"connect-{connector.name}", f"Runs connector {connector.name}", statements, SERVICE
            )
            self.roles[connector.name] = role
            self.connectors[connector.name] = self._connector(connector, role, policy, bucket, key_arn)
        self.register_outputs({})

    def exports(self) -> dict[str, Any]:
        """Return what the environment object needs."""
        return {
            "log_group": self.log_group.name,
            "security_group_id": self.group.id,
            "connector_arns": {name: connector.arn for name, connector in self.connectors.items()},
            "role_arns": {name: role.arn for name, role in self.roles.items()},
        }

    def _worker_configuration(self, purpose: str, more: Mapping[str, str]) -> mskconnect.WorkerConfiguration:
        properties = {**_WORKER_DEFAULTS, **self._connect.worker_properties, **more}
        name = f"{self._inputs.prefix}-{purpose}"
        return mskconnect.WorkerConfiguration(
            purpose,
            name=name,
            description=f"Environment {self._inputs.name} ({self._inputs.lease_id})",
            properties_file_content="".join(f"{key}={value}\n" for key, value in sorted(properties.items())),
            tags=tagged(self._inputs, name),
            opts=self._own,
        )

    def _plugin(self, plugin: PluginInputs, bucket: Bucket) -> mskconnect.CustomPlugin:
        """MSK Connect cannot change a plugin: another content is another object and another plugin."""
        location: dict[str, pulumi.Input[str]]
        if plugin.archive is None:
            mark = "s3"
            location = {"bucket_arn": f"arn:aws:s3:::{plugin.bucket}", "file_key": plugin.key or ""}
        else:
            mark = plugin.sha256[:12]
            key = f"plugins/{plugin.name}-{mark}.{plugin.content_type.lower()}"
            # The bucket's settings first: an object is encrypted as the bucket says when it is put.
            after_settings = pulumi.ResourceOptions(parent=self, depends_on=[bucket])
            stored = s3.BucketObjectv2(
                f"plugin-{plugin.name}",
                bucket=bucket.bucket.id,
                key=key,
                source=pulumi.FileAsset(str(plugin.archive)),
                content_type="application/java-archive" if plugin.content_type == "JAR" else "application/zip",
                tags=tagged(self._inputs, f"{self._inputs.prefix}-{plugin.name}"),
                opts=after_settings,
            )
            location = {"bucket_arn": bucket.bucket.arn, "file_key": key, "object_version": stored.version_id}
        name = f"{self._inputs.prefix}-{plugin.name}-{mark}"
        return mskconnect.CustomPlugin(
            plugin.name,
            name=name,
            content_type=plugin.content_type,
            location={"s3": location},
            tags=tagged(self._inputs, name),
            opts=self._own,
        )

    def _connector(
        self,
        connector: ConnectorInputs,
        role: iam.Role,
        policy: iam.RolePolicy,
        bucket: Bucket,
        key_arn: pulumi.Input[str],
    ) -> mskconnect.Connector:
        inputs, plugin = self._inputs, self.plugins[connector.plugin]
        name = full_name(inputs, connector)
        worker = self.resolving_configuration if connector.resolves else self.worker_configuration
        return mskconnect.Connector(
            connector.name,
            name=name,
            kafkaconnect_version=_VERSION,
            capacity={"provisioned_capacity": {"mcu_count": 1, "worker_count": connector.workers}},
            connector_configuration={
                "tasks.max": str(connector.tasks),
                **{key: self._filled_in(text, key_arn) for key, text in connector.config.items()},
            },
            kafka_cluster={
                "apache_kafka_cluster": {
                    "bootstrap_servers": self._kafka.cluster.bootstrap_brokers_sasl_iam,
                    "vpc": {
                        "security_groups": [self.group.id],
                        "subnets": [subnet.id for subnet in self._network.subnets],
                    },
                }
            },
            kafka_cluster_client_authentication={"authentication_type": "IAM"},
            kafka_cluster_encryption_in_transit={"encryption_type": "TLS"},
            log_delivery={
                "worker_log_delivery": {"cloudwatch_logs": {"enabled": True, "log_group": self.log_group.name}}
            },
            plugins=[{"custom_plugin": {"arn": plugin.arn, "revision": plugin.latest_revision}}],
            service_execution_role_arn=role.arn,
            worker_configuration={"arn": worker.arn, "revision": worker.latest_revision},
            tags=tagged(inputs, name),
            # Brokers refuse a role without its policy, and a bucket without its settings takes plain objects.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[policy, bucket, *self._secrets.versions, *self._ways.endpoints]
            ),
        )

    def _filled_in(self, text: str, key_arn: pulumi.Input[str]) -> pulumi.Input[str]:
        """Fill in what `${ephk:NAME}` stands for."""
        if "${ephk:" not in text:
            return text
        inputs = self._inputs

        def fill(known: list[str]) -> str:
            values = {
                "account_id": inputs.account_id,
                "bootstrap": known[1],
                "bucket": bucket_name(inputs),
                "kms_key_arn": known[0],
                "lease": inputs.lease_id,
                "region": inputs.region,
            }
            return PLACEHOLDER.sub(lambda found: values[found[1]], text)

        return pulumi.Output.all(key_arn, self._kafka.cluster.bootstrap_brokers_sasl_iam).apply(fill)
