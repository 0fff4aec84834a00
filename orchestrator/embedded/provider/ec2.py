"""EC2's network: VPC, subnets, route tables and their associations."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from typing import Any

from orchestrator.embedded.provider.call import Call, found, ignoring, removed_tags, tag_list, tag_map
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values

#: What AWS gives a VPC whose creator says nothing ("CreateVpc", Amazon EC2 API Reference).
_VPC_ATTRIBUTES = {"enableDnsSupport": True, "enableDnsHostnames": False}


def tag_specification(kind: str, values: Values) -> list[dict[str, Any]]:
    """Return EC2's `TagSpecifications` for a resource of this kind, empty without tags."""
    return [{"ResourceType": kind, "Tags": tag_list(values["tags"])}] if values.get("tags") else []


def update_tags(call: Call, resource_id: str, olds: Values, news: Values) -> None:
    """Bring the tags of any EC2 resource in line."""
    gone = removed_tags(olds, news)
    if gone:
        call.client("ec2").delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in gone])
    if news.get("tags"):
        call.client("ec2").create_tags(Resources=[resource_id], Tags=tag_list(news["tags"]))


def arn(call: Call, kind: str, resource_id: str) -> str:
    """Return the ARN of an EC2 resource of this account."""
    return f"arn:aws:ec2:{call.region}:{call.account_id}:{kind}/{resource_id}"


# --- VPC ---------------------------------------------------------------------------------------------------------


def _set_vpc_attributes(call: Call, vpc_id: str, olds: Values, news: Values) -> None:
    for name, default in _VPC_ATTRIBUTES.items():
        wanted = news.get(name, default)
        if wanted != olds.get(name, default):
            attribute = name[:1].upper() + name[1:]
            call.client("ec2").modify_vpc_attribute(VpcId=vpc_id, **{attribute: {"Value": wanted}})


def _create_vpc(call: Call, news: Values) -> str:
    answer = call.client("ec2").create_vpc(
        CidrBlock=news["cidrBlock"], TagSpecifications=tag_specification("vpc", news)
    )
    vpc_id = call.created(answer["Vpc"]["VpcId"])
    _set_vpc_attributes(call, vpc_id, {}, news)
    return vpc_id


def _read_vpc(call: Call, vpc_id: str, state: Values) -> Values | None:
    ec2 = call.client("ec2")
    answer = found(["InvalidVpcID.NotFound"], lambda: ec2.describe_vpcs(VpcIds=[vpc_id]))
    if answer is None or not answer["Vpcs"]:
        return None
    vpc = answer["Vpcs"][0]
    seen: Values = {
        "cidrBlock": vpc["CidrBlock"],
        "instanceTenancy": vpc.get("InstanceTenancy", "default"),
        "dhcpOptionsId": vpc.get("DhcpOptionsId"),
        "ownerId": vpc.get("OwnerId", call.account_id),
        "arn": arn(call, "vpc", vpc_id),
        "tags": tag_map(vpc.get("Tags")),
    }
    for name in _VPC_ATTRIBUTES:
        attribute = name[:1].upper() + name[1:]
        seen[name] = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name)[attribute]["Value"]
    return seen


def _update_vpc(call: Call, vpc_id: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    _set_vpc_attributes(call, vpc_id, olds, news)
    if "tags" in changed:
        update_tags(call, vpc_id, olds, news)


def _delete_vpc(call: Call, vpc_id: str, state: Values) -> None:
    with ignoring("InvalidVpcID.NotFound"):
        call.retrying(["DependencyViolation"], lambda: call.client("ec2").delete_vpc(VpcId=vpc_id))


# --- Subnet ------------------------------------------------------------------------------------------------------


def _create_subnet(call: Call, news: Values) -> str:
    ec2 = call.client("ec2")
    where = {"AvailabilityZone": news["availabilityZone"]} if "availabilityZone" in news else {}
    answer = ec2.create_subnet(
        VpcId=news["vpcId"],
        CidrBlock=news["cidrBlock"],
        TagSpecifications=tag_specification("subnet", news),
        **where,
    )
    subnet_id = call.created(answer["Subnet"]["SubnetId"])
    if news.get("mapPublicIpOnLaunch"):
        ec2.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
    return subnet_id


def _read_subnet(call: Call, subnet_id: str, state: Values) -> Values | None:
    ec2 = call.client("ec2")
    answer = found(["InvalidSubnetID.NotFound"], lambda: ec2.describe_subnets(SubnetIds=[subnet_id]))
    if answer is None or not answer["Subnets"]:
        return None
    subnet = answer["Subnets"][0]
    return {
        "vpcId": subnet["VpcId"],
        "cidrBlock": subnet["CidrBlock"],
        "availabilityZone": subnet["AvailabilityZone"],
        "availabilityZoneId": subnet.get("AvailabilityZoneId"),
        "mapPublicIpOnLaunch": bool(subnet.get("MapPublicIpOnLaunch")),
        "ownerId": subnet.get("OwnerId", call.account_id),
        "arn": arn(call, "subnet", subnet_id),
        "tags": tag_map(subnet.get("Tags")),
    }


def _update_subnet(call: Call, subnet_id: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    if "mapPublicIpOnLaunch" in changed:
        wanted = bool(news.get("mapPublicIpOnLaunch", False))
        call.client("ec2").modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": wanted})
    if "tags" in changed:
        update_tags(call, subnet_id, olds, news)


def _delete_subnet(call: Call, subnet_id: str, state: Values) -> None:
    # A cluster's network interfaces linger for a while after the cluster itself is gone.
    with ignoring("InvalidSubnetID.NotFound"):
        call.retrying(["DependencyViolation"], lambda: call.client("ec2").delete_subnet(SubnetId=subnet_id))


# --- Route table -------------------------------------------------------------------------------------------------


def _create_route_table(call: Call, news: Values) -> str:
    answer = call.client("ec2").create_route_table(
        VpcId=news["vpcId"], TagSpecifications=tag_specification("route-table", news)
    )
    return call.created(answer["RouteTable"]["RouteTableId"])


def _read_route_table(call: Call, table_id: str, state: Values) -> Values | None:
    ec2 = call.client("ec2")
    answer = found(["InvalidRouteTableID.NotFound"], lambda: ec2.describe_route_tables(RouteTableIds=[table_id]))
    if answer is None or not answer["RouteTables"]:
        return None
    table = answer["RouteTables"][0]
    return {
        "vpcId": table["VpcId"],
        "ownerId": table.get("OwnerId", call.account_id),
        "arn": arn(call, "route-table", table_id),
        "tags": tag_map(table.get("Tags")),
    }


def _update_tags_only(call: Call, resource_id: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    if "tags" in changed:
        update_tags(call, resource_id, olds, news)


def _delete_route_table(call: Call, table_id: str, state: Values) -> None:
    """Take it from its subnets, then delete it: an engine that was killed may not know of an association."""
    ec2 = call.client("ec2")
    with ignoring("InvalidRouteTableID.NotFound"):
        for table in ec2.describe_route_tables(RouteTableIds=[table_id])["RouteTables"]:
            for association in table.get("Associations", ()):
                if not association.get("Main"):
                    _delete_association(call, association["RouteTableAssociationId"], {})
        call.retrying(["DependencyViolation"], lambda: ec2.delete_route_table(RouteTableId=table_id))


def _create_association(call: Call, news: Values) -> str:
    answer = call.client("ec2").associate_route_table(RouteTableId=news["routeTableId"], SubnetId=news["subnetId"])
    return call.created(answer["AssociationId"])


def _read_association(call: Call, association_id: str, state: Values) -> Values | None:
    answer = call.client("ec2").describe_route_tables(
        Filters=[{"Name": "association.route-table-association-id", "Values": [association_id]}]
    )
    for table in answer["RouteTables"]:
        for association in table.get("Associations", ()):
            if association["RouteTableAssociationId"] == association_id:
                return {"routeTableId": table["RouteTableId"], "subnetId": association["SubnetId"]}
    return None


def _delete_association(call: Call, association_id: str, state: Values) -> None:
    with ignoring("InvalidAssociationID.NotFound"):
        call.client("ec2").disassociate_route_table(AssociationId=association_id)


TYPES = (
    ResourceType(
        "aws:ec2/vpc:Vpc",
        (
            Field("cidrBlock", required=True, replace=True),
            Field("enableDnsHostnames"),
            Field("enableDnsSupport"),
            TAGS,
        ),
        _create_vpc,
        _read_vpc,
        _delete_vpc,
        _update_vpc,
    ),
    ResourceType(
        "aws:ec2/subnet:Subnet",
        (
            Field("vpcId", required=True, replace=True),
            Field("cidrBlock", required=True, replace=True),
            Field("availabilityZone", replace=True),
            Field("mapPublicIpOnLaunch"),
            TAGS,
        ),
        _create_subnet,
        _read_subnet,
        _delete_subnet,
        _update_subnet,
    ),
    ResourceType(
        "aws:ec2/routeTable:RouteTable",
        (Field("vpcId", required=True, replace=True), TAGS),
        _create_route_table,
        _read_route_table,
        _delete_route_table,
        _update_tags_only,
    ),
    ResourceType(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        (Field("routeTableId", required=True, replace=True), Field("subnetId", required=True, replace=True)),
        _create_association,
        _read_association,
        _delete_association,
    ),
)
