"""The network as the control plane describes it: private subnets, a route to S3, closed security groups."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from orchestrator.environment import MSK_PORTS, Network

Described = Mapping[str, Any]
#: Carriers' addresses, which a VPC may have, too (RFC 6598; Amazon VPC User Guide, "VPC CIDR blocks").
_SHARED = ipaddress.ip_network("100.64.0.0/10")


def network_of(access: Access) -> Network:
    """Return the environment's network; raises ProbeError when it is unknown."""
    network = access.environment.network
    if network is None:
        raise ProbeError("the environment names no network")
    return network


def _route_tables(access: Access, watch: Watch) -> list[dict[str, Any]]:
    def describe() -> list[dict[str, Any]]:
        watch.waiting("the VPC's route tables")
        pages = access.client("ec2").get_paginator("describe_route_tables")
        only = [{"Name": "vpc-id", "Values": [network_of(access).vpc_id]}]
        return [table for page in pages.paginate(Filters=only) for table in page["RouteTables"]]

    return access.once("route tables", describe, watch)


def effective_table(subnet_id: str, tables: Iterable[Described]) -> Described | None:
    """Return the route table that a subnet uses: its own association's, else the VPC's main one.

    (Amazon VPC User Guide, "Subnet route tables".)
    """
    main = None
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet_id:
                return table
            if association.get("Main"):
                main = table
    return main


def s3_endpoint(access: Access, watch: Watch) -> Described | None:
    """Return the S3 endpoint as described, None when it does not exist."""
    watch.waiting("the S3 gateway endpoint")
    wanted = [network_of(access).s3_endpoint_id]
    try:
        found: list[Described] = access.client("ec2").describe_vpc_endpoints(VpcEndpointIds=wanted)["VpcEndpoints"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidVpcEndpointId.NotFound":
            raise
        return None
    return found[0] if found else None


def judge_s3_route(
    endpoint: Described | None, subnet_ids: Sequence[str], tables: Sequence[Described], region: str
) -> Outcome:
    """Judge whether every subnet reaches S3 through the gateway endpoint."""
    if endpoint is None:
        return Failed("the S3 gateway endpoint does not exist")
    evidence: dict[str, Any] = {
        "endpoint": endpoint.get("VpcEndpointId"),
        "state": endpoint.get("State"),
        "service": endpoint.get("ServiceName"),
        "route_tables": {},
    }
    if endpoint.get("VpcEndpointType") != "Gateway" or endpoint.get("ServiceName") != f"com.amazonaws.{region}.s3":
        return Failed(f"{endpoint.get('VpcEndpointId')} is no gateway endpoint of S3 in {region}", evidence)
    if str(endpoint.get("State")).lower() != "available":
        return Failed(f"the S3 gateway endpoint is {endpoint.get('State')}", evidence)
    attached = set(endpoint.get("RouteTableIds", []))
    for subnet_id in subnet_ids:
        table = effective_table(subnet_id, tables)
        evidence["route_tables"][subnet_id] = table.get("RouteTableId") if table else None
        if table is None or table["RouteTableId"] not in attached:
            return Failed(f"subnet {subnet_id} uses a route table without the S3 gateway endpoint", evidence)
    return Verified(evidence)


@contract(
    "network.route.s3-endpoint",
    title="S3 is reached inside the VPC",
    risk="Brokers and connectors in private subnets cannot reach S3, or their data leaves through the internet",
    statement="The route table of every subnet is attached to an available S3 gateway endpoint",
    remediation="Attach the S3 gateway endpoint to every subnet's route table",
    documentation="AWS PrivateLink Guide, Gateway endpoints for Amazon S3",
    needs=("network",),
    vantage="control plane",
)
def s3_route(access: Access, watch: Watch) -> Outcome:
    """Compare the endpoint's route tables with those that the subnets really use."""
    network = network_of(access)
    tables = _route_tables(access, watch)
    return judge_s3_route(s3_endpoint(access, watch), network.subnet_ids, tables, access.environment.cloud.region)


def judge_private(subnets: Sequence[Described], tables: Sequence[Described], expected: Sequence[str]) -> Outcome:
    """Judge whether subnets are private: no route to an internet gateway and no public address on launch."""
    evidence: dict[str, Any] = {}
    missing = set(expected) - {subnet["SubnetId"] for subnet in subnets}
    if missing:
        return Failed(f"subnet {', '.join(sorted(missing))} does not exist", evidence)
    for subnet in subnets:
        subnet_id, table = subnet["SubnetId"], effective_table(subnet["SubnetId"], tables)
        evidence[subnet_id] = {
            "zone": subnet.get("AvailabilityZone"),
            "route_table": table.get("RouteTableId") if table else None,
            "public_address_on_launch": subnet.get("MapPublicIpOnLaunch", False),
        }
        if table is None:
            raise ProbeError(f"the route table of subnet {subnet_id} is unknown", evidence)
        for route in table.get("Routes", []):
            if str(route.get("GatewayId", "")).startswith("igw-"):
                where = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock")
                return Failed(f"subnet {subnet_id} routes {where} to an internet gateway", evidence)
        if subnet.get("MapPublicIpOnLaunch"):
            return Failed(f"subnet {subnet_id} gives public addresses on launch", evidence)
    return Verified(evidence)


@contract(
    "network.private-subnets",
    title="Brokers live in private subnets",
    risk="Brokers can be reached from the internet, one wrong security-group rule away",
    statement="No subnet of the brokers routes to an internet gateway or gives public addresses on launch",
    remediation="Give the brokers' subnets a route table without an internet gateway",
    documentation="Amazon VPC User Guide, Subnets for your VPC",
    needs=("network",),
    vantage="control plane",
)
def private_subnets(access: Access, watch: Watch) -> Outcome:
    """Read the subnets and the route tables that they really use."""
    network = network_of(access)
    tables = _route_tables(access, watch)
    watch.waiting("the subnets")
    only = [{"Name": "subnet-id", "Values": list(network.subnet_ids)}]
    subnets = access.client("ec2").describe_subnets(Filters=only)["Subnets"]
    return judge_private(subnets, tables, network.subnet_ids)


def _sources(permission: Described) -> list[str]:
    return [
        *(source["CidrIp"] for source in permission.get("IpRanges", [])),
        *(source["CidrIpv6"] for source in permission.get("Ipv6Ranges", [])),
        *(source["PrefixListId"] for source in permission.get("PrefixListIds", [])),
        *(source["GroupId"] for source in permission.get("UserIdGroupPairs", [])),
    ]


def _is_public(source: str) -> bool:
    """Tell whether a source is a range with addresses of the internet: everywhere, or a part of it by another name."""
    try:
        range_ = ipaddress.ip_network(source, strict=False)
    except ValueError:
        return False  # a group or a prefix list
    shared = range_.version == _SHARED.version and range_.subnet_of(_SHARED)  # type: ignore[arg-type]
    return not (range_.is_private or shared)


def _span(permission: Described) -> str:
    if permission.get("IpProtocol") == "-1":
        return "all traffic"
    return f"{permission.get('IpProtocol')} {permission.get('FromPort')}-{permission.get('ToPort')}"


def judge_least(broker: Described | None, client: Described | None, ports: Mapping[str, int]) -> Outcome:
    """Judge the incoming rules of the brokers' and the clients' security groups.

    Args:
        broker: the brokers' group, as described.
        client: the clients' group, as described.
        ports: the port of each listener that the cluster has.
    """
    if broker is None or client is None:
        return Failed(f"the {'brokers' if broker is None else 'clients'}' security group does not exist")
    evidence: dict[str, Any] = {"listeners": dict(ports)}
    for who, group in (("brokers", broker), ("clients", client)):
        rules: dict[str, list[str]] = {}
        for rule in group.get("IpPermissions", []):
            rules.setdefault(_span(rule), []).extend(_sources(rule))
        evidence[who] = {"group": group.get("GroupId"), "rules": rules}
        for span, sources in rules.items():
            if public := [source for source in sources if _is_public(source)]:
                return Failed(f"the {who}' security group lets {public[0]} in on {span}", evidence)
    open_ports: set[int] = set()
    for rule in broker.get("IpPermissions", []):
        single = rule.get("IpProtocol") == "tcp" and rule.get("FromPort") == rule.get("ToPort")
        if not single or rule["FromPort"] not in ports.values():
            return Failed(f"the brokers' security group opens {_span(rule)}, which is no listener's port", evidence)
        if ranges := [*rule.get("IpRanges", []), *rule.get("Ipv6Ranges", []), *rule.get("PrefixListIds", [])]:
            named = next(iter(ranges[0].values()))
            return Failed(f"the brokers' security group lets in {named} on {_span(rule)}, which is no group", evidence)
        if rule.get("UserIdGroupPairs"):
            open_ports.add(rule["FromPort"])
    if closed := [listener for listener, port in ports.items() if port not in open_ports]:
        return Failed(f"the brokers' security group lets nobody reach the {', '.join(closed)} listener", evidence)
    return Verified(evidence)


@contract(
    "network.security-group.least",
    title="Security groups open the listeners' ports and nothing else",
    risk="Whoever is in the network, or the internet, reaches ports that no client needs",
    statement=(
        "The brokers' security group lets in the listeners' ports alone, from security groups and not from addresses, "
        "and no group lets in public ones"
    ),
    remediation="One rule for each listener's port, with the clients' security group as its source",
    documentation="Amazon MSK Developer Guide, Port information; Amazon VPC User Guide, Security group rules",
    needs=("network", "listeners"),
    vantage="control plane",
)
def security_group(access: Access, watch: Watch) -> Outcome:
    """Read both groups' rules."""
    network = network_of(access)
    watch.waiting("the security groups")
    wanted = [network.broker_security_group_id, network.client_security_group_id]
    groups = access.client("ec2").describe_security_groups(Filters=[{"Name": "group-id", "Values": wanted}])
    found = {group["GroupId"]: group for group in groups["SecurityGroups"]}
    ports: dict[str, int] = {listener: MSK_PORTS[listener] for listener in access.environment.cluster.bootstrap}
    return judge_least(found.get(network.broker_security_group_id), found.get(network.client_security_group_id), ports)
