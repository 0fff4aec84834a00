"""The network: a VPC without a way to the internet, and S3 by a gateway endpoint."""

from __future__ import annotations

import ipaddress

import pulumi
from pulumi_aws import ec2, vpc

from orchestrator.environment import MSK_PORTS, Listener
from stacks.inputs import StackInputs
from stacks.policies import allow, document
from stacks.tagging import tagged


def subnet_ranges(cidr: str, count: int) -> list[str]:
    """Return the first `count` sixteenths of a range: a /16 gives /20s, a /24 gives /28s, AWS's smallest."""
    network = ipaddress.ip_network(cidr)
    return [str(subnet) for subnet in list(network.subnets(prefixlen_diff=4))[:count]]


class Network(pulumi.ComponentResource):
    """VPC, one private subnet and route table in each zone, S3 endpoint, security groups.

    Args:
        inputs: the environment.
        bucket_arn: the only bucket that the endpoint lets through.
        opts: the parent.
    """

    def __init__(self, inputs: StackInputs, bucket_arn: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ephk:stacks:Network", "network", None, opts)
        self._inputs = inputs
        self._own = pulumi.ResourceOptions(parent=self)
        self.vpc = ec2.Vpc(
            "vpc",
            cidr_block=inputs.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=tagged(inputs, inputs.prefix),
            opts=self._own,
        )
        self.subnets: list[ec2.Subnet] = []
        self.route_tables: list[ec2.RouteTable] = []
        for zone, cidr in zip(inputs.zones, subnet_ranges(inputs.cidr, len(inputs.zones)), strict=True):
            self._private_subnet(zone, cidr)
        self.s3_endpoint = self._s3_endpoint(bucket_arn)
        self.broker_group = self._group("brokers", "Kafka brokers: each listener from clients only")
        self.client_group = self._group("clients", "Kafka clients: brokers and S3 only")
        for listener, port in self._ports().items():
            self._listener_rules(listener, port)
        self._s3_rule()
        self.register_outputs({"vpc_id": self.vpc.id})

    def _private_subnet(self, zone: str, cidr: str) -> None:
        name = f"private-{zone}"
        subnet = ec2.Subnet(
            name,
            vpc_id=self.vpc.id,
            cidr_block=cidr,
            availability_zone=zone,
            map_public_ip_on_launch=False,
            tags=tagged(self._inputs, f"{self._inputs.prefix}-{name}"),
            opts=self._own,
        )
        table = ec2.RouteTable(
            name, vpc_id=self.vpc.id, tags=tagged(self._inputs, f"{self._inputs.prefix}-{name}"), opts=self._own
        )
        ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=table.id, opts=self._own)
        self.subnets.append(subnet)
        self.route_tables.append(table)

    def _s3_endpoint(self, bucket_arn: str) -> ec2.VpcEndpoint:
        only_our_bucket = allow("OnlyThisBucket", ["s3:*"], [bucket_arn, f"{bucket_arn}/*"], principal="*")
        return ec2.VpcEndpoint(
            "s3",
            vpc_id=self.vpc.id,
            service_name=f"com.amazonaws.{self._inputs.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in self.route_tables],
            policy=document(only_our_bucket),
            tags=tagged(self._inputs, f"{self._inputs.prefix}-s3"),
            opts=self._own,
        )

    def _group(self, role: str, description: str) -> ec2.SecurityGroup:
        name = f"{self._inputs.prefix}-{role}"
        return ec2.SecurityGroup(
            role,
            name=name,
            description=description,
            vpc_id=self.vpc.id,
            tags=tagged(self._inputs, name),
            opts=self._own,
        )

    def _ports(self) -> dict[Listener, int]:
        wanted: dict[Listener, bool] = {
            "mtls": self._inputs.mtls,
            "scram": self._inputs.scram,
            "iam": self._inputs.iam,
        }
        return {listener: port for listener, port in MSK_PORTS.items() if wanted[listener]}

    def _listener_rules(self, listener: Listener, port: int) -> None:
        """One rule in and one rule out for a listener, between clients and brokers and nobody else."""
        vpc.SecurityGroupIngressRule(
            f"brokers-{listener}",
            security_group_id=self.broker_group.id,
            referenced_security_group_id=self.client_group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=tagged(self._inputs, f"{self._inputs.prefix}-brokers-{listener}"),
            opts=self._own,
        )
        vpc.SecurityGroupEgressRule(
            f"clients-{listener}",
            security_group_id=self.client_group.id,
            referenced_security_group_id=self.broker_group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=tagged(self._inputs, f"{self._inputs.prefix}-clients-{listener}"),
            opts=self._own,
        )

    def _s3_rule(self) -> None:
        vpc.SecurityGroupEgressRule(
            "clients-s3",
            security_group_id=self.client_group.id,
            prefix_list_id=self.s3_endpoint.prefix_list_id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            tags=tagged(self._inputs, f"{self._inputs.prefix}-clients-s3"),
            opts=self._own,
        )
