"""EC2's flow logs, delivered to a bucket."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from orchestrator.embedded.provider.call import Call, ResourceError, found, ignoring, tag_map
from orchestrator.embedded.provider.ec2 import arn, tag_specification, update_tags
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values

_GONE = "InvalidFlowLogId.NotFound"


def _create(call: Call, news: Values) -> str:
    answer = call.client("ec2").create_flow_logs(
        ResourceType="VPC",
        ResourceIds=[news["vpcId"]],
        TrafficType=news["trafficType"],
        LogDestinationType=news["logDestinationType"],
        LogDestination=news["logDestination"],
        MaxAggregationInterval=int(news.get("maxAggregationInterval", 600)),
        TagSpecifications=tag_specification("vpc-flow-log", news),
    )
    # CreateFlowLogs succeeds also when it made none; what went wrong stands in the answer.
    for problem in answer.get("Unsuccessful", []):
        raise ResourceError(f"the flow log was not made: {problem['Error']['Code']}: {problem['Error']['Message']}")
    return call.created(answer["FlowLogIds"][0])


def _read(call: Call, flow_log_id: str, state: Values) -> Values | None:
    answer = found([_GONE], lambda: call.client("ec2").describe_flow_logs(FlowLogIds=[flow_log_id]))
    if answer is None or not answer["FlowLogs"]:
        return None
    flow_log = answer["FlowLogs"][0]
    return {
        "vpcId": flow_log["ResourceId"],
        "trafficType": flow_log["TrafficType"],
        "logDestinationType": flow_log["LogDestinationType"],
        "logDestination": flow_log["LogDestination"],
        "maxAggregationInterval": flow_log["MaxAggregationInterval"],
        "arn": arn(call, "vpc-flow-log", flow_log_id),
        "tags": tag_map(flow_log.get("Tags")),
    }


def _update(call: Call, flow_log_id: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    update_tags(call, flow_log_id, olds, news)


def _delete(call: Call, flow_log_id: str, state: Values) -> None:
    with ignoring(_GONE):
        call.client("ec2").delete_flow_logs(FlowLogIds=[flow_log_id])


TYPES = (
    ResourceType(
        "aws:ec2/flowLog:FlowLog",
        (
            Field("vpcId", required=True, replace=True),
            Field("trafficType", required=True, replace=True),
            Field("logDestinationType", required=True, replace=True, choices=("s3",)),
            Field("logDestination", required=True, replace=True),
            Field("maxAggregationInterval", replace=True),
            TAGS,
        ),
        _create,
        _read,
        _delete,
        _update,
    ),
)
