"""The main job as a user runs it: up, verify, use, down, and nothing left."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from orchestrator.processes import wait_until
from tests.embedded.conftest import REPOSITORY, World

ONE_BROKER = """
name: small
network: {zones: 1}
brokers: {count: 1}
topics: [{name: events}]
"""
#: For tests of what comes after the verification.
ONE_CONTRACT = ("--contract", "auth.scram.accepts")


def processes_of(world: World) -> list[str]:
    """Return the command lines of processes of a world: its state home stands in their environment or arguments."""
    found = []
    for process in psutil.process_iter(["pid"]):
        try:
            command = " ".join(process.cmdline())
            # Brokers get an environment of their own; their arguments name the state home.
            mine = process.environ().get("XDG_STATE_HOME") == str(world.home) or str(world.home) in command
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if mine and process.pid != os.getpid():
            found.append(command[-300:])
    return found


def small_spec(world: World) -> Path:
    file = world.home / "small.yaml"
    file.write_text(ONE_BROKER)
    return file


def gone(world: World) -> bool:
    return processes_of(world) == [] and not world.state.exists()


def test_run_brings_up_verifies_runs_and_removes(world: World, tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "examples" / "orders_smoke.py")]
    done = world.ephk(
        "run", REPOSITORY / "examples" / "orders.yaml", "--report", tmp_path / "report", "--", *command, timeout_s=300
    )
    assert done.status == 0, done.err
    assert "100 orders produced and consumed" in done.out
    assert "\nnext:\n" not in done.out  # whoever runs it has nothing left to do
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["summary"]["complete"]
    assert report["summary"]["failed"] == report["summary"]["error"] == 0
    assert {result["layer"] for result in report["results"]} == {"local", "production"}  # the latter rehearsed
    receipt = json.loads((tmp_path / "report" / "receipt.json").read_text())
    assert receipt["clean"]
    assert receipt["left"] == []
    assert receipt["inventory"]["unanswered"] == []
    assert len(receipt["deleted"]) > 30
    assert wait_until(lambda: gone(world), deadline_s=60), processes_of(world)


def test_a_failing_command_gives_its_exit_code_and_the_environment_goes_also_with_a_corrupt_state(world: World) -> None:
    states = world.state / "leases" / "*" / "pulumi" / "state" / ".pulumi" / "stacks" / "ephk" / "*.json"
    # What the command leaves in the background ends with it, too: `gone` looks for it.
    corrupt = (
        f'test -n "$KAFKA_BOOTSTRAP_SERVERS" && for state in {states}; do echo "{{" > $state; done; sleep 600 & exit 7'
    )
    done = world.ephk("run", small_spec(world), *ONE_CONTRACT, "--", "sh", "-c", corrupt)
    assert done.status == 7, done.err
    assert "1 verified, 0 failed, 0 error, 0 not covered" in done.out
    said = " ".join(done.out.split())  # the console wraps lines
    assert "cannot be read" in said
    assert "by direct" in said
    assert wait_until(lambda: gone(world), deadline_s=60), processes_of(world)


def test_a_signal_hands_the_environment_over(world: World) -> None:
    marker = world.home / "started"
    process = world.popen("run", small_spec(world), *ONE_CONTRACT, "--", "sh", "-c", f"touch {marker}; sleep 600")
    assert wait_until(marker.exists, deadline_s=120)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "to see it done: ephk down small" in err
    assert wait_until(lambda: gone(world), deadline_s=60), processes_of(world)  # by the reaper's own process


def test_two_ups_at_once_share_one_cloud(world: World) -> None:
    first, second = (world.popen("up", small_spec(world), "--name", name, "--json") for name in ("one", "two"))
    for process in (first, second):
        _, err = process.communicate(timeout=200)
        assert process.returncode == 0, err
    clouds = [line for line in processes_of(world) if "orchestrator.embedded.daemon" in line]
    assert len(clouds) == 1
    assert world.must("down", "one").status == 0
    assert world.must("list", "--json").json()["leases"][0]["name"] == "two"
    assert world.must("verify", "two", "--contract", "auth.scram.accepts").status == 0


def test_a_killed_cloud_is_told_and_cleaned_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPHK_CLOUD_GONE_S", "600")  # here a person is faster than the reaper
    world.must("up", small_spec(world))
    info = world.must("cloud", "status", "--json").json()
    os.kill(info["pid"], signal.SIGKILL)
    assert wait_until(lambda: not psutil.pid_exists(info["pid"]), deadline_s=60)
    assert "cloud is gone" in world.must("list", "--json").json()["leases"][0]["warning"]
    verified = world.ephk("verify")
    assert verified.status == 1
    assert "ephk down" in verified.err
    down = world.must("down", "--json").json()
    assert any("gone already" in note for note in down["notes"])
    assert [item["kind"] for item in down["deleted"]] == ["process"]
    assert wait_until(lambda: gone(world), deadline_s=60), processes_of(world)


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [", "not YAML"), ("colour: red\n", "no such field"), ("ttl: 0\n", "duration"), ("flavour: x\n", "one of")],
)
def test_a_wrong_spec_creates_nothing(world: World, text: str, says: str) -> None:
    file = world.home / "bad.yaml"
    file.write_text(text)
    done = world.ephk("up", file)
    assert done.status == 2
    assert says in done.err
    assert not world.state.exists()


def test_what_msk_refuses_is_told_and_what_was_made_before_goes(world: World) -> None:
    file = world.home / "refused.yaml"
    file.write_text(ONE_BROKER.replace("count: 1", "count: 1, config: {log.dirs: /tmp}"))
    done = world.ephk("up", file)
    assert done.status == 1
    assert "log.dirs" in done.err
    assert "next:" in done.err
    assert wait_until(lambda: gone(world), deadline_s=60), processes_of(world)


def test_a_fault_of_the_cloud_is_told_with_its_code_and_nothing_stays(world: World) -> None:
    scenario = world.home / "scenario.yaml"
    scenario.write_text(
        "rules:\n"
        "- service: kafka\n"
        "  operation: CreateCluster\n"
        "  error: {code: ForbiddenException, message: no more clusters today, status: 403}\n"
    )
    world.must("cloud", "start", "--scenario", scenario)
    done = world.ephk("up", small_spec(world))
    assert done.status == 1
    assert "ForbiddenException" in done.err
    assert "no more clusters today" in done.err
    assert "what this attempt made has been removed" in done.err
    assert world.must("list", "--json").json()["leases"] == []
    world.must("cloud", "stop")
    assert wait_until(lambda: gone(world), deadline_s=60), processes_of(world)
