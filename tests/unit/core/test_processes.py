import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.processes import ProcessRecord, end_session, wait_for_session, wait_until


def test_a_record_recognises_the_process_and_not_its_pid_alone(tmp_path: Path) -> None:
    import os

    record = ProcessRecord.of(os.getpid(), "test")
    assert record.alive()
    assert not ProcessRecord(record.pid, record.create_time - 100, "test").alive()
    record.save(tmp_path / "p.json")
    assert ProcessRecord.load(tmp_path / "p.json") == record
    (tmp_path / "p.json").write_text("{}")
    assert ProcessRecord.load(tmp_path / "p.json") is None


def test_a_group_is_ended_with_what_it_started() -> None:
    sleeper = "import time; time.sleep(60)"
    child = (
        "import subprocess, sys, time\n"
        f"process = subprocess.Popen([sys.executable, '-c', {sleeper!r}])\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", child], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        grandchild = ProcessRecord.of(int(parent.stdout.readline()), "grandchild")
        record = ProcessRecord.of(parent.pid, "parent")
        assert record.end_group(grace_s=5)
        parent.wait(30)
        assert wait_until(lambda: not grandchild.alive(), deadline_s=30)
        assert not record.end_group()


LEAVES_A_CHILD = (
    "import subprocess, sys\n"
    "process = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], process_group={group})\n"
    "print(process.pid, flush=True)\n"
)


def leaving(group: str = "None") -> tuple[subprocess.Popen[bytes], ProcessRecord]:
    """Start a session whose leader ends at once and leaves a child; nobody has waited for the leader."""
    leader = subprocess.Popen(
        [sys.executable, "-c", LEAVES_A_CHILD.format(group=group)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert leader.stdout is not None
    left = ProcessRecord.of(int(leader.stdout.readline()), "child")
    leader.stdout.close()
    return leader, left


@pytest.mark.parametrize("group", ["None", "0"])  # of the leader's process group, and of one of its own
def test_what_a_leader_that_has_ended_left_in_its_session_is_ended(group: str) -> None:
    leader, left = leaving(group)
    record = ProcessRecord.of(leader.pid, "leader")
    assert wait_until(lambda: not record.alive(), deadline_s=20)
    assert left.alive()
    assert record.end_group(grace_s=5)
    assert wait_until(lambda: not left.alive(), deadline_s=30)
    assert leader.wait(30) == 0
    assert not record.end_group()


def test_once_somebody_has_waited_for_a_leader_its_number_proves_nothing() -> None:
    leader, left = leaving()
    record = ProcessRecord.of(leader.pid, "leader")
    try:
        leader.wait(20)
        assert not record.end_group(grace_s=0)
        assert left.alive()
    finally:
        end_session(leader.pid)
    assert wait_until(lambda: not left.alive(), deadline_s=30)


def test_a_session_is_waited_for_and_nothing_of_it_stays() -> None:
    leader, left = leaving()
    assert wait_for_session(leader, grace_s=1)
    assert leader.returncode == 0
    assert wait_until(lambda: not left.alive(), deadline_s=30)
    slow = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    assert not wait_for_session(slow, grace_s=5, timeout_s=0.2)
    assert slow.returncode == -signal.SIGTERM


def test_wait_until_gives_up_and_says_so() -> None:
    assert not wait_until(lambda: False, deadline_s=0.05)
    with pytest.raises(TypeError):
        wait_until(True, deadline_s=0)
