"""Products as the Price List Query API writes them: a JSON text each, with attributes and terms.

("Reading the price list files" and "Finding services and products using the AWS Price List Query API", AWS Billing
User Guide.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from orchestrator.cost.skus import Sku, Unit, broker, without_region

#: AWS's words for units whose confusion would change an amount; other words (`Keys`, `Secrets`) vary and are let pass.
_UNITS: dict[str, Unit] = {
    "hour": "hour",
    "hours": "hour",
    "hrs": "hour",
    "gb-mo": "GB-month",
    "gb-month": "GB-month",
    "gb": "GB",
    "gigabytes": "GB",
    "request": "request",
    "requests": "request",
    "api requests": "request",
}
_COUNTED: frozenset[Unit] = frozenset({"month", "request", "certificate"})
_BROKER = re.compile(r"Kafka\.(?P<size>[a-z0-9]+\.[a-z0-9]+)")


@dataclass(frozen=True)
class Product:
    """One product with its on-demand price.

    Attributes:
        service: the service code.
        usage_type: with the region's prefix, as AWS has it.
        attributes: all of them.
        unit: AWS's own word.
        usd: of the first tier that is not free; tiers come later than a short-lived environment gets.
        published: the day of the price list.
    """

    service: str
    usage_type: str
    attributes: Mapping[str, str]
    unit: str
    usd: float
    published: date


@dataclass(frozen=True)
class Skipped:
    """Why a SKU got no price from what the API answered."""

    sku: Sku
    reason: str


def read_product(text: str) -> Product | None:
    """Read one element of `PriceList`; None when it has no on-demand price in USD.

    Raises:
        ValueError: it is not such a document.
    """
    try:
        document = json.loads(text)
        attributes = {str(name): str(value) for name, value in document["product"]["attributes"].items()}
        terms = document["terms"].get("OnDemand", {})
        tiers = [tier for term in terms.values() for tier in term["priceDimensions"].values()]
        priced = sorted(
            (float(tier["beginRange"]), float(tier["pricePerUnit"]["USD"]), str(tier["unit"]))
            for tier in tiers
            if "USD" in tier["pricePerUnit"]
        )
        published = date.fromisoformat(str(document["publicationDate"])[:10])
        service, usage_type = str(document["serviceCode"]), attributes["usagetype"]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not a product of the Price List API: {type(error).__name__}: {error}") from None
    if not priced:
        return None
    _, usd, unit = next((tier for tier in priced if tier[1] > 0), priced[0])
    return Product(service, usage_type, attributes, unit, usd, published)


def brokers_in(products: Iterable[Product]) -> list[Sku]:
    """Return the SKUs of the standard MSK brokers among products."""
    sizes = {
        found["size"]
        for product in products
        if product.attributes.get("operation") == "RunBroker"
        and (found := _BROKER.fullmatch(without_region(product.usage_type)))
    }
    return [broker(f"kafka.{size}") for size in sorted(sizes)]


def choose(sku: Sku, region: str, products: Iterable[Product]) -> Product | Skipped:
    """Return the product that a SKU is in a region.

    Several products may carry one usage type; that is fine while they agree on the price. When they do not, none is
    chosen: a guess between two prices is no price.
    """
    called = [
        product
        for product in products
        if product.service == sku.service
        and sku.is_called(product.usage_type)
        and product.attributes.get(sku.region_field) == region
    ]
    if not called:
        return Skipped(sku, "the price list has no such product")
    fitting = [product for product in called if _fits(product.unit, sku.unit)]
    if not fitting:
        return Skipped(sku, f"it is priced by '{called[0].unit}', not by {sku.unit}")
    if len({product.usd for product in fitting}) > 1:
        amounts = ", ".join(sorted(f"{product.usd:g}" for product in fitting))
        return Skipped(sku, f"the price list has several prices: {amounts} USD")
    return fitting[0]


def _fits(word: str, unit: Unit) -> bool:
    known = _UNITS.get(word.lower())
    return known == unit if known is not None else unit in _COUNTED
