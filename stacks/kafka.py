"""The Kafka cluster: MSK with TLS everywhere, SCRAM, IAM and mTLS, its configuration, its logs, its SCRAM users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, msk

from stacks.authority import Authority
from stacks.broker_settings import properties_text
from stacks.credentials import Credentials
from stacks.inputs import StackInputs
from stacks.tagging import tagged


class Kafka(pulumi.ComponentResource):
    """Log group, configuration, cluster, SCRAM associations.

    Args:
        inputs: the environment.
        subnet_ids: one for each zone.
        security_group_id: the brokers' security group.
        key_arn: encrypts the brokers' volumes.
        credentials: the SCRAM secrets.
        authority: the mTLS listener's authority; None leaves that listener out.
        opts: the parent.
    """

    def __init__(
        self,
        inputs: StackInputs,
        *,
        subnet_ids: Sequence[pulumi.Input[str]],
        security_group_id: pulumi.Input[str],
        key_arn: pulumi.Input[str],
        credentials: Credentials,
        authority: Authority | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ephk:stacks:Kafka", "kafka", None, opts)
        own = pulumi.ResourceOptions(parent=self)
        log_group_name = f"/ephk/{inputs.lease_id}/brokers"
        self.log_group = cloudwatch.LogGroup(
            "brokers", name=log_group_name, retention_in_days=7, tags=tagged(inputs, log_group_name), opts=own
        )
        self.configuration = msk.Configuration(
            "configuration",
            name=inputs.prefix,
            description=f"Environment {inputs.name} ({inputs.lease_id})",
            kafka_versions=[inputs.brokers.kafka_version],
            server_properties=properties_text(inputs.brokers),
            opts=own,
        )
        # An authority without its certificate is not ACTIVE, and MSK refuses it.
        after_authority = pulumi.ResourceOptions(parent=self, depends_on=[authority.active] if authority else [])
        self.cluster = msk.Cluster(
            "cluster",
            cluster_name=inputs.prefix,
            kafka_version=inputs.brokers.kafka_version,
            number_of_broker_nodes=inputs.brokers.count,
            broker_node_group_info={
                "instance_type": inputs.brokers.instance_type,
                "client_subnets": list(subnet_ids),
                "security_groups": [security_group_id],
                "storage_info": {"ebs_storage_info": {"volume_size": inputs.brokers.storage_gb}},
            },
            client_authentication=_authentication(inputs, authority),
            encryption_info={
                "encryption_at_rest_kms_key_arn": key_arn,
                "encryption_in_transit": {"client_broker": "TLS", "in_cluster": True},
            },
            configuration_info={
                "arn": self.configuration.arn,
                "revision": self.configuration.latest_revision,
            },
            logging_info={"broker_logs": {"cloudwatch_logs": {"enabled": True, "log_group": self.log_group.name}}},
            tags=tagged(inputs, inputs.prefix),
            opts=after_authority,
        )
        for name, secret in credentials.secrets.items():
            # MSK reads the secret when it is associated: its content has to be there.
            after_version = pulumi.ResourceOptions(parent=self, depends_on=[credentials.versions[name]])
            msk.SingleScramSecretAssociation(
                name, cluster_arn=self.cluster.arn, secret_arn=secret.arn, opts=after_version
            )
        self.register_outputs({"cluster_arn": self.cluster.arn})


def _authentication(inputs: StackInputs, authority: Authority | None) -> dict[str, Any]:
    authentication: dict[str, Any] = {"sasl": {"iam": inputs.iam, "scram": inputs.scram}}
    if authority is not None:
        authentication["tls"] = {"certificate_authority_arns": [authority.authority.arn]}
    return authentication
