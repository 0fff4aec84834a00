"""The production layer on real brokers: what is done to the cluster while a load runs, and that nothing is lost.

A reboot through the control plane takes longest; `make resilience` runs it, too.
"""

from __future__ import annotations

from pathlib import Path

from tests.embedded.conftest import World


def test_a_broker_can_die_and_a_partition_can_be_moved_under_load(world: World, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("name: production\nauth: [scram, iam]\n")
    world.must("up", spec)
    asked = ("--contract", "production.partition.*", "--contract", "production.broker.killed")
    done = world.must("verify", "production", *asked, "--json")
    found = {result["id"]: result for result in done.json()["results"]}
    assert {name: result["status"] for name, result in found.items()} == {
        "production.partition.move": "verified",
        "production.broker.killed": "verified",
    }
    killed = found["production.broker.killed"]["evidence"]
    assert (killed["lost"], killed["duplicates"], killed["refused"]) == (0, 0, {})
    assert 0 < killed["stall_s"] <= killed["stall_limit_s"]
    assert found["production.broker.killed"]["layer"] == "production"
