"""The production layer on real brokers: what is done to the cluster while a load runs, and that nothing is lost.

A reboot through the control plane takes longest; `make resilience` runs it, too.
"""

from __future__ import annotations

from tests.embedded.conftest import Orders


def test_a_partition_can_be_moved_and_a_broker_can_die_under_load(orders: Orders) -> None:
    asked = ("--contract", "production.partition.*", "--contract", "production.broker.killed")
    done = orders.world.must("verify", orders.name, *asked, "--json")
    found = {result["id"]: result for result in done.json()["results"]}
    assert {name: result["status"] for name, result in found.items()} == {
        "production.partition.move": "verified",
        "production.broker.killed": "verified",
    }
    killed = found["production.broker.killed"]["evidence"]
    assert (killed["lost"], killed["duplicates"], killed["refused"]) == (0, 0, {})
    assert 0 < killed["stall_s"] <= killed["stall_limit_s"]
    assert found["production.broker.killed"]["layer"] == "production"
