"""CloudWatch alarms on metrics."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

from typing import Any

from orchestrator.embedded.provider.call import Call, removed_tags, tag_list, tag_map
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values, from_api, to_api

_METRIC = (
    Field("namespace", required=True),
    Field("metricName", required=True),
    Field("stat", required=True),
    Field("period", required=True),
    Field("dimensions"),
)
#: Everything but dimensions and metric queries, which the API writes in another way.
_PLAIN = (
    Field("name", required=True, replace=True, api="AlarmName"),
    Field("alarmDescription"),
    Field("comparisonOperator", required=True),
    Field("threshold"),
    Field("evaluationPeriods", required=True),
    Field("treatMissingData"),
    Field("alarmActions", kind="set", api="AlarmActions"),
    Field("okActions", kind="set", api="OKActions"),
    Field("namespace"),
    Field("metricName"),
    Field("statistic"),
    Field("period"),
)
_FIELDS = (
    *_PLAIN,
    Field("dimensions"),
    Field(
        "metricQueries",
        many=True,
        fields=(
            Field("id", required=True),
            Field("expression"),
            Field("label"),
            Field("returnData"),
            Field("metric", fields=_METRIC),
        ),
    ),
    TAGS,
)


def _to_pairs(dimensions: dict[str, str] | None) -> list[dict[str, str]]:
    return tag_list(dimensions, "Name")


def _query(query: Values) -> Values:
    """Return a metric query as the API writes it: what identifies the metric is an object of its own there."""
    written: Values = {"Id": query["id"], "ReturnData": query.get("returnData", False)}
    written |= {key: query[name] for key, name in (("Expression", "expression"), ("Label", "label")) if name in query}
    if metric := query.get("metric"):
        written["MetricStat"] = {
            "Metric": {
                "Namespace": metric["namespace"],
                "MetricName": metric["metricName"],
                "Dimensions": _to_pairs(metric.get("dimensions")),
            },
            "Stat": metric["stat"],
            "Period": metric["period"],
        }
    return written


def _read_query(query: Any) -> Values:
    read: Values = {"id": query["Id"], "returnData": query.get("ReturnData", False)}
    read |= {name: query[key] for key, name in (("Expression", "expression"), ("Label", "label")) if query.get(key)}
    if measured := query.get("MetricStat"):
        read["metric"] = {
            "namespace": measured["Metric"]["Namespace"],
            "metricName": measured["Metric"]["MetricName"],
            "stat": measured["Stat"],
            "period": measured["Period"],
            "dimensions": tag_map(measured["Metric"].get("Dimensions"), "Name"),
        }
    return read


def _put(call: Call, news: Values, **more: Any) -> None:
    given = to_api(_PLAIN, news)
    if news.get("dimensions"):
        given["Dimensions"] = _to_pairs(news["dimensions"])
    if news.get("metricQueries"):
        given["Metrics"] = [_query(query) for query in news["metricQueries"]]
    call.client("cloudwatch").put_metric_alarm(**given, **more)


def _create(call: Call, news: Values) -> str:
    _put(call, news, **({"Tags": tag_list(news["tags"])} if news.get("tags") else {}))
    return call.created(news["name"])


def _arn(call: Call, name: str) -> str:
    return f"arn:aws:cloudwatch:{call.region}:{call.account_id}:alarm:{name}"


def _read(call: Call, name: str, state: Values) -> Values | None:
    client = call.client("cloudwatch")
    alarms = client.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    if not alarms:
        return None
    alarm = alarms[0]
    seen = {**from_api(_PLAIN, alarm), "arn": alarm["AlarmArn"]}
    seen["dimensions"] = tag_map(alarm.get("Dimensions"), "Name")
    seen["metricQueries"] = [_read_query(query) for query in alarm.get("Metrics", [])]
    seen["tags"] = tag_map(client.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"])
    return seen


def _update(call: Call, name: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    client = call.client("cloudwatch")
    if changed - {"tags"}:
        _put(call, news)
    if "tags" in changed:
        gone = removed_tags(olds, news)
        if gone:
            client.untag_resource(ResourceARN=_arn(call, name), TagKeys=gone)
        if news.get("tags"):
            client.tag_resource(ResourceARN=_arn(call, name), Tags=tag_list(news["tags"]))


def _delete(call: Call, name: str, state: Values) -> None:
    call.client("cloudwatch").delete_alarms(AlarmNames=[name])  # one that is gone is fine for CloudWatch


TYPES = (ResourceType("aws:cloudwatch/metricAlarm:MetricAlarm", _FIELDS, _create, _read, _delete, _update),)
