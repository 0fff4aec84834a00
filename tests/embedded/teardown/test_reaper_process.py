"""The reaper's process: what it ends when everything that a user started is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from orchestrator.processes import wait_until
from tests.embedded.conftest import World
from tests.embedded.test_main_job import gone, processes_of, small_spec


def reapers(world: World) -> list[int]:
    """Return the pids of the world's reapers, without their workers."""
    found = []
    for process in psutil.process_iter(["pid"]):
        try:
            line = process.cmdline()
            mine = process.environ().get("XDG_STATE_HOME") == str(world.home)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if mine and line[-2:] == ["-m", "orchestrator.teardown.reaper"]:
            found.append(process.pid)
    return found


def kill_all(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_an_up_that_is_killed_leaves_nothing_once_its_process_is_gone(world: World) -> None:
    process = world.popen("up", small_spec(world))
    assert wait_until(lambda: any("kafka.Kafka" in line for line in processes_of(world)), deadline_s=120)
    first = reapers(world)
    assert len(first) == 1
    kill_all(first)  # the cloud starts another
    process.kill()
    process.communicate()
    assert wait_until(lambda: gone(world), deadline_s=90), processes_of(world)


def test_a_killed_cloud_and_reaper_are_cleaned_up_by_the_next_command(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EPHK_CLOUD_GONE_S", "1")
    world.must("up", small_spec(world))
    cloud = world.must("cloud", "status", "--json").json()["pid"]
    lease = world.must("list", "--json").json()["leases"][0]
    kill_all([*reapers(world), cloud])
    assert wait_until(lambda: not psutil.pid_exists(cloud), deadline_s=60)
    findings = {one["subject"]: one for one in world.ephk("doctor", "--json").json()["findings"]}
    assert findings["reaper"]["state"] in ("ok", "problem")
    assert wait_until(lambda: gone(world), deadline_s=60), processes_of(world)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ephk"
    assert (cache / "reports" / f"{lease['name']}-{lease['id']}" / "receipt.json").is_file()
