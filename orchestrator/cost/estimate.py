"""The estimate: what an environment costs per hour and over its life, low and high where usage decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrator.cost.prices import Price, PriceTable
from orchestrator.cost.resources import NOT_CHARGED, Billed, billed
from orchestrator.cost.skus import HOURS_PER_MONTH, MONTHLY
from orchestrator.cost.usage import Span, Usage
from orchestrator.spec import EnvironmentSpec, format_duration


@dataclass(frozen=True)
class Line:
    """One line of the bill with its price."""

    item: Billed
    price: Price

    @property
    def usd(self) -> Span:
        """USD per hour, or in all when the item is charged once."""
        monthly = not self.item.once and self.item.sku.unit in MONTHLY
        return self.item.quantity.times(self.price.usd / (HOURS_PER_MONTH if monthly else 1.0))

    @property
    def hourly(self) -> Span:
        """USD/h; nothing for what is charged once."""
        return Span(0, 0) if self.item.once else self.usd

    def over(self, hours: float) -> Span:
        """USD over a life of so many hours."""
        return self.usd if self.item.once else self.usd.times(hours)


@dataclass(frozen=True)
class Estimate:
    """What an environment would cost on AWS at list prices: no discount, no free tier, no tax.

    Attributes:
        name: the environment's.
        region: an AWS region.
        ttl: the life that `total` is about, counted from ready.
        lines: what is billed.
        table_version: of the price table.
    """

    name: str
    region: str
    ttl: timedelta
    lines: tuple[Line, ...]
    table_version: str

    @property
    def hourly(self) -> Span:
        """USD/h."""
        return _sum(line.hourly for line in self.lines)

    @property
    def once(self) -> Span:
        """USD, however long it lives."""
        return _sum(line.usd for line in self.lines if line.item.once)

    @property
    def total(self) -> Span:
        """USD over the ttl."""
        return _sum(line.over(self.hours) for line in self.lines)

    @property
    def hours(self) -> float:
        """The ttl in hours."""
        return self.ttl.total_seconds() / 3600

    def document(self) -> dict[str, Any]:
        """Return the estimate as JSON has it; every price with its source."""
        return {
            "name": self.name,
            "region": self.region,
            "ttl": format_duration(self.ttl),
            "currency": "USD",
            "price_table": self.table_version,
            "lines": [_line_document(line, self.hours) for line in self.lines],
            "not_charged": [{"resource": free.resource, "reason": free.reason} for free in NOT_CHARGED],
            "hourly": _span(self.hourly),
            "once": _span(self.once),
            "total": _span(self.total),
        }


def estimate(
    spec: EnvironmentSpec, table: PriceTable, *, ttl: timedelta | None = None, usage: Usage | None = None
) -> Estimate:
    """Reckon what a spec's environment costs.

    Args:
        spec: the environment.
        table: prices.
        ttl: its life; None takes the spec's.
        usage: how it is used; None takes the defaults of `Usage`.

    Raises:
        UnknownPriceError: something has no price, with everything that has none: never counted as zero.
        EphkError: the spec asks for something that the estimate does not cover.
    """
    life = ttl or spec.ttl
    lines: list[Line] = []
    missing = []
    for item in billed(spec, life, usage or Usage()):
        price = table.find(spec.region, item.sku)
        if price is None:
            missing.append((item.resource, item.sku))
        else:
            lines.append(Line(item, price))
    if missing:
        raise table.unknown(spec.region, missing)
    return Estimate(spec.name, spec.region, life, tuple(lines), table.version)


def spent(hourly: Span, begin: datetime, end: datetime, *, once: Span | None = None) -> Span:
    """Return the estimate of what was spent between two moments, USD.

    Args:
        hourly: USD/h.
        begin: when the environment was asked for.
        end: now, or when it was gone; nothing is spent when it is before `begin`.
        once: charges that do not depend on time, USD.
    """
    hours = max(0.0, (end - begin).total_seconds() / 3600)
    by_time = hourly.times(hours)
    return by_time if once is None else Span(by_time.low + once.low, by_time.high + once.high)


def _sum(spans: Any) -> Span:
    low = high = 0.0
    for span in spans:
        low, high = low + span.low, high + span.high
    return Span(low, high)


def _line_document(line: Line, hours: float) -> dict[str, Any]:
    item, price = line.item, line.price
    source = price.source
    return {
        "resource": item.resource,
        "what": item.what,
        "service": item.sku.service,
        "usage_type": item.sku.usage_type,
        "unit": price.unit,
        "usd_per_unit": price.usd,
        "quantity": _span(item.quantity),
        "once": item.once,
        "hourly": _span(line.hourly),
        "total": _span(line.over(hours)),
        "source": {
            "title": source.title,
            "document": source.document,
            "dated": source.dated,
            "read": source.read,
        },
    }


def _span(span: Span) -> dict[str, float]:
    return {"low": round(span.low, 6), "high": round(span.high, 6)}
