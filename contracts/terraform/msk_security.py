"""Who gets into a planned cluster and what can be read on the way: encryption, authentication, public access."""

from __future__ import annotations

from contracts.terraform.model import Verdict, is_known, plan_contract
from orchestrator.terraform.plan import Plan
from orchestrator.terraform.resource import PlannedResource, UnknownValue

CLUSTER = "aws_msk_cluster"
SERVERLESS = "aws_msk_serverless_cluster"
_SASL = "client_authentication.sasl"
_AUTHORITIES = "client_authentication.tls.certificate_authority_arns"
_AT_REST = "encryption_info.encryption_at_rest_kms_key_arn"


@plan_contract(
    "terraform.msk.encryption-in-transit",
    title="The planned brokers speak TLS alone",
    risk="Records and credentials cross the network in clear",
    statement="Every MSK cluster of the plan has client_broker TLS and in_cluster true",
    remediation="Set encryption_info.encryption_in_transit to client_broker = TLS and in_cluster = true",
    documentation="Amazon MSK Developer Guide, Amazon MSK encryption",
    types=(CLUSTER,),
)
def encryption_in_transit(plan: Plan, verdict: Verdict) -> None:
    """Read both settings; MSK's own defaults are the safe ones."""
    for cluster in plan.of(CLUSTER):
        verdict.expect(cluster, "encryption_info.encryption_in_transit.client_broker", ("TLS",), "TLS")
        verdict.expect(cluster, "encryption_info.encryption_in_transit.in_cluster", (True,), True)


@plan_contract(
    "terraform.msk.authentication",
    title="The planned cluster knows its clients",
    risk="Whoever reaches the brokers of a planned cluster reads and writes without a name",
    statement="Every cluster of the plan declares SASL or mutual TLS, and none lets unauthenticated clients in",
    remediation="Declare client_authentication with sasl.iam, sasl.scram or tls, and unauthenticated = false",
    documentation="Amazon MSK Developer Guide, Authentication and authorization for Apache Kafka APIs",
    types=(CLUSTER, SERVERLESS),
)
def authentication(plan: Plan, verdict: Verdict) -> None:
    """Read what is declared; a cluster without client_authentication takes everybody."""
    for cluster in plan.of(CLUSTER):
        verdict.expect(cluster, "client_authentication.unauthenticated", (False,), False)
        _some_mechanism(cluster, verdict)
    for cluster in plan.of(SERVERLESS):
        verdict.expect(cluster, f"{_SASL}.iam.enabled", (True,), False)


def mechanisms(cluster: PlannedResource) -> dict[str, bool | UnknownValue]:
    """Return which ways in a provisioned cluster declares; those that may be declared are unknown."""
    found: dict[str, bool | UnknownValue] = {}
    for name in ("iam", "scram"):
        value = cluster.get(f"{_SASL}.{name}", False)
        found[name] = value is True if is_known(value) else UnknownValue()
    authorities = cluster.get(_AUTHORITIES, [])
    found["mtls"] = bool(authorities) if is_known(authorities) else UnknownValue()
    return found


def _some_mechanism(cluster: PlannedResource, verdict: Verdict) -> None:
    declared = mechanisms(cluster)
    on = [name for name, value in declared.items() if value is True]
    if on:
        verdict.holds(cluster, f"clients use {', '.join(on)}")
    elif unsure := [name for name, value in declared.items() if value is not False]:
        verdict.not_known(cluster, f"whether clients use {' or '.join(unsure)} is known only after apply")
    elif not cluster.get("client_authentication"):
        verdict.fails(cluster, "client_authentication is not declared, so every client is let in without a name")
    else:
        verdict.fails(cluster, "client_authentication names no mechanism, so every client is let in without a name")


@plan_contract(
    "terraform.msk.iam-beside-others",
    title="Somebody can write the first ACL",
    risk="A planned cluster with SCRAM or mTLS alone starts without anybody who may create an ACL",
    statement="Every cluster of the plan that has SCRAM or mTLS has IAM as well",
    remediation="Set client_authentication.sasl.iam = true: an IAM role makes topics and ACLs, for want of super users",
    documentation="Amazon MSK Developer Guide, Apache Kafka ACLs",
    types=(CLUSTER,),
)
def iam_beside_others(plan: Plan, verdict: Verdict) -> None:
    """Compare the mechanisms; a cluster with IAM alone needs nothing beside it."""
    for cluster in plan.of(CLUSTER):
        declared = mechanisms(cluster)
        others = [name for name in ("scram", "mtls") if declared[name] is not False]
        if declared["iam"] is True:
            verdict.holds(cluster, f"IAM is on{' beside ' + ' and '.join(others) if others else ''}")
        elif isinstance(declared["iam"], UnknownValue):
            verdict.not_known(cluster, "whether IAM is on is known only after apply")
        elif sure := [name for name in others if declared[name] is True]:
            verdict.fails(cluster, f"{' and '.join(sure)} without IAM: nobody may create the first ACL")
        elif others:
            verdict.not_known(cluster, f"whether {' or '.join(others)} is on is known only after apply")
        else:
            verdict.holds(cluster, "no clients that ACLs rule")


@plan_contract(
    "terraform.msk.no-public-access",
    title="The planned brokers have no public addresses",
    risk="The brokers of a planned cluster can be reached from the internet",
    statement="No MSK cluster of the plan turns public access on",
    remediation="Leave connectivity_info.public_access.type at DISABLED; use multi-VPC connectivity or a VPN",
    documentation="Amazon MSK Developer Guide, Turn on public access to an MSK Provisioned cluster",
    types=(CLUSTER,),
)
def no_public_access(plan: Plan, verdict: Verdict) -> None:
    """Read the setting; MSK's default is DISABLED."""
    path = "broker_node_group_info.connectivity_info.public_access.type"
    for cluster in plan.of(CLUSTER):
        verdict.expect(cluster, path, ("DISABLED",), "DISABLED")


@plan_contract(
    "terraform.msk.encryption-at-rest",
    title="The planned brokers' volumes use the team's key",
    risk="Nobody can take away the key of a planned cluster's volumes, or see who used it",
    statement="Every MSK cluster of the plan is encrypted with a customer-managed KMS key",
    remediation="Set encryption_info.encryption_at_rest_kms_key_arn to an aws_kms_key",
    documentation="Amazon MSK Developer Guide, Amazon MSK encryption",
    types=(CLUSTER,),
)
def encryption_at_rest(plan: Plan, verdict: Verdict) -> None:
    """Follow the key; without one MSK takes the account's AWS-managed key."""
    for cluster in plan.of(CLUSTER):
        customer_key(plan, verdict, cluster, _AT_REST, "aws/kafka")


def customer_key(plan: Plan, verdict: Verdict, at: PlannedResource, path: str, default: str) -> None:
    """Demand that an attribute names a customer-managed key.

    Args:
        plan: the plan.
        verdict: where the answer goes.
        at: the resource.
        path: the attribute.
        default: the AWS-managed key that is used where none is set.
    """
    link = plan.link(at, path, "aws_kms_key", "aws_kms_replica_key", "aws_kms_alias", "aws_kms_external_key")
    value = at.get(path)
    if link.exact and link.found:
        verdict.holds(at, f"the key is {link.found[0].address}")
    elif not value:
        verdict.fails(at, f"{path} is not set, so the key is AWS's own {default}")
    elif not isinstance(value, str):
        verdict.known(at, path)
    elif "alias/aws/" in value:
        verdict.fails(at, f"{path} is AWS's own key {default}")
    elif "alias/" in value:
        verdict.holds(at, "the key is a customer's alias")
    else:
        # Whether a key elsewhere is AWS's own stands in its description alone.
        verdict.not_known(at, f"{path} names a key that is not in the plan")
