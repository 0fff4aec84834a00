"""The way of a packet: network ACLs in both directions, the endpoint's policy, and ports that really answer."""

from __future__ import annotations

import ipaddress
import json
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contracts.access import Access
from contracts.bucket import bucket_of
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.network import network_of, s3_endpoint
from contracts.registry import contract
from orchestrator.environment import MSK_PORTS

Described = Mapping[str, Any]
_TCP, _ALL = "6", "-1"
#: What clients' systems choose source ports from (Amazon VPC User Guide, "Ephemeral ports").
EPHEMERAL = (1024, 65535)
#: Seconds for one TCP connection; a refusal comes at once, a dropped packet never.
_CONNECT_S = 4.0


def acl_allows(entries: Iterable[Described], *, egress: bool, ports: tuple[int, int], cidr: str) -> str:
    """Tell whether a network ACL lets TCP through for every address of a range and every port of a span.

    Rules are taken in the order of their numbers and the first that matches decides (Amazon VPC User Guide, "Network
    ACL rules"); a rule that matches a part of the range or of the span decides for that part.

    Returns:
        An empty text when everything is let through, else the rule that stands in the way.
    """
    wanted, undecided = ipaddress.ip_network(cidr), set(range(ports[0], ports[1] + 1))
    rules = sorted((entry for entry in entries if entry.get("Egress") is egress), key=lambda entry: entry["RuleNumber"])
    for rule in rules:
        if rule.get("Protocol") not in (_TCP, _ALL) or "CidrBlock" not in rule:
            continue
        block = ipaddress.ip_network(rule["CidrBlock"])
        span = rule.get("PortRange") if rule["Protocol"] == _TCP else None
        low, high = (span["From"], span["To"]) if span else (0, 65535)
        concerned = undecided.intersection(range(low, high + 1))
        if not concerned or not block.overlaps(wanted):
            continue
        if rule["RuleAction"] == "deny":
            return f"rule {rule['RuleNumber']} denies {rule['CidrBlock']} ports {min(concerned)}-{max(concerned)}"
        if wanted.subnet_of(block):  # type: ignore[arg-type]
            undecided -= concerned
    return f"no rule allows {cidr} ports {min(undecided)}-{max(undecided)}" if undecided else ""


def judge_acls(acls: Mapping[str, Described | None], cidr: str, ports: Mapping[str, int]) -> Outcome:
    """Judge the network ACLs of the brokers' subnets.

    Args:
        acls: by subnet, its network ACL as described; None when there is none.
        cidr: the VPC's range, where clients and brokers are.
        ports: the listeners' ports by listener.
    """
    evidence: dict[str, Any] = {"range": cidr, "acls": {}}
    for subnet_id, acl in acls.items():
        evidence["acls"][subnet_id] = acl.get("NetworkAclId") if acl else None
        if acl is None:
            return Failed(f"subnet {subnet_id} has no network ACL, so nothing is let through", evidence)
        entries = acl["Entries"]
        for listener, port in ports.items():
            if blocked := acl_allows(entries, egress=False, ports=(port, port), cidr=cidr):
                return Failed(f"{subnet_id} does not let the {listener} port {port} in: {blocked}", evidence)
        if blocked := acl_allows(entries, egress=True, ports=EPHEMERAL, cidr=cidr):
            return Failed(f"{subnet_id} does not let answers out, and network ACLs are stateless: {blocked}", evidence)
    return Verified(evidence)


@contract(
    "network.nacl.listeners",
    title="Network ACLs let requests in and answers out",
    risk="Clients wait for brokers for ever: a stateless network ACL drops the answers",
    statement="Each broker subnet's network ACL lets the listeners' ports in and ephemeral ports out, within the VPC",
    remediation="Allow the listeners' ports inbound and 1024-65535 outbound for the VPC's range",
    documentation="Amazon VPC User Guide, Control subnet traffic with network access control lists",
    needs=("network", "listeners"),
    vantage="control plane",
)
def network_acls(access: Access, watch: Watch) -> Outcome:
    """Read the network ACL that each subnet really uses."""
    network, ec2 = network_of(access), access.client("ec2")
    watch.waiting("the network ACLs")
    pages = ec2.get_paginator("describe_network_acls").paginate(
        Filters=[{"Name": "vpc-id", "Values": [network.vpc_id]}]
    )
    used = {
        association["SubnetId"]: acl
        for page in pages
        for acl in page["NetworkAcls"]
        for association in acl.get("Associations", [])
    }
    cidr = ec2.describe_vpcs(VpcIds=[network.vpc_id])["Vpcs"][0]["CidrBlock"]
    ports: dict[str, int] = {listener: MSK_PORTS[listener] for listener in access.environment.cluster.bootstrap}
    return judge_acls({subnet_id: used.get(subnet_id) for subnet_id in network.subnet_ids}, cidr, ports)


def judge_endpoint_policy(document: Mapping[str, Any] | None, allowed: Sequence[str]) -> Outcome:
    """Judge whether an endpoint's policy lets nothing through but the resources that are named."""
    if document is None:
        return Failed("the S3 endpoint has no policy of its own, which means full access")
    statements = document.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    evidence: dict[str, Any] = {"allows": []}
    for statement in statements:
        if statement.get("Effect") != "Allow":
            continue
        if "NotResource" in statement:
            return Failed("the S3 endpoint's policy allows all resources but some (NotResource)", evidence)
        resources = statement.get("Resource", [])
        evidence["allows"] += [resources] if isinstance(resources, str) else list(resources)
    if foreign := [resource for resource in evidence["allows"] if resource not in allowed]:
        return Failed(f"the S3 endpoint's policy lets {foreign[0]} through", evidence)
    if not evidence["allows"]:
        return Failed("the S3 endpoint's policy allows nothing", evidence)
    return Verified(evidence)


@contract(
    "network.endpoint.least",
    title="The way to S3 leads to this bucket alone",
    risk="Data leaves through the endpoint into a bucket of another account",
    statement="The S3 endpoint's policy allows the environment's bucket and its objects, and no other resource",
    remediation="Name the bucket's ARN and its objects as the only resources of the endpoint's policy",
    documentation="AWS PrivateLink Guide, Control access to VPC endpoints using endpoint policies",
    needs=("network", "bucket"),
    vantage="control plane",
)
def endpoint_policy(access: Access, watch: Watch) -> Outcome:
    """Read the endpoint's policy."""
    found = s3_endpoint(access, watch)
    if found is None:
        return Failed(f"the S3 endpoint {network_of(access).s3_endpoint_id} does not exist")
    text = found.get("PolicyDocument")
    arn = f"arn:aws:s3:::{bucket_of(access).name}"
    return judge_endpoint_policy(json.loads(text) if text else None, (arn, f"{arn}/*"))


def connect(host: str, port: int, timeout_s: float) -> str:
    """Try one TCP connection and say what came: `open in N ms`, `refused`, `no answer`, or the system's words."""
    begun = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return f"open in {(time.monotonic() - begun) * 1000:.0f} ms"
    except TimeoutError:
        return "no answer"
    except ConnectionRefusedError:
        return "refused"
    except socket.gaierror:
        return "no such name"
    except OSError as error:
        return str(error.strerror or error).lower()


_MEANING = {
    "refused": "the host answers and nobody listens there",
    "no answer": "packets are dropped: a route, a security group, or a network ACL's way back",
    "no such name": "the name cannot be resolved: the VPC's DNS",
}


def judge_reachability(answers: Mapping[str, str]) -> Outcome:
    """Judge what TCP connections brought, by `listener address`."""
    for where, answer in answers.items():
        if not answer.startswith("open"):
            meaning = _MEANING.get(answer, "the system could not connect")
            return Failed(f"{where}: {answer} ({meaning})", dict(answers))
    if not answers:
        raise ProbeError("the environment names no address to connect to")
    return Verified(dict(answers))


@contract(
    "network.listener.reachable",
    title="Every broker's ports can be reached",
    risk="Clients hang or fail, and a missing route looks like a broker that is down",
    statement="Every bootstrap address of every listener takes a TCP connection from the vantage point",
    remediation="No answer: routes, security groups, network ACLs. Refused: the broker or the port",
    documentation="Amazon MSK Developer Guide, Troubleshoot your Amazon MSK cluster: networking issues",
    needs=("listeners",),
)
def reachable(access: Access, watch: Watch) -> Outcome:
    """Connect to each bootstrap address, TLS apart."""
    answers: dict[str, str] = {}
    for listener in access.environment.cluster.bootstrap:
        for address in access.bootstrap(listener):
            watch.waiting(f"a TCP connection to {address}")
            answers[f"{listener} {address}"] = connect(address.host, address.port, watch.remaining(_CONNECT_S))
    return judge_reachability(answers)
