"""Misconfigurations of the network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.mutation.model import Mutation
from tests.mutation.scene import Scene, allow, changed

Broken = Callable[[Scene], AbstractContextManager[object]]
_LEAST = "network.security-group.least"


def let_in(group: str, cidr: str, port: int) -> Broken:
    """Let a range in on a port, with all tags, so that nothing but the rule is wrong."""
    key, name = ("Ipv6Ranges", "CidrIpv6") if ":" in cidr else ("IpRanges", "CidrIp")

    def rule() -> list[dict[str, Any]]:
        return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, key: [{name: cidr}]}]

    def where(scene: Scene) -> str:
        return getattr(scene.network, f"{group}_security_group_id")

    return changed(
        lambda s: s.aws("ec2").authorize_security_group_ingress(
            GroupId=where(s),
            IpPermissions=rule(),
            TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": s.tag_list()}],
        ),
        lambda s, _: s.aws("ec2").revoke_security_group_ingress(GroupId=where(s), IpPermissions=rule()),
    )


@contextmanager
def listener_closed(scene: Scene) -> Iterator[None]:
    """Take away the rule that lets clients reach the IAM listener."""
    ec2, group = scene.aws("ec2"), scene.network.broker_security_group_id
    pair = [{"GroupId": scene.network.client_security_group_id}]
    rule = [{"IpProtocol": "tcp", "FromPort": 9098, "ToPort": 9098, "UserIdGroupPairs": pair}]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rule)
    try:
        yield
    finally:
        tagged = [{"ResourceType": "security-group-rule", "Tags": scene.tag_list()}]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule, TagSpecifications=tagged)


@contextmanager
def internet_gateway(scene: Scene) -> Iterator[None]:
    """Route a subnet to an internet gateway."""
    ec2 = scene.aws("ec2")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=scene.network.vpc_id)
    where = {"RouteTableId": scene.network.route_table_ids[1], "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.create_route(**where, GatewayId=gateway)
    try:
        yield
    finally:
        ec2.delete_route(**where)
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=scene.network.vpc_id)
        ec2.delete_internet_gateway(InternetGatewayId=gateway)


@contextmanager
def main_table(scene: Scene) -> Iterator[None]:
    """Take a subnet's own route table away: it falls back to the VPC's main one, which has no endpoint."""
    ec2, table = scene.aws("ec2"), scene.network.route_table_ids[2]
    described = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Associations"][0]
    ec2.disassociate_route_table(AssociationId=described["RouteTableAssociationId"])
    try:
        yield
    finally:
        ec2.associate_route_table(RouteTableId=table, SubnetId=described["SubnetId"])


def endpoint(**change: Any) -> Callable[[Scene], object]:
    """Return a change of the S3 endpoint."""
    return lambda s: s.aws("ec2").modify_vpc_endpoint(VpcEndpointId=s.network.s3_endpoint_id, **change)


def endpoint_policy(policy: Callable[[Scene], dict[str, Any]]) -> Broken:
    """Give the S3 endpoint another policy."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        wanted = [scene.network.s3_endpoint_id]
        found = scene.aws("ec2").describe_vpc_endpoints(VpcEndpointIds=wanted)["VpcEndpoints"][0]
        endpoint(PolicyDocument=json.dumps(policy(scene)))(scene)
        try:
            yield
        finally:
            endpoint(PolicyDocument=found["PolicyDocument"])(scene)

    return broken


def nacl_entry(*, egress: bool, low: int, high: int) -> Broken:
    """Put a rule in front of the others of a subnet's network ACL that denies the VPC's own range."""

    def where(scene: Scene) -> dict[str, Any]:
        only = [{"Name": "association.subnet-id", "Values": [scene.network.subnet_ids[0]]}]
        acl = scene.aws("ec2").describe_network_acls(Filters=only)["NetworkAcls"][0]
        return {"NetworkAclId": acl["NetworkAclId"], "RuleNumber": 50, "Egress": egress}

    def deny(scene: Scene) -> object:
        vpc = scene.aws("ec2").describe_vpcs(VpcIds=[scene.network.vpc_id])["Vpcs"][0]
        return scene.aws("ec2").create_network_acl_entry(
            **where(scene),
            Protocol="6",
            RuleAction="deny",
            CidrBlock=vpc["CidrBlock"],
            PortRange={"From": low, "To": high},
        )

    return changed(deny, lambda s, _: s.aws("ec2").delete_network_acl_entry(**where(s)))


def public_addresses(on: bool) -> Callable[..., object]:
    """Return a change of what a subnet gives to machines that are launched in it."""
    return lambda s, *_: s.aws("ec2").modify_subnet_attribute(
        SubnetId=s.network.subnet_ids[0], MapPublicIpOnLaunch={"Value": on}
    )


MUTATIONS = (
    Mutation("sg-world", "brokers' security group opened to the world", let_in("broker", "0.0.0.0/0", 9092), (_LEAST,)),
    Mutation("sg-world-ipv6", "a listener's port opened to ::/0", let_in("broker", "::/0", 9094), (_LEAST,)),
    Mutation(
        "sg-half-the-world", "a listener's port opened to 0.0.0.0/1", let_in("broker", "0.0.0.0/1", 9096), (_LEAST,)
    ),
    Mutation("sg-clients", "clients' security group opened to the world", let_in("client", "0.0.0.0/0", 22), (_LEAST,)),
    Mutation("sg-no-listener", "the IAM listener's rule removed", listener_closed, (_LEAST,)),
    Mutation("igw", "a broker subnet routed to an internet gateway", internet_gateway, ("network.private-subnets",)),
    Mutation(
        "public-addresses",
        "a broker subnet gives public addresses",
        changed(public_addresses(True), public_addresses(False)),
        ("network.private-subnets",),
    ),
    Mutation("main-table", "a subnet's route table taken away", main_table, ("network.route.s3-endpoint",)),
    Mutation(
        "endpoint-detached",
        "the S3 endpoint taken out of a route table",
        changed(
            lambda s: endpoint(RemoveRouteTableIds=[s.network.route_table_ids[0]])(s),
            lambda s, _: endpoint(AddRouteTableIds=[s.network.route_table_ids[0]])(s),
        ),
        ("network.route.s3-endpoint",),
    ),
    Mutation(
        "endpoint-everything",
        "the S3 endpoint's policy allows everything",
        endpoint_policy(lambda _: allow("*", "*", Principal="*")),
        ("network.endpoint.least", "network.endpoint.deny"),
    ),
    Mutation(
        "endpoint-prefix",
        "the S3 endpoint's policy allows every bucket of a prefix",
        endpoint_policy(lambda _: allow("s3:*", "arn:aws:s3:::ephk-*", Principal="*")),
        ("network.endpoint.least", "network.endpoint.deny"),
    ),
    Mutation(
        "endpoint-but-one",
        "the S3 endpoint's policy allows all buckets but one",
        endpoint_policy(
            lambda _: {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "NotResource": "arn:aws:s3:::secret/*"}
                ],
            }
        ),
        ("network.endpoint.least", "network.endpoint.deny"),
    ),
    Mutation(
        "endpoint-reading",
        "the S3 endpoint's policy allows reading alone",
        endpoint_policy(
            lambda s: allow(["s3:GetObject", "s3:ListBucket"], [s.bucket_arn, f"{s.bucket_arn}/*"], Principal="*")
        ),
        ("network.endpoint.allow",),
    ),
    Mutation(
        "nacl-answers",
        "a network ACL drops answers",
        nacl_entry(egress=True, low=1024, high=65535),
        ("network.nacl.listeners",),
    ),
    Mutation(
        "nacl-listener",
        "a network ACL drops a listener's port",
        nacl_entry(egress=False, low=9098, high=9098),
        ("network.nacl.listeners",),
    ),
)
