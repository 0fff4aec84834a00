"""The CLI as a process: a few lines of Python stand in for it, so that it can be slow, stubborn and chatty."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi.automation.errors import CommandError, StackNotFoundError

from orchestrator.engine import runner
from orchestrator.engine.ownership import CliRecord, take_over
from orchestrator.engine.pulumi_cli import PINNED, PulumiCli
from orchestrator.engine.runner import SessionPulumiCommand
from orchestrator.errors import EphkError
from orchestrator.processes import ProcessRecord, session_members, wait_until

Make = Callable[[str], SessionPulumiCommand]

#: Waits until it is interrupted, then says so and ends.
POLITE = """
    import pathlib, signal, sys, threading
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    pathlib.Path("ready").touch()
    stop.wait(60)
    pathlib.Path("stopped").touch()
    sys.exit(255)
"""
#: Takes no notice of an interrupt, and has a child in a process group of its own, as plugins are.
STUBBORN = """
    import os, pathlib, signal, subprocess, sys, time
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], process_group=0)
    pathlib.Path("pids").write_text(f"{os.getpid()} {child.pid}")
    pathlib.Path("ready").touch()
    time.sleep(60)
"""


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def command(program: str) -> SessionPulumiCommand:
        executable = tmp_path / "pulumi"
        executable.write_text(f"#!{sys.executable}\n{textwrap.dedent(program)}")
        executable.chmod(0o755)
        return SessionPulumiCommand(PulumiCli(executable, PINNED, "PATH"), tmp_path / "cli.json")

    return command


def run(command: SessionPulumiCommand, directory: Path, **variables: str) -> object:
    return command.run(["up", "--yes"], str(directory), variables)


def ended(pid: int) -> bool:
    return wait_until(lambda: pid not in session_members(pid), deadline_s=30)


def test_the_commands_words_come_back(make: Make, tmp_path: Path) -> None:
    command = make("import sys; print(sys.argv[1:]); print('careful', file=sys.stderr)")
    heard: list[str] = []
    result = command.run(["up", "--yes"], str(tmp_path), {}, on_output=heard.append)
    assert result.stdout == "['--non-interactive', 'up', '--yes']"
    assert result.stderr == "careful"
    assert heard == [result.stdout]
    assert not (tmp_path / "cli.json").exists()


def test_a_failure_is_the_sdks_own_error(make: Make, tmp_path: Path) -> None:
    with pytest.raises(StackNotFoundError):
        run(make("import sys; sys.exit('no stack named l found')"), tmp_path)


def test_the_command_has_a_session_of_its_own(make: Make, tmp_path: Path) -> None:
    result = make("import os; print(os.getpid() == os.getsid(0))").run([""], str(tmp_path), {})
    assert result.stdout == "True"


def test_what_it_writes_is_the_owners_alone(make: Make, tmp_path: Path) -> None:
    run(make("open('state', 'w').close()"), tmp_path)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600


def test_it_inherits_neither_another_pulumi_nor_another_identity(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "PULUMI_"))]:
        monkeypatch.delenv(name)
    for name in ("PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "theirs")
    command = make("import os; print(sorted(n for n in os.environ if n.startswith(('AWS_', 'PULUMI_'))))")
    with_keys = command.run([""], str(tmp_path), {"AWS_ACCESS_KEY_ID": "ours", "PULUMI_HOME": "ours"})
    assert with_keys.stdout == "['AWS_ACCESS_KEY_ID', 'PULUMI_AUTOMATION_API', 'PULUMI_HOME']"
    without = command.run([""], str(tmp_path), {})
    assert without.stdout == "['AWS_PROFILE', 'AWS_SESSION_TOKEN', 'PULUMI_AUTOMATION_API']"


def test_a_command_past_its_deadline_is_asked_to_stop(make: Make, tmp_path: Path) -> None:
    command = make(POLITE)
    with pytest.raises(EphkError, match="'pulumi up' did not end within"), command.within(1.0):
        run(command, tmp_path)
    assert (tmp_path / "stopped").exists()


def test_a_command_that_will_not_stop_is_killed_with_its_plugins(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "STOP_S", 0.2)
    command = make(STUBBORN)
    with pytest.raises(EphkError), command.within(1.5):
        run(command, tmp_path)
    session, plugin = map(int, (tmp_path / "pids").read_text().split())
    assert wait_until(lambda: not session_members(session), deadline_s=30)
    assert ended(plugin)


def test_the_first_interrupt_from_another_thread_stops_in_good_order(make: Make, tmp_path: Path) -> None:
    command = make(POLITE)

    def interrupt() -> None:
        wait_until((tmp_path / "ready").exists, deadline_s=20)
        command.interrupt()

    threading.Thread(target=interrupt).start()
    with pytest.raises(CommandError):
        run(command, tmp_path)
    assert (tmp_path / "stopped").exists()


def test_the_second_interrupt_kills(make: Make, tmp_path: Path) -> None:
    command = make(STUBBORN)

    def interrupt() -> None:
        wait_until((tmp_path / "ready").exists, deadline_s=20)
        command.interrupt()
        command.interrupt()

    threading.Thread(target=interrupt).start()
    with pytest.raises(CommandError):
        run(command, tmp_path)
    assert ended(int((tmp_path / "pids").read_text().split()[1]))


def test_an_interrupt_of_the_caller_stops_the_command_and_is_passed_on(make: Make, tmp_path: Path) -> None:
    def interrupt() -> None:
        wait_until((tmp_path / "ready").exists, deadline_s=20)
        os.kill(os.getpid(), signal.SIGINT)

    # A background job of a shell ignores SIGINT, and so would Python.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            run(make(POLITE), tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "stopped").exists()


def test_a_command_that_outlived_its_caller_is_ended_from_the_record(make: Make, tmp_path: Path) -> None:
    command, file = make(POLITE), tmp_path / "cli.json"

    def work() -> None:
        with pytest.raises(CommandError):
            run(command, tmp_path)

    stopped = threading.Thread(target=work)
    stopped.start()
    assert wait_until((tmp_path / "ready").exists, deadline_s=20)
    record = CliRecord.load(file)
    assert record is not None
    assert record.owner.pid == os.getpid()
    CliRecord(record.cli, ProcessRecord(record.owner.pid, record.owner.create_time - 3600, "ephk")).save(file)
    assert take_over(file)
    stopped.join(30)
    assert (tmp_path / "stopped").exists()
    assert not record.cli.alive()
    assert not take_over(file)


def test_a_command_that_somebody_waits_for_is_left_alone(make: Make, tmp_path: Path) -> None:
    command, file = make(POLITE), tmp_path / "cli.json"
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    running = threading.Thread(target=_until_stopped, args=(command, tmp_path))
    running.start()
    try:
        assert wait_until((tmp_path / "ready").exists, deadline_s=20)
        record = CliRecord.load(file)
        assert record is not None
        CliRecord(record.cli, ProcessRecord.of(other.pid, "ephk")).save(file)
        with pytest.raises(EphkError, match=f"process {other.pid} runs 'pulumi up' since"):
            take_over(file)
        assert record.cli.alive()
    finally:
        command.interrupt()
        running.join(30)
        other.kill()
        other.wait()


def _until_stopped(command: SessionPulumiCommand, directory: Path) -> None:
    with contextlib.suppress(CommandError):
        run(command, directory)


def test_a_record_of_somebody_elses_process_ends_nothing(tmp_path: Path) -> None:
    own = ProcessRecord.of(os.getpid(), "pulumi up")
    ProcessRecord(own.pid, own.create_time - 3600, own.role).save(tmp_path / "cli.json")
    assert not take_over(tmp_path / "cli.json")
    assert not (tmp_path / "cli.json").exists()
