"""What a planned cluster's configuration says of ACLs, topics and durability, and what MSK does where it says nothing.

Defaults: Amazon MSK Developer Guide, "Default Amazon MSK configuration".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from contracts.terraform.model import Verdict, is_known, plan_contract
from contracts.terraform.msk_operations import SUBNETS
from contracts.terraform.msk_security import CLUSTER, mechanisms
from orchestrator.terraform.plan import Plan
from orchestrator.terraform.resource import PlannedResource

_CONFIGURATION = "aws_msk_configuration"
_DOCUMENT = "Amazon MSK Developer Guide, Custom Amazon MSK configurations"
#: Properties whose values may be shown; the rest of a configuration is never printed.
ALLOW_EVERYONE = "allow.everyone.if.no.acl.found"
AUTO_CREATE = "auto.create.topics.enable"
UNCLEAN = "unclean.leader.election.enable"
MIN_IN_SYNC = "min.insync.replicas"
REPLICATION = "default.replication.factor"


def parse_properties(text: str) -> dict[str, str]:
    """Return server properties; a later line wins, as in Java's Properties."""
    found = {}
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and stripped[0] not in "#!":
            name, separator, value = stripped.partition("=")
            if not separator:
                name, _, value = stripped.partition(":")
            found[name.strip()] = value.strip()
    return found


def _configurations(plan: Plan, verdict: Verdict) -> Iterator[tuple[PlannedResource, Mapping[str, str]]]:
    """Yield each cluster with its properties, empty for MSK's defaults; the rest is noted as not known."""
    for cluster in plan.of(CLUSTER):
        link = plan.link(cluster, "configuration_info.arn", _CONFIGURATION)
        if link.exact and link.found:
            text = link.found[0].get("server_properties", "")
            if isinstance(text, str):
                yield cluster, parse_properties(text)
            else:
                verdict.not_known(
                    cluster, f"the server_properties of {link.found[0].address} cannot be read before apply"
                )
        elif link.outside:
            verdict.not_known(cluster, "its configuration is not in the plan")
        elif link.unresolved or link.found or not is_known(cluster.get("configuration_info.arn")):
            verdict.not_known(cluster, "which configuration it has is known only after apply")
        else:
            yield cluster, {}


@plan_contract(
    "terraform.msk.acl-default",
    title="No ACL means no access",
    risk="Every client of a planned cluster may do everything with a topic until somebody writes its first ACL",
    statement=f"The configuration of every cluster whose clients ACLs rule sets {ALLOW_EVERYONE}=false",
    remediation=f"Set {ALLOW_EVERYONE}=false in the aws_msk_configuration that the cluster uses",
    documentation="Amazon MSK Developer Guide, Apache Kafka ACLs",
    types=(CLUSTER,),
)
def acl_default(plan: Plan, verdict: Verdict) -> None:
    """Read the property; MSK's default is true. A cluster with IAM alone has no clients whom ACLs rule."""
    for cluster, properties in _configurations(plan, verdict):
        declared = mechanisms(cluster)
        closed = cluster.get("client_authentication.unauthenticated", False) is False
        value = properties.get(ALLOW_EVERYONE, "true")
        if value.lower() == "false":
            verdict.holds(cluster, f"{ALLOW_EVERYONE}=false")
        elif declared == {"iam": True, "scram": False, "mtls": False} and closed:
            verdict.holds(cluster, "IAM alone, which ACLs do not rule")
        elif any(value is not True and value is not False for value in declared.values()):
            verdict.not_known(cluster, f"{ALLOW_EVERYONE} is {value}, and its clients are known only after apply")
        else:
            unset = "" if ALLOW_EVERYONE in properties else ", MSK's default"
            verdict.fails(cluster, f"{ALLOW_EVERYONE} is {value}{unset}")


@plan_contract(
    "terraform.msk.topic-creation",
    title="Topics are made on purpose",
    risk="A misspelt name makes a topic with the wrong settings in a planned cluster",
    statement=f"No cluster of the plan has {AUTO_CREATE}=true",
    remediation=f"Set {AUTO_CREATE}=false and declare topics",
    documentation=_DOCUMENT,
    types=(CLUSTER,),
)
def topic_creation(plan: Plan, verdict: Verdict) -> None:
    """Read the property; MSK's default is false."""
    for cluster, properties in _configurations(plan, verdict):
        value = properties.get(AUTO_CREATE, "false").lower()
        (verdict.holds if value == "false" else verdict.fails)(cluster, f"{AUTO_CREATE} is {value}")


@plan_contract(
    "terraform.msk.durability",
    title="Acknowledged records survive a broker",
    risk="A planned cluster loses acknowledged records with one broker, or takes no writes while one is rebooted",
    statement=(f"1 < {MIN_IN_SYNC} < {REPLICATION} <= brokers in every cluster of the plan, and {UNCLEAN} is false"),
    remediation=f"With three zones set {REPLICATION}=3, {MIN_IN_SYNC}=2 and {UNCLEAN}=false",
    documentation=_DOCUMENT,
    types=(CLUSTER,),
)
def durability(plan: Plan, verdict: Verdict) -> None:
    """Compare the three numbers; MSK's defaults depend on the zones."""
    for cluster, properties in _configurations(plan, verdict):
        unclean = properties.get(UNCLEAN)
        if unclean is None or unclean.lower() != "false":
            verdict.fails(
                cluster, f"{UNCLEAN} is {unclean.lower() if unclean else 'not set, and MSK may elect any replica'}"
            )
        brokers = verdict.known(cluster, "number_of_broker_nodes")
        factor, least = _number(properties, REPLICATION), _number(properties, MIN_IN_SYNC)
        if factor is None or least is None:
            zones = plan.link(cluster, SUBNETS, "aws_subnet").count
            if zones is None:
                verdict.not_known(cluster, "MSK's default replication depends on its zones, known only after apply")
                continue
            # "3 for three-Availability-Zone clusters, 2 for two", and 2 and 1 in sync.
            factor = factor if factor is not None else (3 if zones >= 3 else 2)
            least = least if least is not None else (2 if zones >= 3 else 1)
        told = f"{MIN_IN_SYNC} {least}, {REPLICATION} {factor}"
        if not least > 1:
            verdict.fails(cluster, f"{told}: one broker alone may acknowledge a record")
        elif least >= factor:
            verdict.fails(cluster, f"{told}: no write is taken while one broker is away")
        elif not is_known(brokers):
            continue
        elif isinstance(brokers, int) and factor > brokers:
            verdict.fails(cluster, f"{told}: there are {brokers} brokers")
        else:
            verdict.holds(cluster, told)


def _number(properties: Mapping[str, str], name: str) -> int | None:
    value = properties.get(name)
    return int(value) if value is not None and value.isdecimal() else None
