import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.processes import ProcessRecord, wait_until


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
        parent.wait(5)
        assert wait_until(lambda: not grandchild.alive(), deadline_s=5)
        assert not record.end_group()


def test_wait_until_gives_up_and_says_so() -> None:
    assert not wait_until(lambda: False, deadline_s=0.05)
    with pytest.raises(TypeError):
        wait_until(True, deadline_s=0)
