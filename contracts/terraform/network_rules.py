"""The incoming rules of planned security groups, from the three ways in which Terraform can write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contracts.terraform.model import is_known
from orchestrator.terraform.plan import Plan
from orchestrator.terraform.resource import PlannedResource

GROUP = "aws_security_group"
_INLINE = (GROUP, "aws_default_security_group")
_OLD_RULE = "aws_security_group_rule"
_RULE = "aws_vpc_security_group_ingress_rule"
#: Kafka resource to the attributes that name its security groups and its subnets.
USERS = {
    "aws_msk_cluster": ("broker_node_group_info.security_groups", "broker_node_group_info.client_subnets"),
    "aws_msk_serverless_cluster": ("vpc_config.security_group_ids", "vpc_config.subnet_ids"),
    "aws_mskconnect_connector": (
        "kafka_cluster.apache_kafka_cluster.vpc.security_groups",
        "kafka_cluster.apache_kafka_cluster.vpc.subnets",
    ),
}
_CIDRS = ("cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6")
_LISTS = ("prefix_list_ids", "prefix_list_id")
_GROUPS = ("security_groups", "source_security_group_id", "referenced_security_group_id")


@dataclass(frozen=True)
class Rule:
    """One incoming rule.

    Attributes:
        at: the address where it is written.
        protocol: `tcp`, `-1` and so on; not a text when it is not known.
        first: lowest port; not a number when it is not known.
        last: highest port, likewise.
        cidrs: address ranges; an element that is no text is not known.
        lists: how many prefix lists it names.
        groups: whether it names security groups.
        itself: members of the group alone are let in.
    """

    at: str
    protocol: Any
    first: Any
    last: Any
    cidrs: tuple[Any, ...]
    lists: int
    groups: bool
    itself: bool

    @property
    def ports(self) -> str:
        """The ports in words."""
        if self.protocol == "-1":
            return "all traffic"
        if not (is_known(self.first) and is_known(self.last) and is_known(self.protocol)):
            return "ports known only after apply"
        return f"{self.protocol} {self.first}" + ("" if self.first == self.last else f"-{self.last}")


@dataclass(frozen=True)
class Rules:
    """The incoming rules of one group.

    Attributes:
        rules: those that are known to belong to it.
        doubts: why there may be more.
    """

    rules: tuple[Rule, ...]
    doubts: tuple[str, ...]


def used_groups(plan: Plan, *types: str) -> tuple[dict[str, PlannedResource], dict[str, str]]:
    """Return the groups of the plan's Kafka resources, and, by the resource's address, what is not known of them.

    Args:
        plan: the plan.
        types: types of Kafka resources (keys of `USERS`).
    """
    found: dict[str, PlannedResource] = {}
    unknown: dict[str, str] = {}
    for user in plan.of(*types):
        path, _ = USERS[user.type]
        link = plan.link(user, path, *_INLINE)
        found |= {group.address: group for group in link.found}
        if link.outside:
            unknown[user.address] = f"security group {', '.join(link.outside)} is not in the plan"
        elif link.unresolved:
            unknown[user.address] = "its security groups are known only after apply"
        elif not link.found:
            unknown[user.address] = "it names no security group, so it gets its VPC's default one"
    return found, unknown


def rules_of(plan: Plan, group: PlannedResource) -> Rules:
    """Return the incoming rules of a group."""
    rules: list[Rule] = []
    doubts: list[str] = []
    old, perhaps_old = plan.pointing((_OLD_RULE,), "security_group_id", group)
    new, perhaps_new = plan.pointing((_RULE,), "security_group_id", group)
    for one in old:
        kind = one.get("type")
        if not is_known(kind):
            doubts.append(f"whether {one.address} is an incoming rule")
        elif kind == "ingress":
            rules.append(_rule(one.address, one.values, one))
    rules += [_rule(one.address, one.values, one) for one in new]
    doubts += [f"whether {one.address} is one of its rules" for one in (*perhaps_old, *perhaps_new)]
    for block in group.blocks("ingress"):
        if isinstance(block, dict):
            rules.append(_rule(group.address, block, None))
        else:
            doubts.append(f"the ingress rules of {group.address}")
    if not rules and group.get("ingress") is None:
        # A `dynamic` block over something unknown stands nowhere in a plan.
        doubts.append("whether it has incoming rules")
    return Rules(tuple(rules), tuple(doubts))


def _rule(at: str, values: Any, resource: PlannedResource | None) -> Rule:
    protocol = values.get("protocol", values.get("ip_protocol"))
    if isinstance(protocol, str):
        protocol = {"all": "-1", "6": "tcp"}.get(protocol.lower(), protocol.lower())
    own = resource is not None and _names_itself(resource)
    return Rule(
        at,
        protocol,
        values.get("from_port"),
        values.get("to_port"),
        tuple(_listed(values, _CIDRS)),
        len(list(_listed(values, _LISTS))),
        bool(list(_listed(values, _GROUPS))),
        own or (values.get("self") is True and not any(_listed(values, (*_CIDRS, *_LISTS, *_GROUPS)))),
    )


def _names_itself(rule: PlannedResource) -> bool:
    """Tell whether a rule's source is the very group that it belongs to."""
    own = rule.references.get("security_group_id", ())
    source = (
        rule.references.get("referenced_security_group_id") or rule.references.get("source_security_group_id") or ()
    )
    values = (rule.get("referenced_security_group_id"), rule.get("source_security_group_id"))
    mine = rule.get("security_group_id")
    return (len(own) == 1 and own == source) or (isinstance(mine, str) and mine in values)


def _listed(values: Any, names: tuple[str, ...]) -> Iterator[Any]:
    for name in names:
        value = values.get(name)
        if isinstance(value, list):
            yield from value
        elif value is not None and value != "":
            yield value
