"""Fetching prices: what is asked, what is written, and what happens when AWS says no."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from orchestrator.cost import skus
from orchestrator.cost.answers import RefusedError
from orchestrator.cost.prices import refreshed_directory, table_for
from orchestrator.cost.refresh import refresh
from orchestrator.errors import EphkError
from orchestrator.progress import SilentProgress
from tests.unit.cost.price_list_products import text

NOW = datetime(2026, 11, 1, 12, 30, 15, 999, tzinfo=UTC)


class FakePricing:
    """Serves products in pages of one, to whoever asks for their service; keeps the requests."""

    meta = SimpleNamespace(endpoint_url="https://api.pricing.us-east-1.amazonaws.com")

    def __init__(self, products: list[str], failure: Exception | None = None) -> None:
        self.products, self.failure = products, failure
        self.requests: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> FakePricing:
        assert operation == "get_products"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        for product in self.products:
            if f'"serviceCode": "{request["ServiceCode"]}"' in product or not product.startswith("{"):
                yield {"PriceList": [product]}
        yield {}


class FakeSession:
    def __init__(self, pricing: FakePricing) -> None:
        self.pricing = pricing

    def client(self, service: str) -> FakePricing:
        assert service == "pricing"
        return self.pricing


PRODUCTS = [
    text("USE1-Kafka.m7g.large", ("0", "0.3"), operation="RunBroker"),
    text("USE1-Kafka.m7g.xlarge", ("0", "0.6"), operation="RunBroker"),
    text("us-east-1-KMS-Keys", ("0", "1.5"), service="awskms", unit="Keys"),
    text("us-east-1-KMS-Requests", ("0", "0"), ("20000", "0.000004"), service="awskms", unit="Requests"),
    text("USE1-TimedStorage-ByteHrs", ("0", "0.03"), service="AmazonCloudWatch", unit="GB-Mo"),
    text("TimedStorage-ByteHrs", ("0", "0.04"), service="AmazonCloudWatch", unit="GB-Mo"),
]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def fetched(products: list[str] = PRODUCTS, failure: Exception | None = None, region: str = "us-east-1") -> Any:
    pricing = FakePricing(products, failure)
    return refresh(FakeSession(pricing), "aws", region, SilentProgress(), NOW), pricing  # type: ignore[arg-type]


def test_what_was_fetched_is_written_privately_with_its_source_and_is_used_from_then_on() -> None:
    done, _ = fetched()
    assert done.path == refreshed_directory("aws") / "us-east-1_20261101T123015Z.json"
    assert done.path.stat().st_mode & 0o777 == 0o600
    source = json.loads(done.path.read_text())["sources"]["awskms"]
    assert source == {
        "title": "AWS Price List Query API: awskms",
        "document": "GetProducts at https://api.pricing.us-east-1.amazonaws.com",
        "dated": "2026-10-10",
        "read": "2026-11-01",
    }
    table = table_for("aws", "us-east-1")
    found = {sku: table.find("us-east-1", sku) for sku in (skus.broker("kafka.m7g.xlarge"), skus.KMS_REQUEST)}
    assert [price and price.usd for price in found.values()] == [0.6, 0.000004]
    assert done.priced == 4


def test_what_got_no_price_is_told_and_the_packaged_price_stays() -> None:
    done, _ = fetched()
    reasons = {str(item.sku): item.reason for item in done.skipped}
    assert "several prices" in reasons["AmazonCloudWatch TimedStorage-ByteHrs"]
    assert "no such product" in reasons["AWSSecretsManager AWSSecretsManager-Secrets"]
    kept = table_for("aws", "us-east-1").find("us-east-1", skus.LOG_STORAGE)
    assert kept is not None
    assert kept.source.title.startswith("CloudWatch Logs products")


def test_every_service_is_asked_for_the_region_and_nothing_else() -> None:
    _, pricing = fetched()
    assert {request["ServiceCode"] for request in pricing.requests} == {"AmazonMSK", *(s.service for s in skus.SKUS)}
    for request in pricing.requests:
        fields = {item["Field"]: item["Value"] for item in request["Filters"]}
        assert fields.get("regionCode", fields.get("fromRegionCode")) == "us-east-1"
        assert request["FormatVersion"] == "aws_v1"
    secrets = [r for r in pricing.requests if r["ServiceCode"] == "AWSSecretsManager"]
    assert {"Type": "CONTAINS", "Field": "usagetype", "Value": "AWSSecretsManager-Secret"} in secrets[0]["Filters"]


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetProducts")


@pytest.mark.parametrize(
    ("failure", "kind", "says"),
    [
        (refused("AccessDeniedException"), RefusedError, "refuses pricing:GetProducts: no"),
        (refused("ThrottlingException"), EphkError, "failed: ThrottlingException"),
        (NoCredentialsError(), EphkError, "there are no AWS credentials"),
        (EndpointConnectionError(endpoint_url="https://x"), EphkError, "could not be reached"),
    ],
)
def test_a_failure_names_its_cause_and_writes_nothing(failure: Exception, kind: type[EphkError], says: str) -> None:
    with pytest.raises(kind, match=says) as caught:
        fetched(failure=failure)
    assert caught.value.next_step
    assert not refreshed_directory("aws").exists()


def test_only_a_refusal_is_called_one() -> None:
    with pytest.raises(EphkError) as caught:
        fetched(failure=refused("ThrottlingException"))
    assert not isinstance(caught.value, RefusedError)


def test_nonsense_is_refused_and_nothing_is_written() -> None:
    with pytest.raises(EphkError, match="cannot be read"):
        fetched([*PRODUCTS, "nonsense"])
    assert not refreshed_directory("aws").exists()


def test_a_region_that_has_no_prices_is_an_error_and_nothing_is_written() -> None:
    with pytest.raises(EphkError, match="has no prices for region us-east-9"):
        fetched(region="us-east-9")
    assert not refreshed_directory("aws").exists()
