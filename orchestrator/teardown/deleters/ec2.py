"""EC2: what depends on nothing but the network, and the network itself; the VPC goes last.

Order and refusals: "Delete your VPC" (Amazon VPC User Guide) and DeleteVpc, DeleteSubnet, DeleteSecurityGroup
(Amazon EC2 API Reference).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.aws import AwsSession
from orchestrator.teardown.deleters.model import Deleter, Work, found_or_none, short, tag_map
from orchestrator.teardown.found import Found


def _tags(session: AwsSession, item: Found) -> Mapping[str, str]:
    """Read any EC2 resource's tags by its id."""
    by_id = [{"Name": "resource-id", "Values": [short(item.identifier)]}]
    return tag_map(session.client("ec2").describe_tags(Filters=by_id)["Tags"])


def _by_id(operation: str, parameter: str, *, many: bool = False) -> Callable[[Work, Found], None]:
    """Return the deletion of a type that takes one call."""

    def delete(work: Work, item: Found) -> None:
        identifier = short(item.identifier)
        call = getattr(work.client("ec2"), operation)
        work.retrying(lambda: call(**{parameter: [identifier] if many else identifier}))

    return delete


def _delete_endpoint(work: Work, item: Found) -> None:
    """Delete an endpoint and wait for its network interfaces to go with it: until then they hold the subnets."""
    ec2, endpoint = work.client("ec2"), short(item.identifier)
    work.retrying(lambda: ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint]))

    def gone(seen: Any) -> bool:
        return seen is None or all(one["State"].lower() == "deleted" for one in seen["VpcEndpoints"])

    work.wait(lambda: found_or_none(lambda: ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])), gone)


def _delete_table(work: Work, item: Found) -> None:
    """Take a route table from its subnets, then delete it; a VPC's main table goes with the VPC."""
    ec2, table = work.client("ec2"), short(item.identifier)
    described = found_or_none(lambda: ec2.describe_route_tables(RouteTableIds=[table]))
    for association in (described or {"RouteTables": [{}]})["RouteTables"][0].get("Associations", []):
        if association.get("Main"):
            return
        ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    work.retrying(lambda: ec2.delete_route_table(RouteTableId=table))


def _delete_gateway(work: Work, item: Found) -> None:
    """Detach an internet gateway, which AWS refuses while addresses are mapped, then delete it."""
    ec2, gateway = work.client("ec2"), short(item.identifier)
    described = found_or_none(lambda: ec2.describe_internet_gateways(InternetGatewayIds=[gateway]))
    for attachment in (described or {"InternetGateways": [{}]})["InternetGateways"][0].get("Attachments", []):
        vpc = attachment["VpcId"]
        work.retrying(lambda vpc=vpc: ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc))  # type: ignore[misc]
    work.retrying(lambda: ec2.delete_internet_gateway(InternetGatewayId=gateway))


def _delete_nat(work: Work, item: Found) -> None:
    """Delete a NAT gateway and wait: its interface and address are held until it is `deleted`."""
    ec2, gateway = work.client("ec2"), short(item.identifier)
    ec2.delete_nat_gateway(NatGatewayId=gateway)

    def gone(seen: Any) -> bool:
        return seen is None or all(one["State"] in ("deleted", "failed") for one in seen["NatGateways"])

    work.wait(lambda: found_or_none(lambda: ec2.describe_nat_gateways(NatGatewayIds=[gateway])), gone)


_HOLDS_A_SUBNET = ("kafka:cluster", "ec2:vpc-endpoint", "ec2:natgateway", "ec2:network-interface")

DELETERS = (
    Deleter("ec2:vpc-endpoint", _delete_endpoint, _tags),
    Deleter("ec2:natgateway", _delete_nat, _tags),
    Deleter("ec2:vpc-flow-log", _by_id("delete_flow_logs", "FlowLogIds", many=True), _tags),
    Deleter("ec2:elastic-ip", _by_id("release_address", "AllocationId"), _tags, ("ec2:natgateway",)),
    Deleter("ec2:internet-gateway", _delete_gateway, _tags, ("ec2:natgateway", "ec2:elastic-ip")),
    Deleter("ec2:route-table", _delete_table, _tags, ("ec2:vpc-endpoint",)),
    Deleter("ec2:subnet", _by_id("delete_subnet", "SubnetId"), _tags, (*_HOLDS_A_SUBNET, "ec2:route-table")),
    Deleter("ec2:network-acl", _by_id("delete_network_acl", "NetworkAclId"), _tags, ("ec2:subnet",)),
    Deleter(
        "ec2:vpc",
        _by_id("delete_vpc", "VpcId"),
        _tags,
        ("ec2:subnet", "ec2:security-group", "ec2:route-table", "ec2:internet-gateway", "ec2:network-acl"),
    ),
)
