"""Planned SCRAM secrets: named and encrypted as MSK demands, associated, and by one owner.

Source: Amazon MSK Developer Guide, "Sign-in credentials authentication with AWS Secrets Manager".
"""

from __future__ import annotations

from contracts.terraform.model import Verdict, is_known, plan_contract
from contracts.terraform.msk_security import CLUSTER, customer_key, mechanisms
from orchestrator.terraform.plan import Plan
from orchestrator.terraform.resource import PlannedResource, UnknownValue

MANY = "aws_msk_scram_secret_association"
ONE = "aws_msk_single_scram_secret_association"
#: Type to the attribute that names secrets.
_SECRETS = {MANY: "secret_arn_list", ONE: "secret_arn"}
_DOCUMENT = "Amazon MSK Developer Guide, Sign-in credentials authentication with AWS Secrets Manager"
_PREFIX = "AmazonMSK_"


@plan_contract(
    "terraform.scram.secrets",
    title="Planned SCRAM secrets are such that MSK takes them",
    risk="MSK refuses the secrets of a planned cluster, so no SCRAM client can sign in",
    statement=f"Every associated secret is named {_PREFIX}* and is encrypted with a customer-managed key",
    remediation=f"Name the secret {_PREFIX}... and set kms_key_id to an aws_kms_key",
    documentation=_DOCUMENT,
    types=(MANY, ONE),
)
def secrets(plan: Plan, verdict: Verdict) -> None:
    """Follow each association to the secrets that the plan has."""
    for association in plan.of(MANY, ONE):
        link = plan.link(association, _SECRETS[association.type], "aws_secretsmanager_secret")
        if link.outside:
            verdict.not_known(association, f"{len(link.outside)} of its secrets are not in the plan")
        if link.unresolved or not (link.found or link.outside):
            verdict.not_known(association, "which secrets it has is known only after apply")
        for secret in link.found:
            name = secret.get("name")
            if not isinstance(name, str):  # made from the prefix, which may well be known
                name = secret.get("name_prefix") or name
            if not isinstance(name, str):
                verdict.not_known(secret, "its name is known only after apply")
            elif name.startswith(_PREFIX):
                verdict.holds(secret, f"its name begins with {_PREFIX}")
            else:
                verdict.fails(secret, f"its name does not begin with {_PREFIX}")
            customer_key(plan, verdict, secret, "kms_key_id", "aws/secretsmanager")


@plan_contract(
    "terraform.scram.associated",
    title="A planned cluster with SCRAM has users",
    risk="Nobody can sign in to a planned cluster with SCRAM, since MSK knows no user",
    statement="Every MSK cluster of the plan that has SCRAM on has a secret associated",
    remediation=f"Add {ONE} for each user",
    documentation=_DOCUMENT,
    types=(CLUSTER,),
)
def associated(plan: Plan, verdict: Verdict) -> None:
    """Look for associations that point at the cluster."""
    for cluster in plan.of(CLUSTER):
        scram = mechanisms(cluster)["scram"]
        if scram is False:
            verdict.holds(cluster, "SCRAM is off")
        elif isinstance(scram, UnknownValue):
            verdict.not_known(cluster, "whether SCRAM is on is known only after apply")
        else:
            found, perhaps = plan.pointing((MANY, ONE), "cluster_arn", cluster)
            if any(_names_some(plan, one) for one in found):
                verdict.holds(cluster, f"users by {', '.join(one.address for one in found)}")
            elif perhaps or found:
                verdict.not_known(cluster, "whether a secret is associated is known only after apply")
            else:
                verdict.fails(cluster, "SCRAM is on, and no secret is associated")


def _names_some(plan: Plan, association: PlannedResource) -> bool:
    """Tell whether an association has a secret: an empty list has none, and an unknown one that of the plan."""
    path = _SECRETS[association.type]
    link = plan.link(association, path, "aws_secretsmanager_secret")
    return association.type == ONE or bool(link.found or link.outside)


@plan_contract(
    "terraform.scram.one-owner",
    title="No association removes another's users",
    risk="Two associations of a planned cluster take each other's users away at every apply",
    statement=f"A cluster has at most one {MANY}, and none beside {ONE}",
    remediation=f"Use {ONE} alone: it leaves other users as they are",
    documentation="Terraform Registry, aws_msk_single_scram_secret_association",
    types=(MANY,),
)
def one_owner(plan: Plan, verdict: Verdict) -> None:
    """Count associations by cluster; the plural one owns all secrets of its cluster."""
    by_cluster: dict[str, list[PlannedResource]] = {}
    for association in plan.of(MANY, ONE):
        value = association.get("cluster_arn")
        link = plan.link(association, "cluster_arn", CLUSTER)
        if link.exact and link.found:
            by_cluster.setdefault(link.found[0].address, []).append(association)
        elif is_known(value):
            by_cluster.setdefault(str(value), []).append(association)
        else:
            verdict.not_known(association, "which cluster it belongs to is known only after apply")
    for members in by_cluster.values():
        owners = [one for one in members if one.type == MANY]
        if owners and len(members) > 1:
            others = [one.address for one in members if one is not owners[0]]
            verdict.fails(owners[0], f"it removes the users of {', '.join(others)}")
        elif owners:
            verdict.holds(owners[0], "the only association of its cluster")
