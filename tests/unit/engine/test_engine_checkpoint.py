"""Pulumi's state file, read without Pulumi."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine.checkpoint import Checkpoint, StateResource
from orchestrator.errors import EphkError

BASE = "urn:pulumi:l::ephk::"


def entry(kind: str, name: str, **members: Any) -> dict[str, Any]:
    return {"urn": f"{BASE}{kind}::{name}", "type": kind, **members}


def write(path: Path, **latest: Any) -> Path:
    path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))
    return path


def test_no_file_is_an_empty_state(tmp_path: Path) -> None:
    assert Checkpoint.load(tmp_path / "none.json") == Checkpoint({}, ())


def test_a_stack_that_was_just_made_is_empty(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"version": 0, "checkpoint": {"stack": "organization/ephk/l"}}')
    assert Checkpoint.load(tmp_path / "s.json") == Checkpoint({}, ())
    assert Checkpoint.load(write(tmp_path / "t.json")) == Checkpoint({}, ())


def test_outputs_and_cloud_resources_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.json",
        resources=[
            entry("pulumi:pulumi:Stack", "ephk-l", outputs={"vpc_id": "vpc-1", "role_arns": {"operator": "arn"}}),
            entry("pulumi:providers:aws", "default", custom=True, id="x"),
            entry("ephk:stacks:Network", "network"),
            entry("aws:ec2/vpc:Vpc", "vpc", custom=True, id="vpc-1"),
        ],
        pending_operations=[{"type": "creating", "resource": entry("aws:msk/cluster:Cluster", "cluster", custom=True)}],
    )
    state = Checkpoint.load(path)
    assert state.outputs == {"vpc_id": "vpc-1", "role_arns": {"operator": "arn"}}
    assert state.resources == (
        StateResource(f"{BASE}aws:ec2/vpc:Vpc::vpc", "aws:ec2/vpc:Vpc", "vpc", "vpc-1"),
        StateResource(f"{BASE}aws:msk/cluster:Cluster::cluster", "aws:msk/cluster:Cluster", "cluster", "", "creating"),
    )


@pytest.mark.parametrize("text", ["{", '{"version": 4}'])
def test_an_unreadable_state_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(EphkError, match=r"s\.json"):
        Checkpoint.load(tmp_path / "s.json")
