"""Cost Explorer of a cloud that bills nothing: AWS's shapes, real validation, and zero as the true answer.

Cost-allocation tags can be activated and listed, since asking for the costs of a tag means nothing before that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.service import AwsError, Caller, TaggedResource
from orchestrator.tags import rfc3339

#: "Metrics", GetCostAndUsage, AWS Cost Explorer API Reference.
_METRICS = {
    "AmortizedCost": "USD",
    "BlendedCost": "USD",
    "NetAmortizedCost": "USD",
    "NetUnblendedCost": "USD",
    "UnblendedCost": "USD",
    "NormalizedUsageAmount": "N/A",
    "UsageQuantity": "N/A",
}
_MAX_GROUPS = 2


class CostExplorerBackend:
    """AWS Cost Explorer.

    Args:
        context: the cloud.
    """

    service = "ce"

    def __init__(self, context: CloudContext) -> None:
        self._context = context
        self._tags: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def invoke(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:  # noqa: ARG002
        """Carry out one operation; see `ServiceBackend.invoke`."""
        handlers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "GetCostAndUsage": self._get_cost_and_usage,
            "GetTags": self._get_tags,
            "ListCostAllocationTags": self._list_tags,
            "UpdateCostAllocationTagsStatus": self._update_tags,
        }
        if operation not in handlers:
            raise NotImplementedError(operation)
        return handlers[operation](params)

    def tagged_resources(self) -> list[TaggedResource]:
        """Cost Explorer has nothing that carries a tag here."""
        return []

    def close(self) -> None:
        """Nothing runs."""

    def _get_cost_and_usage(self, params: dict[str, Any]) -> dict[str, Any]:
        begin, end = _interval(params["TimePeriod"])
        unknown = [metric for metric in params["Metrics"] if metric not in _METRICS]
        if unknown or not params["Metrics"]:
            raise _invalid(f"Unknown metrics: {unknown}")
        groups = params.get("GroupBy", [])
        if len(groups) > _MAX_GROUPS:
            raise _invalid(f"At most {_MAX_GROUPS} groups are allowed.")
        nothing = {metric: {"Amount": "0", "Unit": _METRICS[metric]} for metric in params["Metrics"]}
        results = [
            {
                "TimePeriod": {"Start": start.isoformat(), "End": stop.isoformat()},
                "Total": {} if groups else nothing,
                "Groups": [],
                "Estimated": True,
            }
            for start, stop in _periods(begin, end, params["Granularity"])
        ]
        answer: dict[str, Any] = {"ResultsByTime": results, "DimensionValueAttributes": []}
        return answer | ({"GroupDefinitions": groups} if groups else {})

    def _get_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        _interval(params["TimePeriod"])
        return {"Tags": [], "ReturnSize": 0, "TotalSize": 0}

    def _list_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            known = [{"TagKey": key, **self._tags[key]} for key in sorted(self._tags)]
        keys, status, kind = params.get("TagKeys"), params.get("Status"), params.get("Type")
        return {
            "CostAllocationTags": [
                tag
                for tag in known
                if (not keys or tag["TagKey"] in keys)
                and (status is None or tag["Status"] == status)
                and (kind is None or tag["Type"] == kind)
            ]
        }

    def _update_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            for entry in params["CostAllocationTagsStatus"]:
                self._tags[entry["TagKey"]] = {
                    "Type": "UserDefined",
                    "Status": entry["Status"],
                    "LastUpdatedDate": rfc3339(datetime.now(UTC)),
                }
        return {"Errors": []}


def _interval(period: dict[str, str]) -> tuple[date, date]:
    try:
        begin, end = date.fromisoformat(period["Start"]), date.fromisoformat(period["End"])
    except ValueError:
        raise _invalid("Start and End must be dates of the form yyyy-MM-dd.") from None
    if begin >= end:
        raise _invalid(f"Start date (and hour) should be before end date (and hour): {begin} and {end}")
    return begin, end


def _periods(begin: date, end: date, granularity: str) -> list[tuple[date, date]]:
    """Split an interval into days or calendar months, the first and the last cut at its ends."""
    if granularity == "HOURLY":
        raise _invalid("Hourly data is not enabled in the embedded cloud.")
    periods = []
    while begin < end:
        step = begin + timedelta(days=1)
        if granularity == "MONTHLY":
            step = (begin.replace(day=1) + timedelta(days=32)).replace(day=1)
        periods.append((begin, min(step, end)))
        begin = step
    return periods


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
