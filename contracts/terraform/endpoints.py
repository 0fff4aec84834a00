"""The planned way to S3: an endpoint in the VPC of each planned Kafka resource, with a policy that is a limit."""

from __future__ import annotations

from contracts.terraform.model import Verdict, is_known, plan_contract
from contracts.terraform.network_rules import USERS
from orchestrator.iam.public import statements_of
from orchestrator.iam_review.documents import as_policy
from orchestrator.iam_review.statement import listed
from orchestrator.terraform.plan import Plan
from orchestrator.terraform.resource import PlannedResource

_ENDPOINT = "aws_vpc_endpoint"
_VPC = "aws_vpc"


@plan_contract(
    "terraform.network.s3-endpoint",
    title="Planned VPCs have their own way to S3",
    risk="Brokers and connectors in private subnets cannot reach S3, or their data leaves through the internet",
    statement="Each VPC of the plan in which Kafka resources stand has an endpoint for S3",
    remediation="Add an aws_vpc_endpoint of com.amazonaws.REGION.s3 with the subnets' route tables",
    documentation="AWS PrivateLink Guide, Gateway endpoints for Amazon S3",
    types=tuple(USERS),
)
def s3_endpoint(plan: Plan, verdict: Verdict) -> None:
    """Follow Kafka resources to subnets, to VPCs, and look for the endpoint of each."""
    places: dict[str, PlannedResource] = {}
    for user in plan.of(*USERS):
        link = plan.link(user, USERS[user.type][1], "aws_subnet")
        if link.outside or link.unresolved or not link.found:
            verdict.not_known(user, "the VPC of its subnets is not in the plan, or known only after apply")
        for subnet in link.found:
            home = plan.link(subnet, "vpc_id", _VPC)
            if home.exact and home.found:
                places[home.found[0].address] = home.found[0]
            else:
                verdict.not_known(subnet, "its VPC is not in the plan")
    for vpc in places.values():
        found, perhaps = plan.pointing((_ENDPOINT,), "vpc_id", vpc)
        if own := [one for one in found if _is_s3(one)]:
            verdict.holds(vpc, own[0].address)
        elif perhaps or any(not is_known(one.get("service_name")) for one in found):
            verdict.not_known(vpc, "whether an endpoint is S3's is known only after apply")
        else:
            verdict.fails(vpc, "the plan has no endpoint for S3 in it")


def _nothing_to_limit(plan: Plan, _options: object) -> str:
    return "" if any(_may_be_s3(one) for one in plan.of(_ENDPOINT)) else "the plan has no endpoint for S3"


@plan_contract(
    "terraform.network.endpoint-policy",
    title="Planned endpoints are no way out",
    risk="Data leaves through the endpoint into a bucket of another account",
    statement="Every endpoint for S3 of the plan has a policy that names buckets",
    remediation="Set policy to Allow on the environment's own buckets",
    documentation="AWS PrivateLink Guide, Control access to VPC endpoints using endpoint policies",
    types=(_ENDPOINT,),
    applies=_nothing_to_limit,
)
def endpoint_policy(plan: Plan, verdict: Verdict) -> None:
    """Read the policy; without one everything is allowed."""
    for endpoint in plan.of(_ENDPOINT):
        if not _may_be_s3(endpoint):
            continue
        value = endpoint.get("policy")
        policies, perhaps = plan.pointing(("aws_vpc_endpoint_policy",), "vpc_endpoint_id", endpoint)
        if value is None and policies:
            value = policies[0].get("policy")
        policy = as_policy(value) if is_known(value) else None
        if value is None and perhaps:
            verdict.not_known(endpoint, f"whether {perhaps[0].address} is its policy is known only after apply")
        elif value is None:
            verdict.fails(endpoint, "it has no policy, so it lets every bucket through")
        elif policy is None:
            verdict.not_known(endpoint, "its policy is known only after apply, or not to be read")
        elif any(_is_open(statement) for statement in statements_of(policy)):
            verdict.fails(endpoint, "its policy allows every resource without a condition")
        elif not is_known(endpoint.get("service_name")):
            verdict.not_known(endpoint, "its service is known only after apply")
        else:
            verdict.holds(endpoint, "its policy names resources or a condition")


def _is_s3(endpoint: PlannedResource) -> bool:
    name = endpoint.get("service_name")
    return isinstance(name, str) and name.startswith("com.amazonaws.") and name.endswith(".s3")


def _may_be_s3(endpoint: PlannedResource) -> bool:
    return _is_s3(endpoint) or not is_known(endpoint.get("service_name"))


def _is_open(statement: object) -> bool:
    if not isinstance(statement, dict) or statement.get("Effect") != "Allow" or statement.get("Condition"):
        return False
    open_patterns = ("*", "arn:aws:s3:::*")
    return "NotResource" in statement or any(one in open_patterns for one in listed(statement.get("Resource")))
