"""Signals: each case is a process of its own, since the second signal ends one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator import signals
from orchestrator.processes import wait_until

#: The lock is held by the interrupted thread and needed by what has to be written down.
PROGRAM = """
    import pathlib, sys, threading, time
    from orchestrator import signals

    signals.EXIT_WITHIN_S = float(sys.argv[2])
    lock = threading.Lock()
    here = pathlib.Path(sys.argv[3])

    def write_down():
        with lock:
            (here / "written").touch()

    def work():
        if sys.argv[1] == "locked":
            with lock:
                (here / "ready").touch()
                time.sleep(60)
        if sys.argv[1] == "hangs":
            try:
                (here / "ready").touch()
                time.sleep(60)
            finally:
                (here / "unwinding").touch()
                time.sleep(60)
        (here / "ready").touch()
        time.sleep(60)

    try:
        with signals.interruptible(), signals.killed_with(lambda: (here / "ended").touch()):
            with signals.first_on_interrupt(write_down, hint="resume with: ephk down it"):
                work()
    except signals.Interrupted as interrupt:
        signals.written_down()
        print(interrupt, (here / "written").exists())
        sys.exit(3)
"""

Start = Callable[[str, float], subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(how: str, exit_within_s: float) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), how, str(exit_within_s), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        assert wait_until((tmp_path / "ready").exists, deadline_s=30)
        return process

    yield begin
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_others_need_is_written_before_anything_unwinds(start: Start, number: signal.Signals) -> None:
    process = start("waits", 30.0)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert out == f"{number.name} True\n"
    assert process.returncode == 3


def test_it_is_written_also_when_the_interrupted_thread_holds_the_lock(start: Start) -> None:
    process = start("locked", 30.0)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert out == "SIGINT True\n"


def test_work_that_will_not_unwind_is_ended_in_time_with_what_it_started(start: Start, tmp_path: Path) -> None:
    process = start("hangs", 0.5)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped by force; resume with: ephk down it" in err
    assert (tmp_path / "unwinding").exists()
    assert (tmp_path / "ended").exists()


def test_the_second_signal_ends_at_once_what_was_written_stays(start: Start, tmp_path: Path) -> None:
    process = start("hangs", 60.0)
    process.send_signal(signal.SIGINT)
    assert wait_until((tmp_path / "unwinding").exists, deadline_s=30)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "resume with: ephk down it" in err
    assert (tmp_path / "written").exists()
    assert (tmp_path / "ended").exists()


def test_from_the_first_signal_to_the_exit_it_takes_less_than_seven_seconds() -> None:
    """What follows the clock is killing and leaving; GitHub's second signal comes 7.5 s after the first."""
    assert signals.EXIT_WITHIN_S + signals.LAST_S < 7.0
