"""The production layer on real brokers: what is done to the cluster while a load runs, and that nothing is lost.

What restarts brokers through the control plane takes longest (a reboot, a configuration that is taken back); `make
resilience` runs that, too.
"""

from __future__ import annotations

from pathlib import Path

from tests.embedded.conftest import World


def test_a_broker_can_die_or_be_added_and_a_partition_can_be_moved_under_load(world: World, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    # One zone, so that one broker is added and not three.
    spec.write_text("name: production\nauth: [scram, iam]\nnetwork: {zones: 1}\n")
    world.must("up", spec)
    names = ("production.partition.move", "production.broker.killed", "production.broker.added")
    asked = [argument for name in names for argument in ("--contract", name)]
    done = world.must("verify", "production", *asked, "--json")
    found = {result["id"]: result for result in done.json()["results"]}
    assert {name: (result["status"], result["reason"]) for name, result in found.items()} == dict.fromkeys(
        names, ("verified", "")
    )
    killed = found["production.broker.killed"]["evidence"]
    assert (killed["lost"], killed["duplicates"], killed["refused"]) == (0, 0, {})
    assert 0 < killed["stall_s"] <= killed["stall_limit_s"]
    assert found["production.broker.killed"]["layer"] == "production"
    added = found["production.broker.added"]["evidence"]
    assert (added["brokers after"], added["led by"]) == ([1, 2, 3, 4], 4)
