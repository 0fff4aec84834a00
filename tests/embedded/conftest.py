"""Worlds: state homes of their own, in which everything runs through the command line, as a user would.

Two test runs side by side do not meet: each world has its own state home, and every port is a free one. An environment
that several files share belongs to their directory: it goes when the last of them is done (`scope="package"`), so that
its brokers do not take the processors from the tests that follow.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from contracts import runner
from contracts.model import Result
from contracts.selection import as_pattern
from orchestrator.aws import AwsSession, Credentials
from orchestrator.environment import CloudEndpoint
from tests import directions

REPOSITORY = Path(__file__).parents[2]
EPHK = Path(sys.executable).with_name("ephk")
#: What contracts came to in the test that runs: (id, status).
SEEN: list[tuple[str, str]] = []


@dataclass(frozen=True)
class Done:
    """One finished command."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        document = json.loads(self.out)
        if isinstance(document, dict):
            SEEN.extend((r["id"], r["status"]) for r in document.get("results", ()) if {"id", "status"} <= r.keys())
        return document


@dataclass(frozen=True)
class World:
    """A state home with the command that works in it."""

    home: Path

    @property
    def variables(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
        return {**clean, "XDG_STATE_HOME": str(self.home)}

    @property
    def state(self) -> Path:
        return self.home / "ephk"

    def ephk(self, *arguments: str | Path, timeout_s: float = 240, cwd: Path | None = None) -> Done:
        done = subprocess.run(
            [str(EPHK), *map(str, arguments)],
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=cwd or self.home,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def must(self, *arguments: str | Path, **options: Any) -> Done:
        done = self.ephk(*arguments, **options)
        assert done.status == 0, f"ephk {' '.join(map(str, arguments))}: {done.status}\n{done.err}\n{done.out}"
        return done

    def administrator(self) -> AwsSession:
        """Return the administrator's session of this world's cloud."""
        info = self.must("cloud", "status", "--json").json()
        cloud = CloudEndpoint(
            region=info["region"],
            account_id=info["account_id"],
            endpoint_url=info["endpoint"],
            http_endpoint_url=info["http_endpoint"],
            ca_bundle=info["ca_bundle"],
        )
        return AwsSession(cloud, Credentials(info["access_key_id"], info["secret_access_key"]))

    def popen(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(EPHK), *map(str, arguments)],
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


@pytest.fixture(autouse=True)
def seen_in_both_directions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """See to it that a test which says that it shows a contract verified or failed has seen that."""
    said = [
        (status, str(pattern))
        for marker, status in directions.MARKERS.items()
        for found in request.node.iter_markers(marker)
        for pattern in found.args
    ]
    SEEN.clear()
    if said:
        monkeypatch.setattr(runner, "_make", _noting(runner._make))
    yield
    for status, pattern in said:
        wanted = {entry.id: as_pattern(entry.id) for entry in directions.entries_of(pattern)}
        unseen = [
            identifier
            for identifier, members in wanted.items()
            if not any(state == status and fnmatchcase(name, members) for name, state in SEEN)
        ]
        assert wanted, f"{pattern} means no contract"
        assert not unseen, f"this test says that it shows them {status}, and has not: {', '.join(unseen)}"


def _noting(make: Callable[..., Result]) -> Callable[..., Result]:
    def noting(*arguments: Any, **more: Any) -> Result:
        result = make(*arguments, **more)
        SEEN.append((result.id, result.status))
        return result

    return noting


_HOMES: list[Path] = []


def new_world(name: str) -> World:
    """Return a world with a home of its own; short, since sockets have short names."""
    home = Path(tempfile.mkdtemp(prefix=f"ephk-{name}-"))
    _HOMES.append(home)
    return World(home)


@pytest.fixture(scope="session", autouse=True)
def no_home_is_left() -> Iterator[None]:
    yield
    for home in _HOMES:
        shutil.rmtree(home, ignore_errors=True)


def end_world(world: World) -> None:
    """Take everything down; what a test left is cleaned up here and never leaks into the machine."""
    world.ephk("down", "--all")
    world.ephk("cloud", "stop")
    shutil.rmtree(world.home, ignore_errors=True)


@pytest.fixture
def world() -> Iterator[World]:
    """A world of the test's own."""
    made = new_world("test")
    try:
        yield made
    finally:
        end_world(made)


@dataclass(frozen=True)
class Orders:
    """The example environment, ready in the shared world."""

    world: World
    name: str
    lease: dict[str, Any]

    @property
    def environment(self) -> dict[str, Any]:
        return dict(self.lease["environment"])
