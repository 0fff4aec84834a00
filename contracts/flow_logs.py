"""Flow logs: what went through the network, and what was turned away, can be looked up afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.model import Failed, Outcome, Verified, Watch
from contracts.network import network_of
from contracts.registry import contract

FlowLog = Mapping[str, Any]


def judge_flow_logs(
    flow_logs: Sequence[FlowLog], vpc_id: str, subnet_ids: Sequence[str], missing: Mapping[str, str]
) -> Outcome:
    """Judge whether accepted and refused traffic of every broker subnet is recorded, to a place that exists.

    Args:
        flow_logs: the flow logs of the VPC and of its subnets, as described.
        vpc_id: the VPC.
        subnet_ids: the brokers' subnets.
        missing: by destination, why records cannot arrive there; destinations that are fine are not in it.
    """
    evidence: dict[str, Any] = {
        one["FlowLogId"]: f"{one.get('TrafficType')} of {one.get('ResourceId')} to {destination(one)}"
        for one in flow_logs
    }
    problem = ""
    sound: set[str] = set()
    for one in flow_logs:
        if one.get("FlowLogStatus") != "ACTIVE":
            problem = f"the flow log {one['FlowLogId']} is {one.get('FlowLogStatus')}"
        elif one.get("DeliverLogsStatus") == "FAILED":
            problem = (
                f"the flow log {one['FlowLogId']} cannot deliver: {one.get('DeliverLogsErrorMessage', 'no reason')}"
            )
        elif one.get("TrafficType") != "ALL":
            problem = f"the flow log {one['FlowLogId']} records {one.get('TrafficType')} traffic alone"
        elif destination(one) in missing:
            problem = f"the flow log {one['FlowLogId']} delivers to {destination(one)}, {missing[destination(one)]}"
        else:
            sound.add(str(one.get("ResourceId")))
    if vpc_id in sound or set(subnet_ids) <= sound:
        return Verified(evidence)
    return Failed(problem or f"no flow log covers the VPC {vpc_id} or every broker subnet", evidence)


def destination(flow_log: FlowLog) -> str:
    """Return where a flow log's records go: an ARN, or the name of a log group."""
    return str(flow_log.get("LogDestination") or flow_log.get("LogGroupName") or "nowhere")


@contract(
    "network.flow-logs",
    title="The network's traffic leaves a trace",
    risk="After an incident nobody can say who reached the brokers, or why a client could not",
    statement="An active flow log records accepted and refused traffic of every broker subnet, to a place that exists",
    remediation="Make a flow log of the VPC with traffic type ALL, and let the delivery service write where it goes",
    documentation="Amazon VPC User Guide, Logging IP traffic using VPC Flow Logs",
    needs=("network", "flow-log"),
    vantage="control plane",
)
def flow_logs(access: Access, watch: Watch) -> Outcome:
    """Read the flow logs of the VPC and of the brokers' subnets, and look for their destinations."""
    network = network_of(access)
    watch.waiting("the flow logs")
    wanted = [network.vpc_id, *network.subnet_ids]
    pages = access.client("ec2").get_paginator("describe_flow_logs")
    found = [
        one for page in pages.paginate(Filter=[{"Name": "resource-id", "Values": wanted}]) for one in page["FlowLogs"]
    ]
    missing = {
        place: why for place in {destination(one) for one in found} if (why := _why_missing(access, place, watch))
    }
    return judge_flow_logs(found, network.vpc_id, network.subnet_ids, missing)


def _why_missing(access: Access, place: str, watch: Watch) -> str:
    """Return why records cannot arrive at a destination, or an empty text; of other services nothing is known."""
    watch.waiting(f"the flow logs' destination {place}")
    try:
        if place.startswith("arn:") and ":s3:::" in place:
            access.client("s3").head_bucket(Bucket=place.split(":::", 1)[1].split("/", 1)[0])
        elif ":firehose:" not in place:
            name = place.split(":log-group:", 1)[-1].removesuffix(":*")
            groups = access.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
            if not any(group["logGroupName"] == name for group in groups):
                return "which does not exist"
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        return "which does not exist"
    return ""
