"""Hosts that connectors must reach, hop by hop: name, route, security group, TCP, TLS."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from contracts import tls
from contracts.access import Access
from contracts.connect_access import ANSWER_S, connectors, live
from contracts.model import Failed, NotCovered, Outcome, ProbeError, Verified, Watch
from contracts.network import effective_table, network_of
from contracts.network_paths import connect
from contracts.registry import contract
from orchestrator.environment import Egress

Described = Mapping[str, Any]
_CONNECT_S = 4.0
_ALL = "-1"


@dataclass(frozen=True)
class Placement:
    """Where the workers are, as the control plane describes it.

    Attributes:
        cidr: the VPC's range.
        subnet_ids: the workers' subnets.
        tables: the VPC's route tables.
        groups: the workers' security groups.
        endpoints: the VPC's endpoints.
    """

    cidr: str
    subnet_ids: Sequence[str]
    tables: Sequence[Described]
    groups: Sequence[Described]
    endpoints: Sequence[Described]


def no_route(placement: Placement, address: str) -> str:
    """Return why a packet to an address would not leave one of the subnets; empty when there is a way.

    The most specific route decides (Amazon VPC User Guide, "Route priority"); one that leads to something deleted is a
    blackhole.
    """
    wanted = ipaddress.ip_address(address)
    for subnet_id in placement.subnet_ids:
        table = effective_table(subnet_id, placement.tables)
        if table is None:
            return f"the route table of {subnet_id} is unknown"
        fitting = [
            route
            for route in table.get("Routes", [])
            if "DestinationCidrBlock" in route and wanted in ipaddress.ip_network(route["DestinationCidrBlock"])
        ]
        if not fitting:
            return f"{table['RouteTableId']} of {subnet_id} has no route to {address}"
        best = max(fitting, key=lambda route: ipaddress.ip_network(route["DestinationCidrBlock"]).prefixlen)
        where = best["DestinationCidrBlock"]
        if best.get("State") == "blackhole":
            return f"{table['RouteTableId']} of {subnet_id} routes {where} to something that is gone"
        if str(best.get("GatewayId", "")).startswith("igw-"):
            return f"{subnet_id} routes {where} to an internet gateway, and workers have no public address"
    return ""


def held_back(groups: Sequence[Described], address: str, port: int) -> str:
    """Return why security groups hold back TCP to an address and port; empty when a rule lets it out."""
    wanted = ipaddress.ip_address(address)
    names = ", ".join(str(group["GroupId"]) for group in groups)
    elsewhere: list[str] = []
    for group in groups:
        for rule in group.get("IpPermissionsEgress", []):
            if not _opens(rule, port):
                continue
            ranges = [item["CidrIp"] for item in rule.get("IpRanges", [])]
            if any(wanted in ipaddress.ip_network(item) for item in ranges):
                return ""
            elsewhere += ranges
    if elsewhere:
        return f"{names} lets port {port} out to {', '.join(elsewhere)} only, and the host is at {address}"
    return f"{names} has no rule that lets port {port} out to {address}"


def _opens(rule: Described, port: int) -> bool:
    if rule.get("IpProtocol") == _ALL:
        return True
    return rule.get("IpProtocol") == "tcp" and rule["FromPort"] <= port <= rule["ToPort"]


def no_endpoint(placement: Placement, service: str, port: int) -> tuple[str, str]:
    """Return the hop and the reason why a service's interface endpoint cannot be used; two empty texts when it can."""
    found = next((e for e in placement.endpoints if e["ServiceName"] == service), None)
    if found is None or str(found.get("State")).lower() != "available":
        return "route", f"there is no interface endpoint of {service} that is available"
    if not found.get("PrivateDnsEnabled"):
        return "DNS", f"{found['VpcEndpointId']} has no private DNS, so the service's name leads out of the VPC"
    targets = {group["GroupId"] for group in found.get("Groups", [])}
    let_out = {
        pair["GroupId"]
        for group in placement.groups
        for rule in group.get("IpPermissionsEgress", [])
        if _opens(rule, port)
        for pair in rule.get("UserIdGroupPairs", [])
    }
    if not targets & let_out:
        names = ", ".join(str(group["GroupId"]) for group in placement.groups)
        return "security group", f"{names} has no rule that lets port {port} out to {found['VpcEndpointId']}"
    return "", ""


@contract(
    "connect.egress",
    title="Connectors reach the hosts that they need",
    risk="A connector that runs cannot reach its database: a name, a route, a security group, a port or a certificate",
    statement="Each declared host can be resolved, routed to, passes the security groups, and answers TCP and TLS",
    remediation="The reason names the hop: correct DNS, route table, security group, the host's port, its certificate",
    documentation="Amazon MSK Developer Guide, Internet access for MSK Connect; Amazon VPC User Guide, Route priority",
    needs=("connect.egress", "network"),
)
def egress(access: Access, watch: Watch) -> Outcome:
    """Go along each way: name from here, routes and groups by the control plane, TCP and TLS from here."""
    described = access.environment.connect
    placement = _placement(access, watch)
    evidence: dict[str, Any] = {}
    for wanted in described.egress if described is not None else ():
        where = f"{wanted.host}:{wanted.port}"
        hops: dict[str, str] = {}
        evidence[where] = hops
        problem = _walk(access, placement, wanted, hops, watch)
        if problem:
            return Failed(f"{where}: {problem}", evidence)
    if access.environment.target != "embedded":
        return NotCovered(
            "routes and security groups let every declared host through; TCP and TLS could only be tried inside the VPC"
        )
    return Verified(evidence)


def _placement(access: Access, watch: Watch) -> Placement:
    """Read where the connectors' workers really are."""
    subnets: dict[str, None] = {}
    groups: dict[str, None] = {}
    for connector in connectors(access.environment):
        vpc = live(access, connector, watch)["kafkaCluster"]["apacheKafkaCluster"]["vpc"]
        subnets |= dict.fromkeys(vpc["subnets"])
        groups |= dict.fromkeys(vpc.get("securityGroups", []))
    ec2, vpc_id = access.client("ec2"), network_of(access).vpc_id
    only = [{"Name": "vpc-id", "Values": [vpc_id]}]
    watch.waiting("the workers' routes and security groups")
    tables = [
        t for page in ec2.get_paginator("describe_route_tables").paginate(Filters=only) for t in page["RouteTables"]
    ]
    pages = ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=only)
    return Placement(
        cidr=ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["CidrBlock"],
        subnet_ids=list(subnets),
        tables=tables,
        groups=ec2.describe_security_groups(GroupIds=list(groups))["SecurityGroups"],
        endpoints=[endpoint for page in pages for endpoint in page["VpcEndpoints"]],
    )


def _walk(access: Access, placement: Placement, wanted: Egress, hops: dict[str, str], watch: Watch) -> str:
    """Go along one way until something is in it; returns the hop with the reason, and notes what each hop said."""
    cloud = access.environment.cloud
    host, port, context = wanted.host, wanted.port, tls.trust(wanted.ca_pem)
    if wanted.endpoint is not None:
        hop, reason = no_endpoint(placement, f"com.amazonaws.{cloud.region}.{wanted.endpoint}", port)
        if reason:
            return f"{hop}: {reason}"
        hops["endpoint"] = "available, with private DNS, and the security group lets it through"
        if cloud.endpoint_url is None:
            return ""
        # The embedded cloud's services have one address, the gateway's; the name leads there inside its VPCs.
        gateway = urlsplit(cloud.endpoint_url)
        host, port = str(gateway.hostname), int(gateway.port or port)
        context = ssl.create_default_context(cafile=cloud.ca_bundle)
    else:
        watch.waiting(f"the address of {host}")
        try:
            addresses = sorted({str(item[4][0]) for item in socket.getaddrinfo(host, port, socket.AF_INET)})
        except OSError as error:
            if access.environment.target != "embedded":
                raise ProbeError(f"DNS: {host} cannot be resolved here, which proves nothing inside the VPC") from error
            return f"DNS: {host} cannot be resolved"
        hops["DNS"] = ", ".join(addresses)
        for address in addresses:
            seen = _inside(access, placement, address)
            if problem := no_route(placement, seen):
                return f"route: {problem}"
            if problem := held_back(placement.groups, seen, port):
                return f"security group: {problem}"
        hops |= {"route": "each subnet has one", "security group": f"lets port {port} out"}
    if access.environment.target != "embedded":
        return ""
    hops["TCP"] = connect(host, port, watch.remaining(_CONNECT_S))
    if not hops["TCP"].startswith("open"):
        return f"TCP: {hops['TCP']}"
    if wanted.tls or wanted.endpoint is not None:
        hops["TLS"] = _handshake(host, port, context, watch)
        if not hops["TLS"].startswith("TLSv"):
            return f"TLS: {hops['TLS']}"
    return ""


def _inside(access: Access, placement: Placement, address: str) -> str:
    """Return an address as the VPC sees it: the embedded target's hosts are on loopback and stand for private ones."""
    if access.environment.target == "embedded" and ipaddress.ip_address(address).is_loopback:
        return str(ipaddress.ip_network(placement.cidr)[10])
    return address


def _handshake(host: str, port: int, context: ssl.SSLContext, watch: Watch) -> str:
    """Return the TLS version that was agreed on with a certificate that is right, else what was wrong."""
    try:
        with (
            socket.create_connection((host, port), timeout=watch.remaining(ANSWER_S)) as raw,
            context.wrap_socket(raw, server_hostname=host) as secure,
        ):
            return secure.version() or "none"
    except ssl.SSLCertVerificationError as error:
        return f"the certificate is not accepted: {error.verify_message}"
    except ssl.SSLError as error:
        return f"no handshake: {error.reason or error}"
    except OSError as error:
        return f"no handshake: {error}"
