"""Every broker as a leader of real partitions; a broker that is missing is a failure, never left out of the sum."""

from __future__ import annotations

from contracts.brokers import RECORDS
from contracts.model import Result, Watch
from contracts.runner import run
from contracts.wire import requests
from orchestrator.environment import Environment
from tests.embedded.contracts.harness import Harness


def result(harness: Harness, of: Environment | None = None) -> Result:
    environment = of or harness.environment
    with harness.access(environment) as access:
        (found,) = run(environment, access, select=["broker.round-trip"], deadline_s=25)
    return found


def test_every_broker_stores_and_returns_and_nothing_stays(harness: Harness) -> None:
    found = result(harness)
    assert found.status == "verified", found.reason
    assert found.evidence.keys() == {"broker 1", "broker 2", "broker 3"}
    for told in found.evidence.values():
        assert (told["acknowledged"], told["lost"], told["duplicates"]) == (RECORDS, 0, 0)
        assert 0 < told["p50 ms"] <= told["p95 ms"] <= told["p99 ms"]
    with harness.access() as access:
        topics = requests.metadata(access.any_connection(access.operator, Watch(20)), None).topics
    assert not [name for name in topics if name.startswith("ephk-probe")]


def test_a_broker_that_is_not_there_fails_it(harness: Harness) -> None:
    environment = harness.environment
    more = environment.model_copy(update={"cluster": environment.cluster.model_copy(update={"brokers": 4})})
    found = result(harness, more)
    assert (found.status, found.reason) == ("failed", "3 of 4 brokers are there")
