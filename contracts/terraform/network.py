"""The planned network of Kafka resources: who gets to the brokers, and which way their own traffic takes."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.terraform.model import Verdict, is_known, plan_contract
from contracts.terraform.network_rules import USERS, Rule, rules_of, used_groups
from orchestrator.environment import MSK_PORTS
from orchestrator.terraform.plan import Plan
from orchestrator.terraform.resource import PlannedResource

_CLUSTERS = ("aws_msk_cluster", "aws_msk_serverless_cluster")
_WORLD = ("0.0.0.0/0", "::/0")
#: Prometheus exporters of open monitoring, and the ports of multi-VPC private connectivity ("Port information").
_EXPORTERS = (11001, 11002)
_MULTI_VPC = (14001, 14100)
_PORT_PAGE = "Amazon MSK Developer Guide, Port information"


def _rules(plan: Plan, verdict: Verdict, *types: str) -> Iterator[tuple[PlannedResource, tuple[Rule, ...]]]:
    """Yield each group of the plan's Kafka resources with its rules, and note what is not known of them."""
    groups, unknown = used_groups(plan, *types)
    for address, what in unknown.items():
        verdict.not_known(address, what)
    for group in groups.values():
        found = rules_of(plan, group)
        for doubt in found.doubts:
            verdict.not_known(group, f"{doubt} is known only after apply")
        verdict.holds(group, f"{len(found.rules)} incoming rules")
        yield group, found.rules


@plan_contract(
    "terraform.network.no-world",
    title="The internet is not let in",
    risk="Whoever is in the network, or the internet, reaches ports that no client needs",
    statement="No incoming rule of the security groups of clusters and connectors names 0.0.0.0/0 or ::/0",
    remediation="Name the clients' security group as the source",
    documentation="Amazon VPC User Guide, Security group rules",
    types=tuple(USERS),
)
def no_world(plan: Plan, verdict: Verdict) -> None:
    """Read the sources of every rule."""
    for _, rules in _rules(plan, verdict, *USERS):
        for rule in rules:
            if world := [cidr for cidr in rule.cidrs if isinstance(cidr, str) and cidr in _WORLD]:
                verdict.fails(rule.at, f"{rule.ports} is open to {world[0]}")
            elif not all(isinstance(cidr, str) for cidr in rule.cidrs):
                verdict.not_known(rule.at, "its address ranges are known only after apply")
            elif rule.lists:
                verdict.not_known(rule.at, "what its prefix list holds is in no plan")


@plan_contract(
    "terraform.network.ports",
    title="Only MSK's ports are open",
    risk="Whoever is in the network, or the internet, reaches ports that no client needs",
    statement="The clusters' security groups open MSK's TLS, SCRAM and IAM ports alone (9094, 9096, 9098)",
    remediation="Open 9094 (TLS), 9096 (SCRAM) or 9098 (IAM) one by one",
    documentation=_PORT_PAGE,
    types=_CLUSTERS,
)
def ports(plan: Plan, verdict: Verdict) -> None:
    """Compare the ports; what members of the group say to each other is theirs."""
    for _, rules in _rules(plan, verdict, *_CLUSTERS):
        for rule in rules:
            if rule.itself:
                continue
            if not (is_known(rule.protocol) and is_known(rule.first) and is_known(rule.last)):
                if rule.protocol == "-1":
                    verdict.fails(rule.at, "all traffic is let in")
                else:
                    verdict.not_known(rule.at, "its ports are known only after apply")
            elif not _is_listener(plan, rule):
                verdict.fails(rule.at, f"{rule.ports} is no listener of MSK")


def _is_listener(plan: Plan, rule: Rule) -> bool:
    if rule.protocol != "tcp" or not isinstance(rule.first, int) or not isinstance(rule.last, int):
        return False
    one = rule.first == rule.last
    if one and rule.first in MSK_PORTS.values():
        return True
    if one and rule.first in _EXPORTERS:
        return any(_open_monitoring(cluster) for cluster in plan.of("aws_msk_cluster"))
    return _MULTI_VPC[0] <= rule.first <= rule.last <= _MULTI_VPC[1] and any(
        cluster.get("broker_node_group_info.connectivity_info.vpc_connectivity")
        for cluster in plan.of("aws_msk_cluster")
    )


def _open_monitoring(cluster: PlannedResource) -> bool:
    names = ("jmx_exporter", "node_exporter")
    return any(cluster.get(f"open_monitoring.prometheus.{name}.enabled_in_broker") is True for name in names)


@plan_contract(
    "terraform.network.sources",
    title="Clients are let in by what they are",
    risk="Whoever is in the network, or the internet, reaches ports that no client needs",
    statement="The sources of the clusters' incoming rules are security groups, not address ranges",
    remediation="Name the clients' security group in referenced_security_group_id",
    documentation="Amazon VPC User Guide, Security group rules",
    types=_CLUSTERS,
)
def sources(plan: Plan, verdict: Verdict) -> None:
    """Look for address ranges; a prefix list is one too, with a name."""
    for _, rules in _rules(plan, verdict, *_CLUSTERS):
        for rule in rules:
            if rule.cidrs or rule.lists:
                known = [cidr for cidr in rule.cidrs if isinstance(cidr, str)]
                what = ", ".join(known) or ("a prefix list" if rule.lists else "an address range")
                verdict.fails(rule.at, f"{rule.ports} is open to {what}, not to a security group")


@plan_contract(
    "terraform.network.private-subnets",
    title="The planned brokers live in private subnets",
    risk="Brokers can be reached from the internet, one wrong security-group rule away",
    statement="No subnet of clusters and connectors routes to an internet gateway or gives public addresses on launch",
    remediation="Associate the subnets with a route table that has no internet gateway",
    documentation="Amazon VPC User Guide, Subnets for your VPC",
    types=tuple(USERS),
)
def private_subnets(plan: Plan, verdict: Verdict) -> None:
    """Follow subnets to their route tables and the routes in them."""
    subnets: dict[str, PlannedResource] = {}
    for user in plan.of(*USERS):
        link = plan.link(user, USERS[user.type][1], "aws_subnet")
        subnets |= {subnet.address: subnet for subnet in link.found}
        if link.outside:
            verdict.not_known(user, f"subnet {', '.join(link.outside)} is not in the plan")
        elif link.unresolved or not link.found:
            verdict.not_known(user, "its subnets are known only after apply")
    for subnet in subnets.values():
        verdict.expect(subnet, "map_public_ip_on_launch", (False,), False)
        _routes(plan, subnet, verdict)


def _routes(plan: Plan, subnet: PlannedResource, verdict: Verdict) -> None:
    associations, perhaps = plan.pointing(("aws_route_table_association",), "subnet_id", subnet)
    if not associations:
        what = "which route table it uses" if perhaps else "the route table of its VPC, which it uses,"
        verdict.not_known(subnet, f"{what} {'is known only after apply' if perhaps else 'is not in the plan'}")
    for association in associations:
        link = plan.link(association, "route_table_id", "aws_route_table", "aws_default_route_table")
        if not link.exact:
            verdict.not_known(subnet, "its route table is not in the plan")
        for table in link.found:
            _gateways(plan, subnet, table, verdict)


def _other_gateways(plan: Plan, origins: tuple[str | None, ...]) -> bool:
    """Tell whether an unknown `gateway_id` may be another kind of gateway than one to the internet."""
    return None in origins or any(
        one.address in origins for one in plan.of("aws_vpn_gateway", "aws_ec2_carrier_gateway")
    )


def _gateways(plan: Plan, subnet: PlannedResource, table: PlannedResource, verdict: Verdict) -> None:
    routes, perhaps = plan.pointing(("aws_route",), "route_table_id", table)
    gateways = [(route.address, route.get("gateway_id"), route.sources.get("gateway_id", ())) for route in routes]
    for block in table.blocks("route"):
        if isinstance(block, dict):
            gateways.append(
                (
                    table.address,
                    block.get("gateway_id"),
                    (*table.sources.get("route", ()), *table.sources.get("route.gateway_id", ())),
                )
            )
        else:
            verdict.not_known(subnet, f"the routes of {table.address} are known only after apply")
    for at, gateway, origins in gateways:
        internet = [
            one.address for one in plan.of("aws_internet_gateway") if one.address in origins or one.get("id") == gateway
        ]
        if isinstance(gateway, str) and gateway.startswith("igw-"):
            verdict.fails(subnet, f"{at} routes to an internet gateway")
        elif not is_known(gateway) and internet and not _other_gateways(plan, origins):
            verdict.fails(subnet, f"{at} routes to {internet[0]}")
        elif not is_known(gateway):
            verdict.not_known(subnet, f"where {at} routes to is known only after apply")
    for route in perhaps:
        verdict.not_known(subnet, f"whether {route.address} is in {table.address} is known only after apply")
    if not any(one == subnet.address for one in (*verdict.failed, *verdict.unknown)):
        verdict.holds(subnet, f"{table.address} has no internet gateway")
