"""A topic's configuration as real brokers state it, against what a spec declares."""

from __future__ import annotations

import pytest

from contracts.custom import with_custom
from contracts.model import Result
from contracts.registry import Registry
from contracts.runner import run
from orchestrator.spec_contracts import ContractSpec, TopicExpectation
from tests.embedded.contracts.harness import Harness


def result(harness: Harness, expected: TopicExpectation) -> Result:
    registry = with_custom(Registry(), [ContractSpec(id="team.topic", risk="r", topic=expected)])
    with harness.access() as access:
        (found,) = run(harness.environment, access, registry=registry, deadline_s=20)
    return found


def test_every_broker_states_the_configuration(harness: Harness) -> None:
    config = {"cleanup.policy": "compact", "retention.ms": ">= 1000", "min.insync.replicas": "<= 3"}
    found = result(harness, TopicExpectation(name="latest", partitions=3, config=config))
    assert found.status == "verified", found.reason
    assert found.evidence.keys() == {"broker 1", "broker 2", "broker 3"}
    assert found.evidence["broker 3"]["cleanup.policy"] == "compact"


@pytest.mark.parametrize(
    ("expected", "status", "says"),
    [
        (TopicExpectation(name="orders", config={"cleanup.policy": "compact"}), "failed", "is delete, not compact"),
        (TopicExpectation(name="orders", partitions=4), "failed", "has 3 partitions, not 4"),
        (TopicExpectation(name="orders", config={"no.such": "1"}), "error", "no configuration no.such"),
        (TopicExpectation(name="absent", partitions=1), "error", "UNKNOWN_TOPIC_OR_PART"),
    ],
)
def test_another_one_fails_and_none_is_no_answer(
    harness: Harness, expected: TopicExpectation, status: str, says: str
) -> None:
    found = result(harness, expected)
    assert (found.status, says in found.reason) == (status, True), found.reason
