"""What AWS billed for a lease, asked from Cost Explorer by the lease's tag, beside what was estimated.

Cost Explorer refreshes its data at least once every 24 hours ("Analyzing your costs and usage with AWS Cost Explorer",
AWS Cost Management User Guide), sees a tag only once it is an active cost-allocation tag ("Activating user-defined cost
allocation tags", AWS Billing User Guide), and costs 0.01 USD a request (AWS Cost Explorer pricing).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from orchestrator import tags
from orchestrator.aws import AwsSession
from orchestrator.cost.answers import RefusedError, asking
from orchestrator.errors import EphkError

#: How far the bill may lag behind.
LAG = timedelta(hours=24)
_SERVICE = "Cost Explorer"
_METRIC = "UnblendedCost"


@dataclass(frozen=True)
class Actual:
    """What was billed so far.

    Attributes:
        usd: the sum.
        by_service: USD by AWS's name of the service.
        begin: the first day asked for.
        end: the day after the last.
        complete_until: usage after this may be missing (UTC).
        final: AWS says that none of it is an estimate of its own.
        notes: what a reader must know before trusting the sum.
    """

    usd: float
    by_service: dict[str, float]
    begin: date
    end: date
    complete_until: datetime
    final: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotBilled:
    """There is no bill to show, because."""

    reason: str


def billed_for(
    session: AwsSession, lease_id: str, begin: datetime, end: datetime, now: datetime | None = None
) -> Actual | NotBilled:
    """Ask what a lease was billed.

    Args:
        session: of the account that paid.
        lease_id: the value of the lease's tag.
        begin: when the lease was written.
        end: when it was gone, or now.
        now: the present, for tests.

    Raises:
        RefusedError: the caller may not ask for costs.
        EphkError: Cost Explorer could not be asked.
    """
    moment = now or datetime.now(UTC)
    client = session.client("ce")
    notes: tuple[str, ...] = ()
    try:
        with asking(_SERVICE, "ce:ListCostAllocationTags"):
            active = _tag_is_active(client)
    except RefusedError:
        active = True
        notes = (
            f"whether {tags.LEASE} is an active cost-allocation tag could not be read (ce:ListCostAllocationTags is "
            "refused, as it is in member accounts): if it is not, the sum is 0 whatever was spent",
        )
    if not active:
        return NotBilled(
            f"{tags.LEASE} is not an active cost-allocation tag, so Cost Explorer cannot tell this lease's costs "
            "apart; activate it (ephk bootstrap does), which takes up to 24 hours"
        )
    first, last = begin.astimezone(UTC).date(), min(end, moment).astimezone(UTC).date() + timedelta(days=1)
    with asking(_SERVICE, "ce:GetCostAndUsage"):
        results = _results(client, lease_id, first, last)
    by_service: dict[str, float] = defaultdict(float)
    for result in results:
        for group in result.get("Groups", []):
            amount = group["Metrics"][_METRIC]
            if amount["Unit"] != "USD":
                raise EphkError(f"{_SERVICE} answered in {amount['Unit']}, not in USD")
            by_service[group["Keys"][0]] += float(amount["Amount"])
    return Actual(
        sum(by_service.values()),
        dict(sorted(by_service.items(), key=lambda pair: -pair[1])),
        first,
        last,
        min(end, moment - LAG),
        final=bool(results) and not any(result.get("Estimated", True) for result in results),
        notes=notes,
    )


def _tag_is_active(client: Any) -> bool:
    answer = client.list_cost_allocation_tags(TagKeys=[tags.LEASE], Type="UserDefined")
    return any(tag["TagKey"] == tags.LEASE and tag["Status"] == "Active" for tag in answer["CostAllocationTags"])


def _results(client: Any, lease_id: str, first: date, last: date) -> list[dict[str, Any]]:
    """Collect every page; the API has no paginator of botocore's."""
    request: dict[str, Any] = {
        "TimePeriod": {"Start": first.isoformat(), "End": last.isoformat()},
        "Granularity": "DAILY",
        "Metrics": [_METRIC],
        "Filter": {"Tags": {"Key": tags.LEASE, "Values": [lease_id], "MatchOptions": ["EQUALS"]}},
        "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}],
    }
    results: list[dict[str, Any]] = []
    while True:
        answer = client.get_cost_and_usage(**request)
        results += answer["ResultsByTime"]
        token = answer.get("NextPageToken")
        if not token:
            return results
        request["NextPageToken"] = token
