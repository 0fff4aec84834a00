"""Planned connectors of MSK Connect: their role, their plugin, their logs and their way to the brokers."""

from __future__ import annotations

from contracts.terraform.model import Verdict, is_known, plan_contract
from contracts.terraform.msk_operations import delivered
from orchestrator.iam.public import statements_of
from orchestrator.iam_review.documents import as_policy
from orchestrator.terraform.plan import Plan

CONNECTOR = "aws_mskconnect_connector"
_PLUGIN = "aws_mskconnect_custom_plugin"
_SERVICE = "kafkaconnect.amazonaws.com"


@plan_contract(
    "terraform.connect.role",
    title="Planned connectors have a role that MSK Connect may take",
    risk="A planned connector does not start, since MSK Connect may not take its role",
    statement=f"The execution role of every connector of the plan trusts {_SERVICE}",
    remediation=f"Let the role's trust policy allow sts:AssumeRole to the service {_SERVICE}",
    documentation="Amazon MSK Developer Guide, Understand service execution role",
    types=(CONNECTOR,),
)
def role(plan: Plan, verdict: Verdict) -> None:
    """Follow the role and read whom it trusts."""
    for connector in plan.of(CONNECTOR):
        link = plan.link(connector, "service_execution_role_arn", "aws_iam_role")
        if not (link.exact and link.found):
            verdict.not_known(
                connector, "its role is not in the plan" if link.outside else "which role it has is not known"
            )
            continue
        value = link.found[0].get("assume_role_policy")
        policy = as_policy(value)
        if policy is None:
            verdict.not_known(connector, f"the trust policy of {link.found[0].address} is not known")
        elif any(_trusts(statement) for statement in statements_of(policy)):
            verdict.holds(connector, f"{link.found[0].address} trusts {_SERVICE}")
        else:
            verdict.fails(connector, f"{link.found[0].address} does not trust {_SERVICE}")


def _trusts(statement: object) -> bool:
    if not isinstance(statement, dict) or statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal")
    services = principal.get("Service") if isinstance(principal, dict) else principal
    return services == "*" or _SERVICE in ([services] if isinstance(services, str) else services or [])


@plan_contract(
    "terraform.connect.way-to-brokers",
    title="Planned connectors sign in, and over TLS",
    risk="A planned connector speaks to the brokers in clear or without a name",
    statement="Every connector of the plan has encryption TLS and authentication IAM",
    remediation="Set encryption_type = TLS and authentication_type = IAM",
    documentation="Amazon MSK Connect API Reference, KafkaClusterClientAuthentication",
    types=(CONNECTOR,),
)
def way_to_brokers(plan: Plan, verdict: Verdict) -> None:
    """Read both; the API's default for each is the unsafe one."""
    for connector in plan.of(CONNECTOR):
        verdict.expect(connector, "kafka_cluster_encryption_in_transit.encryption_type", ("TLS",), "PLAINTEXT")
        verdict.expect(connector, "kafka_cluster_client_authentication.authentication_type", ("IAM",), "NONE")


@plan_contract(
    "terraform.connect.logs",
    title="Planned connectors write logs",
    risk="A connector that fails at night leaves nothing to read",
    statement="Every connector of the plan delivers its workers' logs, to a destination that the plan has",
    remediation="Turn on log_delivery.worker_log_delivery with an existing destination",
    documentation="Amazon MSK Developer Guide, Logging for MSK Connect",
    types=(CONNECTOR,),
)
def logs(plan: Plan, verdict: Verdict) -> None:
    """Find a delivery that is on and named."""
    for connector in plan.of(CONNECTOR):
        delivered(plan, verdict, connector, "log_delivery.worker_log_delivery")


@plan_contract(
    "terraform.connect.plugin-pinned",
    title="Planned plugins are one certain file",
    risk="A connector runs on a worker without its plugin, or with another version of it",
    statement="Every custom plugin of the plan names the version of its object",
    remediation="Set location.s3.object_version",
    documentation="Amazon MSK Connect API Reference, S3Location",
    types=(_PLUGIN,),
)
def plugin_pinned(plan: Plan, verdict: Verdict) -> None:
    """Look for the version of the object; one that is made in the same plan is pinned as well."""
    for plugin in plan.of(_PLUGIN):
        version = plugin.get("location.s3.object_version")
        link = plan.link(plugin, "location.s3.object_version", "aws_s3_object")
        if version is None:
            verdict.fails(plugin, "location.s3.object_version is not set")
        elif is_known(version):
            verdict.holds(plugin, "the object's version is named")
        elif link.exact and link.found:
            verdict.holds(plugin, f"the version is that of {link.found[0].address}")
        else:
            verdict.known(plugin, "location.s3.object_version")
