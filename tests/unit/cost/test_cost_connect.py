"""Kafka Connect is billed by its workers."""

from __future__ import annotations

from orchestrator.cost.estimate import estimate
from orchestrator.cost.prices import packaged
from orchestrator.spec import EnvironmentSpec


def connect_lines(document: dict[str, object]) -> list[tuple[str, float]]:
    lines = estimate(EnvironmentSpec.model_validate(document), packaged()).lines
    return [(line.item.what, line.item.quantity.high) for line in lines if line.item.resource == "connect workers"]


def test_each_worker_of_each_connector_is_one_unit() -> None:
    assert connect_lines({"connect": {"canary": True}}) == [("2 MCU", 2)]


def test_without_connectors_there_is_no_line() -> None:
    assert connect_lines({}) == []
