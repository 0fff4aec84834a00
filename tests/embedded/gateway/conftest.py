"""A cloud of these tests' own, with a state home of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from orchestrator.embedded import cloud
from orchestrator.embedded.cloud import CloudInfo
from orchestrator.progress import SilentProgress

Client = Callable[..., Any]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty state home; whatever runs in it afterwards is ended."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    try:
        yield tmp_path / "ephk"
    finally:
        cloud.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudInfo]:
    """One cloud for a module's tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        try:
            yield cloud.start(SilentProgress(), keep=True)
        finally:
            cloud.stop()


@pytest.fixture(scope="module")
def client(running: CloudInfo) -> Iterator[Client]:
    """Makes boto3 clients for the cloud; closes them at the end."""
    made: list[Any] = []

    def make(service: str, *, http: bool = False, credentials: dict[str, str] | None = None, **config: Any) -> Any:
        keys = credentials or {
            "aws_access_key_id": running.access_key_id,
            "aws_secret_access_key": running.secret_access_key,
        }
        it = boto3.client(
            service,
            region_name=running.region,
            endpoint_url=running.http_endpoint if http else running.endpoint,
            verify=running.ca_bundle,
            config=Config(retries={"total_max_attempts": 1}, **config),
            **keys,
        )
        made.append(it)
        return it

    yield make
    for it in made:
        it.close()
