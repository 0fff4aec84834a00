"""Where workers' packets may go: the brokers' IAM listener, S3, and what the spec declares; nobody reaches them."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_aws import ec2, vpc

from orchestrator.environment import MSK_PORTS
from stacks.connect_secrets import secret_arn
from stacks.inputs import ConnectInputs, EgressInputs, StackInputs
from stacks.network import Network
from stacks.policies import Statement, allow, document
from stacks.tagging import tagged

_HTTPS = 443


class ConnectNetwork(pulumi.ComponentResource):
    """The workers' security group, and interface endpoints of the services that they call.

    Args:
        inputs: the environment.
        connect: its connectors, secrets and declared hosts.
        network: the VPC.
        opts: the parent.
    """

    def __init__(
        self,
        inputs: StackInputs,
        connect: ConnectInputs,
        network: Network,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ephk:stacks:ConnectNetwork", "connect-network", None, opts)
        self._inputs, self._network = inputs, network
        self._name = f"{inputs.prefix}-connect"
        self._own = pulumi.ResourceOptions(parent=self)
        self.group = ec2.SecurityGroup(
            "connect",
            name=self._name,
            description="Connect workers: brokers, S3, declared hosts",
            vpc_id=network.vpc.id,
            tags=tagged(inputs, self._name),
            opts=self._own,
        )
        self._to_brokers()
        self._out("connect-s3", _HTTPS, prefix_list_id=network.s3_endpoint.prefix_list_id)
        #: What must be there before a worker starts, or it would not reach what it needs.
        self.endpoints: list[ec2.VpcEndpoint] = []
        self._endpoint_group: ec2.SecurityGroup | None = None
        self._services: set[str] = set()
        if connect.secrets:
            arns = [secret_arn(inputs, secret) for secret in connect.secrets]
            only_these = allow("OnlyTheseSecrets", ["secretsmanager:GetSecretValue"], arns, principal="*")
            self._interface_endpoint(f"com.amazonaws.{inputs.region}.secretsmanager", only_these)
        for wanted in connect.egress:
            self._declared(wanted)
        self.register_outputs({"group_id": self.group.id})

    def _to_brokers(self) -> None:
        port = MSK_PORTS["iam"]
        brokers = self._network.broker_group.id
        self._out("connect-iam", port, referenced_security_group_id=brokers)
        vpc.SecurityGroupIngressRule(
            "brokers-connect",
            security_group_id=brokers,
            referenced_security_group_id=self.group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=tagged(self._inputs, f"{self._inputs.prefix}-brokers-connect"),
            opts=self._own,
        )

    def _out(self, name: str, port: int, **where: Any) -> None:
        vpc.SecurityGroupEgressRule(
            name,
            security_group_id=self.group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=tagged(self._inputs, f"{self._inputs.prefix}-{name}"),
            opts=self._own,
            **where,
        )

    def _declared(self, wanted: EgressInputs) -> None:
        """Open the one port to the narrowest range that is known of the host."""
        if wanted.service is not None:
            own = {"StringEquals": {"aws:PrincipalAccount": self._inputs.account_id}}
            only_this_account = allow("OnlyThisAccount", ["*"], ["*"], principal="*", condition=own)
            self._interface_endpoint(wanted.service, only_this_account)
        else:
            self._out(f"connect-to-{wanted.name}", wanted.port, cidr_ipv4=wanted.cidr or self._inputs.cidr)

    def _interface_endpoint(self, service: str, statement: Statement) -> None:
        """Have a service's private name resolve to addresses in the workers' subnets; one endpoint for each service."""
        if service in self._services:
            return
        self._services.add(service)
        if self._endpoint_group is None:
            self._endpoint_group = self._group_of_endpoints()
        short = service.rsplit(".", 1)[-1]
        self.endpoints.append(
            ec2.VpcEndpoint(
                f"connect-{short}",
                vpc_id=self._network.vpc.id,
                service_name=service,
                vpc_endpoint_type="Interface",
                subnet_ids=[subnet.id for subnet in self._network.subnets],
                security_group_ids=[self._endpoint_group.id],
                private_dns_enabled=True,
                policy=document(statement),
                tags=tagged(self._inputs, f"{self._name}-{short}"),
                opts=self._own,
            )
        )

    def _group_of_endpoints(self) -> ec2.SecurityGroup:
        name = f"{self._name}-endpoints"
        group = ec2.SecurityGroup(
            "connect-endpoints",
            name=name,
            description="Interface endpoints: HTTPS from Connect workers only",
            vpc_id=self._network.vpc.id,
            tags=tagged(self._inputs, name),
            opts=self._own,
        )
        vpc.SecurityGroupIngressRule(
            "endpoints-connect",
            security_group_id=group.id,
            referenced_security_group_id=self.group.id,
            ip_protocol="tcp",
            from_port=_HTTPS,
            to_port=_HTTPS,
            tags=tagged(self._inputs, f"{name}-https"),
            opts=self._own,
        )
        self._out("connect-endpoints", _HTTPS, referenced_security_group_id=group.id)
        return group
