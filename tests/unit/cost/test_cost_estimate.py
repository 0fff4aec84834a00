"""The estimate, reckoned by hand beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.cost.estimate import Estimate, estimate, spent
from orchestrator.cost.prices import PriceTable, UnknownPriceError, packaged
from orchestrator.cost.usage import Span, Usage
from orchestrator.errors import EphkError
from orchestrator.spec import EnvironmentSpec

IDLE = Usage(**{name: Span(0, 0) for name in Usage.__dataclass_fields__})
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def spec(**fields: Any) -> EnvironmentSpec:
    return EnvironmentSpec.model_validate({"name": "orders", "auth": ["scram", "iam"], **fields})


def of(asked: EnvironmentSpec, **options: Any) -> Estimate:
    return estimate(asked, packaged(), **options)


def line(reckoned: Estimate, resource: str, what: str = "") -> Any:
    (found,) = [item for item in reckoned.lines if item.item.resource == resource and item.item.what.startswith(what)]
    return found


def test_an_idle_environment_costs_what_it_holds() -> None:
    asked = spec(ttl="4h", brokers={"count": 3, "instance_type": "kafka.m7g.large", "storage_gb": 100})
    reckoned = of(asked, usage=IDLE)
    brokers, storage, key, secrets = 3 * 0.204, 3 * 100 * 0.10 / 730, 1.00 / 730, 2 * 0.40 / 730
    by_hand = brokers + storage + key + secrets
    assert reckoned.hourly.low == pytest.approx(by_hand)
    assert reckoned.hourly.high == pytest.approx(by_hand)
    assert reckoned.total.low == pytest.approx(4 * by_hand)


def test_a_busy_environment_costs_more_and_the_brokers_do_not() -> None:
    reckoned = of(spec())
    assert reckoned.hourly.low < reckoned.hourly.high
    brokers = line(reckoned, "brokers").hourly
    assert brokers.low == brokers.high
    assert all(item.hourly.low <= item.hourly.high for item in reckoned.lines)


def test_the_ttl_can_be_another_than_the_specs() -> None:
    one, ten = of(spec(), ttl=timedelta(hours=1), usage=IDLE), of(spec(), ttl=timedelta(hours=10), usage=IDLE)
    assert ten.total.high == pytest.approx(10 * one.total.high)
    assert ten.hourly == one.hourly


def test_clients_of_three_zones_pay_both_sides_of_two_thirds_of_their_traffic() -> None:
    usage = Usage(traffic_gb=Span(0, 6))
    assert line(of(spec(), usage=usage), "cross-zone transfer").hourly == Span(0, pytest.approx(6 * 2 / 3 * 2 * 0.01))
    alone = spec(brokers={"count": 1}, network={"zones": 1})
    assert line(of(alone, usage=usage), "cross-zone transfer").hourly == Span(0, 0)


def test_logs_are_delivered_by_every_broker_and_stay() -> None:
    reckoned = of(spec(ttl="10h"), usage=Usage(log_gb=Span(0.1, 0.2)))
    assert line(reckoned, "broker logs", "delivery").hourly == Span(pytest.approx(0.15), pytest.approx(0.3))
    assert line(reckoned, "broker logs", "storage").hourly.high == pytest.approx(3 * 0.2 * 10 * 0.03 / 730)


def test_mutual_tls_costs_an_authority_and_its_certificates_once() -> None:
    fields = {
        "auth": ["iam", "mtls"],
        "topics": [{"name": "a"}],
        "principals": [{"name": "p", "auth": "mtls", "grants": [{"topic": "a", "allow": ["produce"]}]}],
    }
    reckoned = of(spec(**fields), usage=Usage(certificates=Span(1, 3)))
    assert line(reckoned, "private CA", "1 ").hourly.low == pytest.approx(400 / 730)
    assert reckoned.once == Span(2 * 0.75, 4 * 0.75)
    longer = of(spec(**fields, ttl="2d"), usage=Usage(certificates=Span(1, 3)))
    assert longer.once == reckoned.once
    assert longer.total.low > reckoned.total.low


def test_without_mutual_tls_and_scram_there_is_neither_authority_nor_secret() -> None:
    resources = {item.item.resource for item in of(spec(auth=["iam"])).lines}
    assert not resources & {"private CA", "SCRAM secrets"}
    assert of(spec(auth=["iam"])).once == Span(0, 0)


def test_the_document_has_every_price_with_its_source_and_sums_up() -> None:
    document = of(spec()).document()
    assert document["total"]["high"] == pytest.approx(
        sum(item["total"]["high"] for item in document["lines"]), abs=1e-4
    )
    assert all(item["source"]["title"] and item["source"]["read"] for item in document["lines"])
    assert {item["resource"] for item in document["not_charged"]} >= {"S3 gateway endpoint"}


def test_everything_without_a_price_is_named_at_once() -> None:
    table = packaged()
    poorer = PriceTable(table.version, {key: price for key, price in table.prices.items() if key[1] != "AmazonS3"})
    with pytest.raises(UnknownPriceError) as caught:
        estimate(spec(), poorer)
    assert len(caught.value.details) == 3


def test_an_unknown_broker_type_or_region_is_an_error_and_never_zero() -> None:
    with pytest.raises(UnknownPriceError, match=r"Kafka\.m5\.12xlarge"):
        of(spec(brokers={"instance_type": "kafka.m5.12xlarge"}))
    with pytest.raises(UnknownPriceError, match="no prices for region eu-west-1"):
        of(spec(region="eu-west-1"))


def test_express_brokers_are_refused_with_the_reason() -> None:
    with pytest.raises(EphkError, match="does not cover Express brokers"):
        of(spec(brokers={"instance_type": "express.m7g.large"}))


@pytest.mark.parametrize(("hours", "low", "high"), [(2, 3.0, 8.0), (0, 1.0, 2.0), (-5, 1.0, 2.0)])
def test_spent_is_time_by_rate_and_what_is_charged_once(hours: float, low: float, high: float) -> None:
    end = NOW + timedelta(hours=hours)
    assert spent(Span(1, 3), NOW, end, once=Span(1, 2)) == Span(low, high)


def test_spent_without_charges_once() -> None:
    assert spent(Span(1, 3), NOW, NOW + timedelta(minutes=30)) == Span(0.5, 1.5)


@settings(deadline=None, max_examples=50)
@given(
    zones=st.integers(1, 3),
    per_zone=st.integers(1, 4),
    storage=st.integers(1, 16384),
    hours=st.floats(0.1, 168),
    auth=st.sampled_from([("iam",), ("iam", "scram"), ("iam", "mtls"), ("scram", "iam", "mtls")]),
    broker=st.sampled_from(["kafka.t3.small", "kafka.m7g.large", "kafka.m5.24xlarge"]),
)
def test_whatever_is_asked_for_low_is_not_above_high_and_more_is_not_cheaper(
    zones: int, per_zone: int, storage: int, hours: float, auth: tuple[str, ...], broker: str
) -> None:
    brokers = {"count": zones * per_zone, "storage_gb": storage, "instance_type": broker}
    asked = spec(auth=auth, network={"zones": zones}, brokers=brokers)
    reckoned = of(asked, ttl=timedelta(hours=hours))
    assert 0 < reckoned.hourly.low <= reckoned.hourly.high
    assert reckoned.once.low <= reckoned.once.high
    assert reckoned.total.low <= reckoned.total.high
    longer = of(asked, ttl=timedelta(hours=hours * 2))
    assert longer.total.low > reckoned.total.low
    assert longer.total.high > reckoned.total.high
    one_more = spec(auth=auth, network={"zones": zones}, brokers={**brokers, "count": zones * (per_zone + 1)})
    assert of(one_more, ttl=timedelta(hours=hours)).total.low > reckoned.total.low
