"""A stale lock is broken on proof alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.engine.ownership import StackLock, refuse_held
from orchestrator.errors import EphkError


def lock(pid: int, *, host: str = "", since: datetime | None = None) -> str:
    return json.dumps(
        {
            "pid": pid,
            "username": "somebody",
            "hostname": host or socket.gethostname(),
            # Go writes nanoseconds.
            "timestamp": (since or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "596Z",
        }
    )


@pytest.fixture
def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_no_lock_is_no_hindrance() -> None:
    assert refuse_held([], gone_after_s=9000) == 0


def test_a_lock_of_a_process_that_is_gone_may_be_broken(dead: int) -> None:
    assert refuse_held([lock(dead), lock(dead)], gone_after_s=9000) == 2


def test_a_lock_of_a_living_process_names_it() -> None:
    with pytest.raises(EphkError, match=f"locked by process {os.getpid()} of somebody on {socket.gethostname()} since"):
        refuse_held([lock(os.getpid())], gone_after_s=9000)


def test_one_living_owner_among_dead_ones_is_enough(dead: int) -> None:
    with pytest.raises(EphkError, match=f"process {os.getpid()} "):
        refuse_held([lock(dead), lock(os.getpid())], gone_after_s=9000)


def test_a_process_that_is_younger_than_the_lock_has_only_inherited_the_number() -> None:
    assert refuse_held([lock(os.getpid(), since=datetime.now(UTC) - timedelta(days=30))], gone_after_s=9000) == 1


def test_another_machines_lock_cannot_be_judged_from_here(dead: int) -> None:
    with pytest.raises(EphkError, match=f"process {dead} of somebody on elsewhere") as caught:
        refuse_held([lock(dead, host="elsewhere")], gone_after_s=9000)
    assert "if that machine is gone" in caught.value.next_step


def test_another_machines_lock_is_stale_once_no_operation_can_last_so_long(dead: int) -> None:
    old = datetime.now(UTC) - timedelta(seconds=9001)
    assert refuse_held([lock(dead, host="elsewhere", since=old)], gone_after_s=9000) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "username": "", "hostname": ""}'])
def test_what_is_no_lock_is_not_broken(text: str) -> None:
    with pytest.raises(EphkError, match="nobody can tell by whom"):
        refuse_held([text], gone_after_s=9000)


def test_a_lock_without_a_time_is_judged_by_the_process_alone(dead: int) -> None:
    text = json.dumps({"pid": dead, "username": "u", "hostname": socket.gethostname()})
    assert StackLock.parse(text).owner_is_gone(9000)
    held = json.dumps({"pid": os.getpid(), "username": "u", "hostname": socket.gethostname()})
    assert not StackLock.parse(held).owner_is_gone(9000)
