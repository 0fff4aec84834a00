"""The command as a process: its status is its own, also when something crashes while the interpreter ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: What crashes while the interpreter ends, as a thread of a library would.
CRASHES_AT_THE_END = """
import os, signal, sys
class Late:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGSEGV):
        kill(pid, number)
late = Late()
from orchestrator.cli import entry
sys.argv = ["ephk", *sys.argv[1:]]
{end}
"""


@pytest.mark.parametrize(("arguments", "status"), [(["--version"], 0), (["no-such-command"], 2)])
def test_the_status_is_that_of_the_work(arguments: list[str], status: int) -> None:
    program = CRASHES_AT_THE_END.format(end="entry.run()")
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert done.stdout if status == 0 else done.stderr


def test_the_usual_end_of_the_interpreter_would_crash() -> None:
    program = CRASHES_AT_THE_END.format(end="from orchestrator.cli import main; main()")
    done = subprocess.run([sys.executable, "-c", program, "--version"], capture_output=True, text=True, check=False)
    assert done.returncode < 0
