"""The budget guard: refuses an environment before anything is made, and tells when one is about to cost too much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator.cost.estimate import Estimate, estimate, spent
from orchestrator.cost.prices import UnknownPriceError, table_for
from orchestrator.cost.usage import Span
from orchestrator.errors import EphkError
from orchestrator.lease import HourlyCost, Lease
from orchestrator.policy_file import FILE_NAME, ProjectPolicy
from orchestrator.spec import EnvironmentSpec, format_duration
from orchestrator.tags import rfc3339

#: An environment is reported once it has used this part of its budget.
_NEAR = 0.8


class OverBudgetError(EphkError):
    """An environment would cost more than its budget; nothing was created."""


@dataclass(frozen=True)
class Budget:
    """A limit, USD over an environment's ttl, and who set it."""

    usd: float
    set_by: str


@dataclass(frozen=True)
class Costing:
    """What a lease is to carry of an environment's cost.

    Attributes:
        hourly_cost: the estimate; None when something has no price.
        budget_usd: the tightest budget; None without one.
        note: why there is no estimate, or an empty string.
    """

    hourly_cost: HourlyCost | None
    budget_usd: float | None
    note: str = ""


def budgets_of(spec: EnvironmentSpec, policy: ProjectPolicy) -> tuple[Budget, ...]:
    """Return the budgets that apply, the tightest first."""
    named = ((spec.budget_usd, "the spec"), (policy.budget_usd, FILE_NAME))
    return tuple(sorted((Budget(usd, who) for usd, who in named if usd is not None), key=lambda budget: budget.usd))


def check_budget(reckoned: Estimate, budgets: tuple[Budget, ...]) -> None:
    """Refuse an estimate whose high end exceeds a budget: what a busy environment would cost is what has to fit.

    Raises:
        OverBudgetError: with the numbers.
    """
    total, hourly = reckoned.total, reckoned.hourly
    over = [budget for budget in budgets if total.high > budget.usd]
    if not over:
        return
    dearest = sorted(reckoned.lines, key=lambda line: line.over(reckoned.hours).high, reverse=True)[:3]
    details = [f"{budget.set_by} allows {usd(budget.usd)}" for budget in over]
    details += [f"{usd(line.over(reckoned.hours).high)} {line.item.resource}: {line.item.what}" for line in dearest]
    remaining = over[0].usd - reckoned.once.high
    fits = f" {over[0].usd:g} USD last for {remaining / hourly.high:.1f} h." if remaining > 0 else ""
    raise OverBudgetError(
        f"{reckoned.name} would cost {between(total)} in {format_duration(reckoned.ttl)} "
        f"({between(hourly)}/h), more than its budget of {usd(over[0].usd)}",
        details=tuple(details),
        next_step=f"Shorten the ttl, choose smaller brokers, or raise the budget.{fits}",
    )


def guard(spec: EnvironmentSpec, target: str, policy: ProjectPolicy) -> Costing:
    """Reckon an environment's cost and hold it against its budgets, before anything is made.

    On the embedded target nothing is billed; the same budget is checked, so that a rehearsal refuses what AWS would.

    Raises:
        OverBudgetError: it would cost more than a budget allows.
        EphkError: there is a budget, and something has no price: what cannot be reckoned is not within a budget.
    """
    budgets = budgets_of(spec, policy)
    try:
        reckoned = estimate(spec, table_for(target, spec.region))
    except EphkError as error:
        if budgets or not isinstance(error, UnknownPriceError):
            raise
        return Costing(None, None, f"no estimate of the cost: {error.message}")
    check_budget(reckoned, budgets)
    hourly, once = reckoned.hourly, reckoned.once
    cost = HourlyCost(low=hourly.low, high=hourly.high, once_low=once.low, once_high=once.high)
    return Costing(cost, budgets[0].usd if budgets else None)


def lease_cost(lease: Lease, end: datetime | None = None) -> Span | None:
    """Return the estimate of what a lease has cost until `end` (now), USD; None without an estimate."""
    cost = lease.hourly_cost
    if cost is None:
        return None
    hourly, once = Span(cost.low, cost.high), Span(cost.once_low, cost.once_high)
    return spent(hourly, lease.created_at, end or datetime.now(UTC), once=once)


def cost_document(lease: Lease, end: datetime | None = None) -> dict[str, Any] | None:
    """Return a lease's cost until `end` (now) for `list --json` and the receipt; None without an estimate."""
    span = lease_cost(lease, end)
    if span is None or lease.hourly_cost is None:
        return None
    return {
        "currency": "USD",
        "hourly": lease.hourly_cost.model_dump(),
        "estimate": {"low": round(span.low, 4), "high": round(span.high, 4)},
        "budget": lease.budget_usd,
        "billed": lease.target == "aws",
    }


def budget_warning(lease: Lease, now: datetime | None = None) -> str:
    """Return what to say of a lease that has used most of its budget, by the high end; else an empty string."""
    span = lease_cost(lease, now)
    if span is None or lease.budget_usd is None or span.high < _NEAR * lease.budget_usd:
        return ""
    share = "over" if span.high > lease.budget_usd else "near"
    return f"{share} its budget: up to {usd(span.high)} of {usd(lease.budget_usd)}"


def check_extension(lease: Lease, end: datetime) -> None:
    """Refuse to let a lease live until `end` when that would cost more than its budget, by the high end.

    Raises:
        OverBudgetError: with the numbers.
    """
    span = lease_cost(lease, end)
    if span is None or lease.budget_usd is None or span.high <= lease.budget_usd:
        return
    raise OverBudgetError(
        f"{lease.name} would cost up to {usd(span.high)} by {rfc3339(end)}, more than its budget of "
        f"{usd(lease.budget_usd)}; up to {usd((lease_cost(lease) or span).high)} is used",
        next_step="Extend it for less, or take it down and bring it up with a larger budget.",
    )


def usd(amount: float) -> str:
    """Write an amount for people: cents, and more digits below one cent."""
    return f"{amount:.2f} USD" if amount >= 0.01 or amount == 0 else f"{amount:.4f} USD"


def between(span: Span) -> str:
    """Write a span of amounts for people."""
    low, high = usd(span.low), usd(span.high)
    return high if low == high else f"{low.removesuffix(' USD')} to {high}"
