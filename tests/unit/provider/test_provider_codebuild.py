"""A CodeBuild project without a source lives its life; what the emulation lacks is refused and not ignored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from orchestrator.embedded.gateway import moto_fixes
from orchestrator.embedded.provider import catalogue
from orchestrator.embedded.provider.call import Clients
from orchestrator.embedded.provider.model import check, diff, observed_inputs
from tests.unit.provider.provider_fakes import call

TOKEN = "aws:codebuild/project:Project"
INPUTS: dict[str, Any] = {
    "name": "ephk-reaper",
    "serviceRole": "arn:aws:iam::123456789012:role/account/ephk-reaper",
    "buildTimeout": 120,
    "source": {"type": "NO_SOURCE", "buildspec": '{"version": 0.2}'},
    "artifacts": {"type": "NO_ARTIFACTS"},
    "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_MEDIUM"},
    "logsConfig": {"cloudwatchLogs": {"status": "ENABLED", "groupName": "/g"}},
    "tags": {"ephk:bootstrap": "b"},
}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        moto_fixes.apply("codebuild")
        yield Clients()


def test_a_project_without_a_source_lives_its_life(clients: Clients) -> None:
    kind = catalogue.find(TOKEN)
    assert kind is not None
    assert check(kind, INPUTS) == []
    made = kind.create(call(clients), INPUTS)
    seen = kind.read(call(clients), made, INPUTS)
    assert seen is not None
    assert diff(kind, INPUTS, observed_inputs(kind, INPUTS, seen)) == []
    assert seen["arn"].endswith(":project/ephk-reaper")
    for _ in range(2):  # what is gone already is fine
        kind.delete(call(clients), made, INPUTS)
    assert kind.read(call(clients), made, INPUTS) is None


def test_a_source_that_needs_a_location_is_refused_without_one(clients: Clients) -> None:
    kind = catalogue.find(TOKEN)
    assert kind is not None
    with pytest.raises(Exception, match="source location is required"):
        kind.create(call(clients), {**INPUTS, "source": {"type": "GITHUB"}})


def test_a_property_that_is_not_implemented_is_named() -> None:
    kind = catalogue.find(TOKEN)
    assert kind is not None
    refused = check(kind, {**INPUTS, "vpcConfig": {}})
    assert [item.property for item in refused] == ["vpcConfig"]
