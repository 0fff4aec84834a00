"""The audit trail: who changed what in the account is recorded, and cannot be changed afterwards without a trace.

CloudTrail records of MSK topic and configuration changes and the control plane's calls; what clients read and write
through Kafka never appears there ("Logging Amazon MSK API calls with CloudTrail", Amazon MSK Developer Guide).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.access import Access
from contracts.model import Failed, NotCovered, Outcome, Verified, Watch
from contracts.registry import contract


@dataclass(frozen=True)
class Trail:
    """One trail that covers the region.

    Attributes:
        name: its name.
        home: the region that it belongs to.
        bucket: where its files go.
        logging: whether it is on.
        validated: whether files are signed, so that a change shows.
        management: whether it records management events, reads and writes.
        problem: why its last delivery failed; empty when it did not.
    """

    name: str
    home: str
    bucket: str
    logging: bool
    validated: bool
    management: bool
    problem: str = ""


def records_management_events(selectors: Mapping[str, Any]) -> bool:
    """Tell whether a trail's event selectors, of either kind, take every management event.

    A trail without any takes them all (PutEventSelectors, AWS CloudTrail API Reference).
    """
    if not selectors.get("EventSelectors") and not selectors.get("AdvancedEventSelectors"):
        return True
    if any(
        one.get("IncludeManagementEvents") and one.get("ReadWriteType", "All") == "All"
        for one in selectors.get("EventSelectors", [])
    ):
        return True
    return any(
        fields.get("eventCategory") == ["Management"] and "readOnly" not in fields
        for fields in map(_equals, selectors.get("AdvancedEventSelectors", []))
    )


def _equals(selector: Mapping[str, Any]) -> dict[str, list[str]]:
    return {one["Field"]: one.get("Equals", []) for one in selector.get("FieldSelectors", [])}


def judge_trails(trails: Sequence[Trail]) -> Outcome:
    """Judge whether one trail records everything that has to be recorded; the first that does is enough."""
    evidence: dict[str, Any] = {one.name: f"{'on' if one.logging else 'off'}, to {one.bucket}" for one in trails}
    if not trails:
        return Failed("the account has no trail that covers the region", evidence)
    reasons = [reason for one in trails if (reason := _wrong(one))]
    return Failed(reasons[0], evidence) if len(reasons) == len(trails) else Verified(evidence)


def _wrong(trail: Trail) -> str:
    checks: Iterable[tuple[bool, str]] = (
        (trail.logging, "is off"),
        (trail.management, "does not record every management event"),
        (trail.validated, "does not sign its files, so a change to them leaves no trace"),
        (not trail.problem, f"cannot deliver: {trail.problem}"),
    )
    return next((f"the trail {trail.name} {what}" for right, what in checks if not right), "")


@contract(
    "audit.trail",
    title="Changes in the account are recorded",
    risk="Somebody opens the cluster or deletes it, and nobody can ever say who",
    statement="A trail that covers the region is on, records every management event, signs its files and delivers them",
    remediation="Make a multi-region trail with log file validation for all management events, and start it",
    documentation="AWS CloudTrail User Guide, Creating a trail; Validating CloudTrail log file integrity",
    needs=("account",),
    layers=("cloud",),
    vantage="control plane",
)
def trail(access: Access, watch: Watch) -> Outcome:
    """Read the account's trails, their status and what they record."""
    client = access.client("cloudtrail")
    watch.waiting("the account's trails")
    described = client.describe_trails(includeShadowTrails=True)["trailList"]
    if not described and access.environment.target == "embedded":
        return NotCovered("the embedded cloud records no events, and its account has no trail until somebody makes one")
    return judge_trails([_read(client, one, watch) for one in described])


def _read(client: Any, described: Mapping[str, Any], watch: Watch) -> Trail:
    name = described["TrailARN"]
    watch.waiting(f"the status of {name}")
    status = client.get_trail_status(Name=name)
    return Trail(
        name=described["Name"],
        home=described.get("HomeRegion", "unknown"),
        bucket=described.get("S3BucketName", "nowhere"),
        logging=bool(status.get("IsLogging")),
        validated=bool(described.get("LogFileValidationEnabled")),
        management=records_management_events(client.get_event_selectors(TrailName=name)),
        problem=str(status.get("LatestDeliveryError") or ""),
    )
