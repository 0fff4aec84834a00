"""Fetching prices: asks the Price List API for everything that an environment is billed for, and keeps the answer.

A fetched table is a file of its own with the time in its name; the newest of a region is used. Nothing is written
unless the whole fetch went well.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.aws import AwsSession
from orchestrator.cost.answers import asking
from orchestrator.cost.price_list import Product, Skipped, brokers_in, choose, read_product
from orchestrator.cost.prices import TableFile, refreshed_directory, table_of
from orchestrator.cost.skus import SKUS, Sku
from orchestrator.environment import CloudEndpoint
from orchestrator.errors import EphkError
from orchestrator.files import write_private_json
from orchestrator.progress import Progress
from orchestrator.target import cloud_status, target_named
from orchestrator.target_interface import TargetName

#: The Price List Query API has endpoints in three regions ("AWS Price List Service endpoints", AWS General Reference).
API_REGION = "us-east-1"
_SERVICE = "the Price List API"
_ACTION = "pricing:GetProducts"
_PAGE = 100
_ORIGIN: dict[TargetName, str] = {
    "aws": "AWS Price List Query API",
    "embedded": "sample of the packaged prices, by the embedded cloud's Price List API",
}


@dataclass(frozen=True)
class Refreshed:
    """A table that was fetched.

    Attributes:
        path: where it is.
        version: its version, the time of the fetch.
        priced: how many SKUs have a price in it.
        skipped: those that the API had no usable price for; the packaged prices, if any, stay in force for them.
    """

    path: Path
    version: str
    priced: int
    skipped: tuple[Skipped, ...]


def price_list_session(target: TargetName) -> AwsSession:
    """Return a session that reaches a target's Price List API.

    Raises:
        EphkError: the embedded cloud does not run.
    """
    if target == "aws":
        return AwsSession(CloudEndpoint(region=API_REGION, account_id="unknown"))
    if cloud_status() is None:
        raise EphkError(
            "no embedded cloud runs whose Price List API could be asked",
            next_step="Ask AWS's own: ephk cost --refresh --target aws; or rehearse after: ephk cloud start",
        )
    return target_named("embedded").session()


def refresh(
    session: AwsSession, target: TargetName, region: str, progress: Progress, now: datetime | None = None
) -> Refreshed:
    """Fetch a region's prices and write them as a new table.

    Raises:
        RefusedError: the caller may not ask.
        EphkError: the API could not be asked, answered nonsense, or has nothing for the region.
    """
    moment = (now or datetime.now(UTC)).replace(microsecond=0)
    client = session.client("pricing")
    products: list[Product] = []
    with progress.step(f"prices of {region}") as step, asking(_SERVICE, _ACTION):
        step.waiting("AmazonMSK brokers")
        products += _products(client, "AmazonMSK", regionCode=region, operation="RunBroker")
        for sku in SKUS:
            step.waiting(str(sku))
            products += _products(client, sku.service, contains=_common(sku), **{sku.region_field: region})
    chosen: list[tuple[Sku, Product]] = []
    skipped: list[Skipped] = []
    for sku in (*brokers_in(products), *SKUS):
        answer = choose(sku, region, products)
        if isinstance(answer, Skipped):
            skipped.append(answer)
        else:
            chosen.append((sku, answer))
    if not chosen:
        raise EphkError(
            f"{_SERVICE} has no prices for region {region}", next_step="Check the region's name; nothing was written."
        )
    version = moment.strftime("%Y%m%dT%H%M%SZ")
    path = refreshed_directory(target) / f"{region}_{version}.json"
    document = _document(version, region, chosen, moment, _ORIGIN[target], client.meta.endpoint_url)
    table_of(TableFile.model_validate(document), path)  # a table that could not be read again is not written
    write_private_json(path, document)
    return Refreshed(path, version, len(chosen), tuple(skipped))


def _common(sku: Sku) -> str:
    """Return the text that every spelling of a usage type contains."""
    return min((sku.usage_type, *sku.also), key=len)


def _products(client: Any, service: str, *, contains: str = "", **equal: str) -> list[Product]:
    filters = [{"Type": "EQUALS", "Field": field, "Value": value} for field, value in equal.items()]
    if contains:
        filters.append({"Type": "CONTAINS", "Field": "usagetype", "Value": contains})
    pages = client.get_paginator("get_products").paginate(
        ServiceCode=service, Filters=filters, FormatVersion="aws_v1", PaginationConfig={"PageSize": _PAGE}
    )
    found = []
    for page in pages:
        for text in page.get("PriceList", []):
            try:
                product = read_product(text)
            except ValueError as error:
                raise EphkError(
                    f"{_SERVICE} answered what cannot be read: {error}", next_step="Nothing was written; try again."
                ) from None
            if product is not None:
                found.append(product)
    return found


def _document(
    version: str, region: str, chosen: list[tuple[Sku, Product]], moment: datetime, origin: str, endpoint: str
) -> dict[str, Any]:
    newest: dict[str, Product] = {}
    by_service: dict[str, list[tuple[Sku, Product]]] = defaultdict(list)
    for sku, product in chosen:
        by_service[sku.service].append((sku, product))
        newest[sku.service] = max(newest.get(sku.service, product), product, key=lambda candidate: candidate.published)
    return {
        "schema": 1,
        "version": version,
        "currency": "USD",
        "sources": {
            service: {
                "title": f"{origin}: {service}",
                "document": f"GetProducts at {endpoint}",
                "dated": product.published.isoformat(),
                "read": moment.date().isoformat(),
            }
            for service, product in sorted(newest.items())
        },
        "prices": [
            {
                "region": region,
                "service": sku.service,
                "usage_type": product.usage_type,
                "unit": sku.unit,
                "usd": product.usd,
                "source": service,
            }
            for service, pairs in sorted(by_service.items())
            for sku, product in pairs
        ],
    }
