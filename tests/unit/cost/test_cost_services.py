"""The embedded cloud's Price List API and Cost Explorer, against botocore's models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cost.price_list import read_product
from orchestrator.cost.prices import packaged
from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway.backends import serialize
from orchestrator.embedded.gateway.models import service_model
from orchestrator.embedded.gateway.service import AwsError, Caller
from orchestrator.embedded.pricing import CostExplorerBackend, PriceListBackend
from orchestrator.tags import LEASE

CALLER = Caller("administrator", "arn:aws:iam::123456789012:user/administrator", "123456789012")
CONTEXT = CloudContext("us-east-1", "123456789012", Path("nowhere"), "http://127.0.0.1:1/x", "token")
MARCH = {"Start": "2026-03-30", "End": "2026-05-02"}


def call(backend: Any, operation: str, **params: Any) -> dict[str, Any]:
    """Invoke an operation and pass its answer through the model, which refuses unknown members."""
    answer = backend.invoke(operation, params, CALLER)
    shape = service_model(backend.service).operation_model(operation)
    return dict(json.loads(serialize(shape, "json", answer).body))


@pytest.fixture
def prices() -> PriceListBackend:
    return PriceListBackend(CONTEXT)


@pytest.fixture
def costs() -> CostExplorerBackend:
    return CostExplorerBackend(CONTEXT)


def where(kind: str, field: str, value: str) -> dict[str, str]:
    return {"Type": kind, "Field": field, "Value": value}


def all_products(prices: PriceListBackend, size: int, *filters: dict[str, str]) -> list[str]:
    found, token = [], {}
    while True:
        page = call(prices, "GetProducts", ServiceCode="AmazonMSK", Filters=list(filters), MaxResults=size, **token)
        found += page["PriceList"]
        assert len(page["PriceList"]) <= size
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


def test_every_packaged_price_comes_back_as_a_document_of_awss_form(prices: PriceListBackend) -> None:
    services = [entry["ServiceCode"] for entry in call(prices, "DescribeServices")["Services"]]
    texts = [text for s in services for text in call(prices, "GetProducts", ServiceCode=s)["PriceList"]]
    products = [read_product(text) for text in texts]
    assert sorted(p.usd for p in products if p) == sorted(price.usd for price in packaged().prices.values())
    skus = {json.loads(text)["product"]["sku"] for text in texts}
    assert len(skus) == len(texts)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_products_are_paged_without_gap_or_repetition(prices: PriceListBackend, size: int) -> None:
    assert all_products(prices, size) == all_products(prices, 100)


def sizes(*named: str) -> int:
    """Count the packaged MSK brokers of the named sizes, in every region."""
    return sum(usage_type.removeprefix("Kafka.") in named for _, _, usage_type in packaged().prices)


BROKERS = tuple(
    usage_type.removeprefix("Kafka.")
    for _, _, usage_type in packaged().prices
    if usage_type.startswith(("Kafka.t3.", "Kafka.m5.", "Kafka.m7g."))
)


@pytest.mark.parametrize(
    ("item", "count"),
    [
        (where("TERM_MATCH", "computeFamily", "m7g.large"), sizes("m7g.large")),
        (where("EQUALS", "usagetype", "USE1-Kafka.m7g.large"), 1),
        (where("CONTAINS", "usagetype", "Storage"), sizes("Storage.GP2")),
        (where("ANY_OF", "computeFamily", "m7g.large,m5.large"), sizes("m7g.large", "m5.large")),
        (where("NONE_OF", "computeFamily", "t3.small"), len(BROKERS) - sizes("t3.small")),
        (where("EQUALS", "instanceType", "kafka.m7g.large"), 0),
    ],
)
def test_filters(prices: PriceListBackend, item: dict[str, str], count: int) -> None:
    assert len(all_products(prices, 100, item)) == count


def test_all_filters_must_hold(prices: PriceListBackend) -> None:
    both = where("EQUALS", "operation", "RunBroker"), where("EQUALS", "regionCode", "ap-southeast-1")
    found = [json.loads(text)["product"]["attributes"] for text in all_products(prices, 100, *both)]
    assert found
    assert all(item["regionCode"] == "ap-southeast-1" and item["computeFamily"] in BROKERS for item in found)


def test_attribute_values(prices: PriceListBackend) -> None:
    answer = call(prices, "GetAttributeValues", ServiceCode="AmazonMSK", AttributeName="regionCode", MaxResults=1)
    assert answer["AttributeValues"] == [{"Value": "ap-southeast-1"}]
    (service,) = call(prices, "DescribeServices", ServiceCode="awskms")["Services"]
    assert {"usagetype", "regionCode", "productFamily"} <= set(service["AttributeNames"])


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("GetProducts", {"ServiceCode": "AmazonTea"}, "NotFoundException"),
        ("DescribeServices", {"ServiceCode": "AmazonTea"}, "NotFoundException"),
        ("GetAttributeValues", {"ServiceCode": "awskms", "AttributeName": "taste"}, "NotFoundException"),
        ("GetProducts", {"ServiceCode": "awskms", "NextToken": "?"}, "InvalidNextTokenException"),
        ("GetProducts", {"ServiceCode": "awskms", "FormatVersion": "aws_v2"}, "InvalidParameterException"),
        ("GetProducts", {"ServiceCode": "awskms", "Filters": [where("LIKE", "a", "b")]}, "InvalidParameterException"),
    ],
)
def test_refusals(prices: PriceListBackend, operation: str, params: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as caught:
        prices.invoke(operation, params, CALLER)
    assert caught.value.code == code


def test_what_is_not_there_is_not_there(prices: PriceListBackend, costs: CostExplorerBackend) -> None:
    for backend, operation in ((prices, "ListPriceLists"), (costs, "GetCostForecast")):
        with pytest.raises(NotImplementedError):
            backend.invoke(operation, {}, CALLER)
        assert backend.tagged_resources() == []
        backend.close()


def test_costs_are_zero_by_day_and_by_month(costs: CostExplorerBackend) -> None:
    request = {"TimePeriod": MARCH, "Metrics": ["UnblendedCost"]}
    days = call(costs, "GetCostAndUsage", Granularity="DAILY", **request)["ResultsByTime"]
    assert len(days) == 33
    assert all(day["Total"] == {"UnblendedCost": {"Amount": "0", "Unit": "USD"}} and day["Estimated"] for day in days)
    months = call(costs, "GetCostAndUsage", Granularity="MONTHLY", **request)["ResultsByTime"]
    assert [month["TimePeriod"]["Start"] for month in months] == ["2026-03-30", "2026-04-01", "2026-05-01"]
    assert months[-1]["TimePeriod"]["End"] == "2026-05-02"


def test_grouped_costs_have_no_groups_and_no_total(costs: CostExplorerBackend) -> None:
    by_tag = [{"Type": "TAG", "Key": LEASE}]
    request = {"TimePeriod": MARCH, "Metrics": ["UnblendedCost"], "Granularity": "MONTHLY", "GroupBy": by_tag}
    answer = call(costs, "GetCostAndUsage", **request)
    assert answer["GroupDefinitions"] == by_tag
    assert all(month["Groups"] == [] and month["Total"] == {} for month in answer["ResultsByTime"])
    assert call(costs, "GetTags", TimePeriod=MARCH)["Tags"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"TimePeriod": {"Start": "2026-03-02", "End": "2026-03-02"}},
        {"TimePeriod": {"Start": "yesterday", "End": "2026-03-02"}},
        {"Metrics": ["Happiness"]},
        {"Metrics": []},
        {"Granularity": "HOURLY"},
        {"GroupBy": [{"Type": "DIMENSION", "Key": key} for key in ("SERVICE", "AZ", "REGION")]},
    ],
)
def test_a_wrong_question_is_refused(costs: CostExplorerBackend, change: dict[str, Any]) -> None:
    request = {"TimePeriod": MARCH, "Metrics": ["UnblendedCost"], "Granularity": "DAILY", **change}
    with pytest.raises(AwsError) as caught:
        costs.invoke("GetCostAndUsage", request, CALLER)
    assert caught.value.code == "ValidationException"


def test_tags_are_activated_and_listed(costs: CostExplorerBackend) -> None:
    assert call(costs, "ListCostAllocationTags", TagKeys=[LEASE])["CostAllocationTags"] == []
    for key, status in ((LEASE, "Active"), ("other", "Inactive")):
        change = [{"TagKey": key, "Status": status}]
        assert call(costs, "UpdateCostAllocationTagsStatus", CostAllocationTagsStatus=change)["Errors"] == []
    (active,) = call(costs, "ListCostAllocationTags", Status="Active", Type="UserDefined")["CostAllocationTags"]
    assert (active["TagKey"], active["Type"]) == (LEASE, "UserDefined")
    assert call(costs, "ListCostAllocationTags", Type="AWSGenerated")["CostAllocationTags"] == []
