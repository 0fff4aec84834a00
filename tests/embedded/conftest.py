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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.aws import AwsSession, Credentials
from orchestrator.environment import CloudEndpoint

REPOSITORY = Path(__file__).parents[2]
EPHK = Path(sys.executable).with_name("ephk")


@dataclass(frozen=True)
class Done:
    """One finished command."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


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


def new_world(name: str) -> World:
    return World(Path(tempfile.mkdtemp(prefix=f"ephk-{name}-")))


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
