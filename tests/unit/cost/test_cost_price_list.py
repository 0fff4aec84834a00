"""Reading the Price List API's documents."""

from __future__ import annotations

import json
from datetime import date

import pytest

from orchestrator.cost import skus
from orchestrator.cost.price_list import Product, Skipped, brokers_in, choose, read_product
from tests.unit.cost.price_list_products import product, text


def read(*arguments: object, **options: object) -> Product:
    found = read_product(text(*arguments, **options))
    assert found is not None
    return found


def test_a_product_is_read_with_its_price_and_date() -> None:
    found = read("USE1-Kafka.m7g.large", ("0", "0.2040000000"), operation="RunBroker")
    assert (found.service, found.usage_type, found.unit) == ("AmazonMSK", "USE1-Kafka.m7g.large", "hours")
    assert found.usd == 0.204
    assert found.published == date(2026, 10, 10)


def test_the_first_tier_that_is_not_free_counts_whatever_their_order() -> None:
    tiers = (("20000", "0.000003"), ("0", "0.0"), ("1000000", "0.000002"))
    assert read("us-east-1-KMS-Requests", *tiers, unit="Requests").usd == 0.000003
    assert read("free", ("0", "0.0")).usd == 0.0


def test_a_product_without_an_on_demand_price_in_dollars_is_none() -> None:
    reserved = product("USE1-Kafka.m7g.large", ("0", "1"))
    reserved["terms"] = {"Reserved": reserved["terms"]["OnDemand"]}
    assert read_product(json.dumps(reserved)) is None
    yuan = text("USE1-Kafka.m7g.large", ("0", "1")).replace('"USD"', '"CNY"')
    assert read_product(yuan) is None


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "[]",
        "{}",
        text("u", ("0", "1")).replace("publicationDate", "published"),
        text("u", ("0", "one")),
        text("u", ("0", "1")).replace('"terms": {"OnDemand"', '"terms": ["OnDemand"], "x": {"y"'),
    ],
)
def test_what_is_no_product_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match="not a product"):
        read_product(broken)


def test_brokers_are_told_from_everything_else_that_kafka_is_billed_for() -> None:
    products = [
        read("USE1-Kafka.m7g.large", ("0", "0.2"), operation="RunBroker"),
        read("Kafka.m5.24xlarge", ("0", "10"), operation="RunBroker"),
        read("USE1-Kafka.mcu.general", ("0", "0.1"), operation="RunConnector"),
        read("USE1-Kafka.Storage.GP2", ("0", "0.1"), operation="RunVolume"),
        read("USE1-Express.m7g.large", ("0", "0.4"), operation="RunBroker"),
    ]
    assert brokers_in(products) == [skus.broker("kafka.m5.24xlarge"), skus.broker("kafka.m7g.large")]


def test_the_product_of_the_region_with_the_right_unit_is_chosen() -> None:
    wanted = read("USE1-Kafka.Storage.GP2", ("0", "0.1"), unit="GB-Mo")
    others = [
        read("APS1-Kafka.Storage.GP2", ("0", "0.12"), unit="GB-Mo", regionCode="ap-southeast-1"),
        read("USE1-Kafka.Storage.Tiered", ("0", "0.06"), unit="GB-Mo"),
        read("USE1-Kafka.Storage.GP2", ("0", "9"), unit="GB-Mo", service="AmazonES"),
        read("USE1-Kafka.Storage.GP2", ("0", "9"), unit="hours"),
    ]
    assert choose(skus.BROKER_STORAGE, "us-east-1", [*others, wanted]) is wanted


def test_transfer_is_found_by_the_region_it_leaves() -> None:
    options = {"service": "AWSDataTransfer", "unit": "GB", "regionCode": "", "fromRegionCode": "us-east-1"}
    wanted = read("DataTransfer-Regional-Bytes", ("0", "0.01"), **options)
    assert choose(skus.ZONE_TRANSFER, "us-east-1", [wanted]) is wanted
    assert isinstance(choose(skus.ZONE_TRANSFER, "us-east-2", [wanted]), Skipped)


def test_several_products_of_one_price_are_one() -> None:
    twins = [read("USE1-TimedStorage-ByteHrs", ("0", "0.03"), service="AmazonCloudWatch", unit="GB-Mo")] * 2
    assert choose(skus.LOG_STORAGE, "us-east-1", twins) is twins[0]


@pytest.mark.parametrize(
    ("usd", "unit", "says"),
    [
        (("0.03", "0.04"), "GB-Mo", "several prices: 0.03, 0.04 USD"),
        (("0.03",), "Hrs", "priced by 'Hrs', not by GB-month"),
        (("0.03",), "Widgets", "priced by 'Widgets'"),
        ((), "", "no such product"),
    ],
)
def test_what_cannot_be_chosen_says_why(usd: tuple[str, ...], unit: str, says: str) -> None:
    products = [read("TimedStorage-ByteHrs", ("0", amount), service="AmazonCloudWatch", unit=unit) for amount in usd]
    answer = choose(skus.LOG_STORAGE, "us-east-1", products)
    assert isinstance(answer, Skipped)
    assert says in answer.reason


def test_words_for_counted_things_are_let_pass() -> None:
    key = read("us-east-1-KMS-Keys", ("0", "1"), service="awskms", unit="Keys")
    assert choose(skus.KMS_KEY, "us-east-1", [key]) is key
