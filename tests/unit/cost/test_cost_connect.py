"""Kafka Connect is billed by its workers."""

from __future__ import annotations

from orchestrator.cost.estimate import estimate
from orchestrator.cost.prices import packaged
from orchestrator.spec import EnvironmentSpec


def connect_lines(document: dict[str, object], resource: str = "connect workers") -> list[tuple[str, float]]:
    lines = estimate(EnvironmentSpec.model_validate(document), packaged()).lines
    return [(line.item.what, line.item.quantity.high) for line in lines if line.item.resource == resource]


def test_each_worker_of_each_connector_is_one_unit() -> None:
    assert connect_lines({"connect": {"canary": True}}) == [("2 MCU", 2)]


def test_without_connectors_there_is_no_line() -> None:
    assert connect_lines({}) == []


def test_endpoints_and_secrets_of_connectors_are_billed() -> None:
    connect = {
        "canary": True,
        "secrets": [{"name": "made", "generate": ["password"]}, {"name": "theirs", "existing": "prod/db"}],
        "egress": [{"host": "sts.us-east-1.amazonaws.com", "port": 443, "endpoint": "sts"}],
    }
    assert connect_lines({"connect": connect}, "interface endpoints") == [("secretsmanager, sts in 3 zones", 6)]
    assert connect_lines({"connect": connect}, "connect secrets") == [("1 secrets", 1)]
    assert connect_lines({"connect": {"canary": True}}, "interface endpoints") == []
