"""Routes, security groups and endpoints as the control plane describes them: each told apart."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.connect_egress import Placement, held_back, no_endpoint, no_route

LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}
SERVICE = "com.amazonaws.us-east-1.sts"


def placed(*routes: dict[str, Any], groups: Any = (), endpoints: Any = ()) -> Placement:
    table = {"RouteTableId": "rtb-1", "Associations": [{"SubnetId": "subnet-1"}], "Routes": [LOCAL, *routes]}
    return Placement("10.0.0.0/16", ["subnet-1"], [table], groups, endpoints)


def route(cidr: str, state: str = "active", **where: str) -> dict[str, str]:
    return {"DestinationCidrBlock": cidr, "State": state, **where}


def test_the_most_specific_route_decides() -> None:
    nat = route("0.0.0.0/0", NatGatewayId="nat-1")
    assert no_route(placed(), "10.0.3.4") == ""
    assert no_route(placed(), "203.0.113.7") == "rtb-1 of subnet-1 has no route to 203.0.113.7"
    assert no_route(placed(nat), "203.0.113.7") == ""
    gone = route("203.0.113.0/24", "blackhole", NatGatewayId="nat-2")
    assert "to something that is gone" in no_route(placed(nat, gone), "203.0.113.7")
    assert no_route(placed(nat, gone), "198.51.100.7") == ""
    assert "no public address" in no_route(placed(route("0.0.0.0/0", GatewayId="igw-1")), "203.0.113.7")


def test_a_subnet_whose_table_is_unknown_is_no_way() -> None:
    assert "unknown" in no_route(Placement("10.0.0.0/16", ["subnet-2"], [], (), ()), "10.0.0.4")


def group(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"GroupId": "sg-1", "IpPermissionsEgress": list(rules)}


def rule(port: int, cidr: str = "", protocol: str = "tcp", to: str = "") -> dict[str, Any]:
    return {
        "IpProtocol": protocol,
        "FromPort": port,
        "ToPort": port,
        "IpRanges": [{"CidrIp": cidr}] if cidr else [],
        "UserIdGroupPairs": [{"GroupId": to}] if to else [],
    }


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([rule(5432, "10.0.0.0/16")], ""),
        ([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}], ""),
        ([rule(443, "0.0.0.0/0")], "sg-1 has no rule that lets port 5432 out to 10.0.0.9"),
        ([rule(5432, "10.0.0.0/16", "udp")], "has no rule"),
        ([rule(5432, "192.0.2.0/24")], "sg-1 lets port 5432 out to 192.0.2.0/24 only"),
        ([], "has no rule"),
    ],
)
def test_a_security_group_lets_out_or_holds_back(rules: list[dict[str, Any]], words: str) -> None:
    seen = held_back([group(*rules)], "10.0.0.9", 5432)
    assert (words in seen) if words else seen == ""


def endpoint(**changes: Any) -> dict[str, Any]:
    return {
        "VpcEndpointId": "vpce-1",
        "ServiceName": SERVICE,
        "State": "available",
        "PrivateDnsEnabled": True,
        "Groups": [{"GroupId": "sg-endpoint"}],
        **changes,
    }


@pytest.mark.parametrize(
    ("endpoints", "rules", "expected"),
    [
        ([endpoint()], [rule(443, to="sg-endpoint")], ("", "")),
        ([], [], ("route", f"there is no interface endpoint of {SERVICE} that is available")),
        ([endpoint(State="deleting")], [], ("route", "")),
        ([endpoint(PrivateDnsEnabled=False)], [], ("DNS", "vpce-1 has no private DNS")),
        ([endpoint()], [rule(443, to="sg-other")], ("security group", "sg-1 has no rule that lets port 443 out")),
    ],
)
def test_an_interface_endpoint_leads_there_or_not(endpoints: Any, rules: Any, expected: tuple[str, str]) -> None:
    hop, reason = no_endpoint(placed(groups=[group(*rules)], endpoints=endpoints), SERVICE, 443)
    assert hop == expected[0]
    assert expected[1] in reason
