"""EC2's endpoints: the way from a private subnet to S3 (gateway) and to other services (interface)."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from typing import Any

from orchestrator.embedded.provider.call import Call, found, ignoring, tag_map
from orchestrator.embedded.provider.ec2 import arn, tag_specification, update_tags
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values


def _create_endpoint(call: Call, news: Values) -> str:
    ec2 = call.client("ec2")
    policy = {"PolicyDocument": news["policy"]} if "policy" in news else {}
    kind = news.get("vpcEndpointType", "Gateway")
    where = {
        "SubnetIds": news.get("subnetIds", []),
        "SecurityGroupIds": news.get("securityGroupIds", []),
        "PrivateDnsEnabled": bool(news.get("privateDnsEnabled", False)),
    }
    answer = ec2.create_vpc_endpoint(
        VpcId=news["vpcId"],
        ServiceName=news["serviceName"],
        VpcEndpointType=kind,
        TagSpecifications=tag_specification("vpc-endpoint", news),
        **(where if kind == "Interface" else {"RouteTableIds": news.get("routeTableIds", [])}),
        **policy,
    )
    endpoint_id: str = call.created(answer["VpcEndpoint"]["VpcEndpointId"])
    call.wait(
        lambda: _describe_endpoint(call, endpoint_id),
        lambda seen: seen is not None and seen["State"].lower() == "available",
        f"endpoint {endpoint_id} becoming available",
    )
    return endpoint_id


def _describe_endpoint(call: Call, endpoint_id: str) -> Any:
    ec2 = call.client("ec2")
    codes = ["InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"]
    answer = found(codes, lambda: ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id]))
    if answer is None or not answer["VpcEndpoints"]:
        return None
    endpoint = answer["VpcEndpoints"][0]
    return None if endpoint["State"].lower() in {"deleted", "deleting"} else endpoint


def _read_endpoint(call: Call, endpoint_id: str, state: Values) -> Values | None:
    endpoint = _describe_endpoint(call, endpoint_id)
    if endpoint is None:
        return None
    name = endpoint["ServiceName"]
    lists = call.client("ec2").describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [name]}])
    prefix: Values = next((item for item in lists["PrefixLists"] if item["PrefixListName"] == name), {})
    return {
        "vpcId": endpoint["VpcId"],
        "serviceName": name,
        "vpcEndpointType": endpoint["VpcEndpointType"],
        "policy": endpoint.get("PolicyDocument"),
        "routeTableIds": list(endpoint.get("RouteTableIds", [])),
        "subnetIds": list(endpoint.get("SubnetIds", [])),
        "securityGroupIds": [group["GroupId"] for group in endpoint.get("Groups", [])],
        "privateDnsEnabled": bool(endpoint.get("PrivateDnsEnabled", False)),
        "prefixListId": prefix.get("PrefixListId"),
        "cidrBlocks": list(prefix.get("Cidrs", [])),
        "state": endpoint["State"].lower(),
        "ownerId": endpoint.get("OwnerId", call.account_id),
        "arn": arn(call, "vpc-endpoint", endpoint_id),
        "tags": tag_map(endpoint.get("Tags")),
    }


def _update_endpoint(call: Call, endpoint_id: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    modification: Values = {}
    if "policy" in changed:
        modification |= {"PolicyDocument": news["policy"]} if "policy" in news else {"ResetPolicy": True}
    if "routeTableIds" in changed:
        before, after = set(olds.get("routeTableIds", ())), set(news.get("routeTableIds", ()))
        modification |= {"AddRouteTableIds": sorted(after - before), "RemoveRouteTableIds": sorted(before - after)}
    modification = {name: value for name, value in modification.items() if value}
    if modification:
        call.client("ec2").modify_vpc_endpoint(VpcEndpointId=endpoint_id, **modification)
    if "tags" in changed:
        update_tags(call, endpoint_id, olds, news)


def _delete_endpoint(call: Call, endpoint_id: str, state: Values) -> None:
    with ignoring("InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"):
        call.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    call.wait(
        lambda: _describe_endpoint(call, endpoint_id), lambda seen: seen is None, f"endpoint {endpoint_id} going away"
    )


TYPES = (
    ResourceType(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        (
            Field("vpcId", required=True, replace=True),
            Field("serviceName", required=True, replace=True),
            Field("vpcEndpointType", replace=True, choices=("Gateway", "Interface")),
            Field("policy", kind="json"),
            Field("routeTableIds", kind="set"),
            Field("subnetIds", kind="set", replace=True),
            Field("securityGroupIds", kind="set", replace=True),
            Field("privateDnsEnabled", replace=True),
            TAGS,
        ),
        _create_endpoint,
        _read_endpoint,
        _delete_endpoint,
        _update_endpoint,
    ),
)
