"""The price tables: every price has a source, and what has none is an error."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cost import skus
from orchestrator.cost.prices import (
    PACKAGED,
    TableFile,
    UnknownPriceError,
    latest_refreshed,
    packaged,
    read_table,
    refreshed_directory,
    table_for,
)
from orchestrator.errors import EphkError, ExitCode


def document(**changes: Any) -> dict[str, Any]:
    source = {"title": "A price list", "document": "somewhere", "dated": "2026-01-02", "read": "2026-01-03"}
    row = {
        "region": "us-east-1",
        "service": "awskms",
        "usage_type": "us-east-1-KMS-Keys",
        "unit": "month",
        "usd": 2.0,
        "source": "list",
    }
    return {
        "schema": 1,
        "version": "20260103T000000Z",
        "currency": "USD",
        "sources": {"list": source},
        "prices": [row],
        **changes,
    }


def written(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_every_packaged_price_names_a_dated_source_and_no_source_is_idle() -> None:
    file = TableFile.model_validate_json(PACKAGED.read_bytes())
    assert {row.source for row in file.prices} == set(file.sources)
    for source in file.sources.values():
        assert source.title
        assert source.document
        assert source.as_of <= date.fromisoformat(file.version)
    assert all(row.usd > 0 for row in file.prices)


def test_packaged_units_are_those_of_the_skus() -> None:
    for (region, service, usage_type), price in packaged().prices.items():
        known = [sku for sku in skus.SKUS if sku.service == service and sku.is_called(usage_type)]
        expected = known[0].unit if known else "hour"  # what is no SKU of the list is a broker
        assert price.unit == expected, (region, service, usage_type)


@pytest.mark.parametrize(
    ("instance_type", "usd"), [("kafka.t3.small", 0.0456), ("kafka.m5.24xlarge", 10.08), ("kafka.m7g.large", 0.204)]
)
def test_broker_prices(instance_type: str, usd: float) -> None:
    price = packaged().find("us-east-1", skus.broker(instance_type))
    assert price is not None
    assert price.usd == usd


@pytest.mark.parametrize(
    ("written_as", "without"),
    [
        ("USE1-Kafka.m7g.large", "Kafka.m7g.large"),
        ("EU-Kafka.Storage.GP2", "Kafka.Storage.GP2"),
        ("APS1-TimedStorage-ByteHrs", "TimedStorage-ByteHrs"),
        ("us-east-1-KMS-Keys", "KMS-Keys"),
        ("ap-southeast-1-KMS-Requests", "KMS-Requests"),
        ("TimedStorage-ByteHrs", "TimedStorage-ByteHrs"),
        ("NatGateway-Hours", "NatGateway-Hours"),
        ("USE1-AWSSecretsManager-Secrets", "AWSSecretsManager-Secrets"),
        ("AWSSecretsManagerAPIRequest", "AWSSecretsManagerAPIRequest"),
        ("KMS-Keys", "KMS-Keys"),
        ("CAN1-VendedLog-Bytes", "VendedLog-Bytes"),
    ],
)
def test_usage_types_without_their_region(written_as: str, without: str) -> None:
    assert skus.without_region(written_as) == without
    assert skus.without_region(without) == without


def test_both_spellings_of_a_secret_are_one_sku() -> None:
    assert packaged().find("us-east-1", skus.SECRET) is not None
    assert packaged().find("ap-southeast-1", skus.SECRET) is not None


def test_what_has_no_price_is_named_with_the_way_to_get_one() -> None:
    table = packaged()
    one = table.unknown("us-east-1", [("brokers", skus.broker("kafka.m5.12xlarge"))])
    assert isinstance(one, UnknownPriceError)
    assert one.exit_code == ExitCode.FAILED
    assert "no price in us-east-1 for brokers: AmazonMSK Kafka.m5.12xlarge" in one.message
    assert "ephk cost --refresh --target aws" in one.next_step
    two = table.unknown("us-east-1", [("a", skus.KMS_KEY), ("b", skus.SECRET)])
    assert two.details == ("a: awskms KMS-Keys", "b: AWSSecretsManager AWSSecretsManager-Secrets")


def test_an_unknown_region_is_named_with_those_that_are_known() -> None:
    error = packaged().unknown("eu-west-1", [("KMS key", skus.KMS_KEY)])
    assert "no prices for region eu-west-1" in error.message
    assert "ap-southeast-1, us-east-1" in error.message


def test_the_newest_fetched_table_goes_before_the_packaged_one(cache: Path) -> None:
    directory = refreshed_directory("aws")
    written(directory / "us-east-1_20260102T000000Z.json", document())
    newest = document(version="20260103T000000Z")
    newest["prices"][0]["usd"] = 3.0
    written(directory / "us-east-1_20260103T000000Z.json", newest)
    written(directory / "us-east-1_notes.json", {"not": "a table"})
    written(directory / "us-east-2_20270101T000000Z.json", document())
    table = table_for("aws", "us-east-1")
    key, secret = table.find("us-east-1", skus.KMS_KEY), table.find("us-east-1", skus.SECRET)
    assert (table.version, key and key.usd, secret and secret.usd) == ("20260103T000000Z", 3.0, 0.4)


def test_a_rehearsed_table_is_never_used_for_aws(cache: Path) -> None:
    written(refreshed_directory("embedded") / "us-east-1_20260103T000000Z.json", document())
    assert latest_refreshed("aws", "us-east-1") is None
    assert table_for("aws", "us-east-1") is packaged()
    rehearsed = table_for("embedded", "us-east-1").find("us-east-1", skus.KMS_KEY)
    assert rehearsed is not None
    assert rehearsed.usd == 2.0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "Invalid JSON"),
        ("[]", "damaged"),
        (json.dumps(document(schema=2)), "schema"),
        (json.dumps(document(currency="EUR")), "currency"),
        (json.dumps(document(prices=[])), "prices"),
        (json.dumps(document(sources={})), "names no source of the table (list)"),
        (json.dumps(document(prices=document()["prices"] * 2)), "is there twice"),
        (json.dumps(document(prices=[{**document()["prices"][0], "usd": -1}])), "usd"),
        (json.dumps(document(prices=[{**document()["prices"][0], "unit": "week"}])), "unit"),
        (json.dumps(document(more=1)), "more"),
    ],
)
def test_a_damaged_table_is_refused_and_named(cache: Path, content: str, says: str) -> None:
    path = refreshed_directory("aws") / "us-east-1_20260103T000000Z.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(EphkError) as caught:
        table_for("aws", "us-east-1")
    assert str(path) in caught.value.message
    assert says in caught.value.message
    assert "Delete" in caught.value.next_step


def test_a_missing_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EphkError, match="cannot be read"):
        read_table(tmp_path / "absent.json")
