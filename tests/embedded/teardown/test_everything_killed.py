"""`kill -9` of everything that the user started, then nothing: once the ttl has passed, the cloud is empty."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from orchestrator.processes import wait_until
from tests.chaos.world import ChaosWorld

#: The promise is 60 s after the ttl; a machine that is busy with other tests gets longer.
_NOTHING_S = 180.0


def kill_what_the_user_started(world: ChaosWorld) -> int:
    """Kill every process but the cloud with its brokers, and the reaper; returns how many there were."""
    killed = 0
    for pid, line in world.strays().items():
        if "kafka.Kafka" not in line:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).kill()
                killed += 1
    return killed


def empty(world: ChaosWorld) -> bool:
    return not world.leases() and not world.left() and not world.strays()


def test_everything_that_a_user_started_is_killed_and_the_cloud_is_empty_after_the_ttl(tmp_path: Path) -> None:
    """Before it is ready, with an engine at work; and after that, in the middle of a `verify`."""
    world = ChaosWorld(tmp_path / "logs")
    try:
        up = world.start("up", "SPEC", log="up")
        wanted = {"pulumi", "plugin", "broker"}
        assert wait_until(lambda: world.kinds() >= wanted or up.poll() is not None, deadline_s=180)
        assert kill_what_the_user_started(world) >= 3
        assert up.wait(30) == -9
        assert wait_until(lambda: empty(world), deadline_s=_NOTHING_S, poll_s=0.2), (world.left(), world.strays())

        assert world.run("up", "SPEC", log="up") == 0
        verify = world.start("verify", log="verify")
        assert wait_until(lambda: verify.pid in world.strays(), deadline_s=60)
        assert kill_what_the_user_started(world) >= 1
        assert verify.wait(30) == -9
        world.expire()  # the shortest ttl is five minutes: they pass
        assert wait_until(lambda: empty(world), deadline_s=_NOTHING_S, poll_s=0.2), (world.left(), world.strays())
    finally:
        world.close()
