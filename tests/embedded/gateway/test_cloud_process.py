"""The life of the cloud's process. Each test starts real processes; none needs the network."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.embedded import cloud
from orchestrator.errors import EphkError, UsageError
from orchestrator.files import write_private_json
from orchestrator.processes import ProcessRecord, wait_until
from orchestrator.progress import SilentProgress

_START = (
    "from orchestrator.embedded import cloud; from orchestrator.progress import SilentProgress; "
    "print(cloud.start(SilentProgress(), keep=True).pid)"
)


def test_start_finds_the_one_that_runs_and_stop_leaves_nothing(state: Path) -> None:
    assert cloud.status() is None
    info = cloud.start(SilentProgress(), keep=True)
    assert cloud.status() == info
    assert cloud.start(SilentProgress()).pid == info.pid
    assert (state / "cloud" / "info.json").stat().st_mode & 0o777 == 0o600
    assert (state / "cloud").stat().st_mode & 0o777 == 0o700
    assert info.secret_access_key not in repr(info)
    assert os.getsid(info.pid) == info.pid
    assert info.secret_access_key not in (state / "cloud" / "cloud.log").read_text()
    assert cloud.stop()
    assert cloud.status() is None
    assert not cloud.stop()
    assert not state.exists()


def test_only_the_loopback_interface_is_listened_on(state: Path) -> None:
    import psutil

    info = cloud.start(SilentProgress(), keep=True)
    listening = [c.laddr.ip for c in psutil.Process(info.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1", "127.0.0.1"]


def test_two_starts_at_once_share_one(state: Path) -> None:
    package = str(Path(cloud.__file__).parents[2])
    variables = os.environ | {"PYTHONPATH": package}
    both = [
        subprocess.Popen([sys.executable, "-c", _START], env=variables, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    pids = {process.communicate(timeout=60)[0].strip() for process in both}
    assert len(pids) == 1
    assert [process.returncode for process in both] == [0, 0]


def test_a_port_that_is_taken_is_named(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        for wanted in ({"port": port}, {"http_port": port}):
            with pytest.raises(EphkError) as caught:
                cloud.start(SilentProgress(), **wanted)
            assert f"Port {port} of this machine is taken" in caught.value.message
            assert str(port) in caught.value.next_step
    assert cloud.status() is None


def test_another_port_than_the_running_one_is_refused(state: Path) -> None:
    info = cloud.start(SilentProgress(), keep=True)
    with pytest.raises(EphkError, match="running already"):
        cloud.start(SilentProgress(), port=int(info.endpoint.rsplit(":", 1)[1]) + 1)


def test_a_killed_cloud_is_recognised_and_swept(state: Path) -> None:
    first = cloud.start(SilentProgress(), keep=True)
    os.kill(first.pid, signal.SIGKILL)
    assert wait_until(lambda: cloud.status() is None, deadline_s=60)
    assert (state / "cloud" / "info.json").exists()
    second = cloud.start(SilentProgress(), keep=True)
    assert second.pid != first.pid
    assert second.access_key_id != first.access_key_id


def test_a_record_of_another_process_is_not_believed(state: Path) -> None:
    document = cloud.start(SilentProgress(), keep=True).document()
    assert cloud.stop()
    ours = ProcessRecord.of(os.getpid(), "test")
    mine = document | {"pid": ours.pid, "create_time": ours.create_time}
    write_private_json(state / "cloud" / "info.json", mine)
    assert cloud.status() is not None
    write_private_json(state / "cloud" / "info.json", mine | {"create_time": ours.create_time - 100})
    assert cloud.status() is None
    assert not cloud.stop()


def test_it_stops_by_itself_after_the_last_lease(state: Path) -> None:
    lease = state / "leases" / "abc" / "lease.json"
    write_private_json(lease, {})
    info = cloud.start(SilentProgress())
    record = ProcessRecord.of(info.pid, "cloud")
    assert not wait_until(lambda: not record.alive(), deadline_s=4)
    lease.unlink()
    assert wait_until(lambda: not record.alive(), deadline_s=60)
    assert cloud.status() is None


def test_one_that_dies_while_starting_shows_its_log(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "not-a-number")
    with pytest.raises(EphkError, match="ended while starting") as caught:
        cloud.start(SilentProgress())
    assert any("PYTHONHASHSEED" in line for line in caught.value.details)


def test_an_invalid_scenario_starts_nothing(state: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("rules: [{latency: 1}]")
    with pytest.raises(UsageError, match="latency"):
        cloud.start(SilentProgress(), scenario=path)
    assert cloud.status() is None


def test_the_info_document_has_the_published_members(state: Path) -> None:
    document = cloud.start(SilentProgress(), keep=True).document()
    assert set(json.loads(json.dumps(document))) == {
        "running",
        "endpoint",
        "ca_bundle",
        "http_endpoint",
        "region",
        "account_id",
        "access_key_id",
        "secret_access_key",
        "pid",
    }
