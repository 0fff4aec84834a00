"""CloudWatch Logs: log groups."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from orchestrator.embedded.provider.call import Call, ignoring, removed_tags
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values


def _create_group(call: Call, news: Values) -> str:
    logs, name = call.client("logs"), news["name"]
    given = {"kmsKeyId": news.get("kmsKeyId"), "tags": news.get("tags")}
    logs.create_log_group(logGroupName=name, **{key: value for key, value in given.items() if value})
    call.created(name)
    if news.get("retentionInDays"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=news["retentionInDays"])
    return str(name)


def _arn(call: Call, name: str) -> str:
    return f"arn:aws:logs:{call.region}:{call.account_id}:log-group:{name}"


def _read_group(call: Call, name: str, state: Values) -> Values | None:
    logs = call.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
        for group in page["logGroups"]:
            if group["logGroupName"] == name:
                return {
                    "name": name,
                    "retentionInDays": group.get("retentionInDays", 0),
                    "kmsKeyId": group.get("kmsKeyId"),
                    "arn": _arn(call, name),
                    "tags": dict(logs.list_tags_for_resource(resourceArn=_arn(call, name)).get("tags", {})),
                }
    return None


def _update_group(call: Call, name: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    logs = call.client("logs")
    if "retentionInDays" in changed:
        if news.get("retentionInDays"):
            logs.put_retention_policy(logGroupName=name, retentionInDays=news["retentionInDays"])
        else:
            logs.delete_retention_policy(logGroupName=name)
    if "tags" in changed:
        gone = removed_tags(olds, news)
        if gone:
            logs.untag_resource(resourceArn=_arn(call, name), tagKeys=gone)
        if news.get("tags"):
            logs.tag_resource(resourceArn=_arn(call, name), tags=news["tags"])


def _delete_group(call: Call, name: str, state: Values) -> None:
    with ignoring("ResourceNotFoundException"):
        call.client("logs").delete_log_group(logGroupName=name)


TYPES = (
    ResourceType(
        "aws:cloudwatch/logGroup:LogGroup",
        (
            Field("name", required=True, replace=True),
            Field("retentionInDays"),
            Field("kmsKeyId", replace=True),
            TAGS,
        ),
        _create_group,
        _read_group,
        _delete_group,
        _update_group,
    ),
)
