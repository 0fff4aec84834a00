"""What a person should see of a lease at a glance: what it has cost, whether it needs attention, who watches it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from orchestrator.cost.guard import budget_warning, lease_cost
from orchestrator.lease import HourlyCost, Lease, LeaseState

#: A lease that ends sooner is worth a warning.
SOON = timedelta(minutes=15)
#: The embedded target's reaper looks every few seconds; a heartbeat older than this means that it stopped.
HEARTBEAT_MAX_AGE = timedelta(minutes=2)

_TEARDOWN = (LeaseState.RELEASING, LeaseState.LEAKING)


def cost_so_far(lease: Lease, now: datetime | None = None) -> HourlyCost | None:
    """Return the estimate of what the environment has cost since it was asked for, USD; None without prices."""
    span = lease_cost(lease, now)
    return None if span is None else HourlyCost(low=span.low, high=span.high)


def money(cost: HourlyCost | None) -> str:
    """Write an amount of USD; `-` is an amount that is not known, which is not the same as none."""
    if cost is None:
        return "-"
    low, high = f"{cost.low:.2f}", f"{cost.high:.2f}"
    return f"${low}" if low == high else f"${low}-{high}"


def warning_of(lease: Lease, now: datetime, span: Callable[[float], str]) -> str:
    """Return what should be known about a lease, from its record alone; an empty string for nothing.

    Args:
        lease: the lease.
        now: the time.
        span: writes seconds for people.
    """
    if lease.state in _TEARDOWN:
        return f"teardown is not finished: run 'ephk down {lease.name}'"
    left = lease.time_left(now)
    if left <= timedelta(0):
        return "expired" if lease.ready_at is not None else "was not created in time"
    if lease.keep is not None and lease.keep.until >= lease.ends_at():
        return f"kept by {lease.keep.by} until {lease.keep.until:%Y-%m-%d %H:%M} UTC: {lease.keep.reason}"
    return f"ends in {span(left.total_seconds())}" if left < SOON else budget_warning(lease, now)


def reaper_heartbeat() -> datetime | None:
    """Return when the embedded target's reaper last said that it works (UTC); None when it never did."""
    from orchestrator.teardown.heartbeat import read_heartbeat

    return read_heartbeat()


def heartbeat_warning(beat: datetime | None, now: datetime, span: Callable[[float], str]) -> str:
    """Return what is wrong with the reaper of leases on this machine, or an empty string.

    Every command starts a reaper that is missing, so that one without a heartbeat is about to begin.
    """
    if beat is None:
        return ""
    age = now - beat
    if age > HEARTBEAT_MAX_AGE:
        return f"the reaper last reported {span(age.total_seconds())} ago: run 'ephk reap'"
    return ""
