"""The permissions boundary: whether it is there, and whether it closes the ways up."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.iam.boundary import judge_escalation, judge_present, open_paths
from contracts.iam.escalation import PATHS, Path
from contracts.iam.policies import RolePolicies
from contracts.model import Failed, Verified

ROLE = "arn:aws:iam::123456789012:role/ephk-ab12-operator"
BOUNDARY = "arn:aws:iam::123456789012:policy/ephk-ab12-boundary"
RESOURCES = (ROLE, BOUNDARY, "arn:aws:iam::123456789012:user/other", "*")


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource}],
    }


def role(identity: dict[str, Any], boundary: dict[str, Any] | None) -> RolePolicies:
    return RolePolicies(ROLE, {"operator": identity}, BOUNDARY if boundary else None, boundary, allow())


def names(paths: list[Path]) -> set[str]:
    return {path.name for path in paths}


def test_each_role_carries_the_boundary() -> None:
    assert isinstance(judge_present({"operator": BOUNDARY}, BOUNDARY), Verified)
    missing = judge_present({"operator": BOUNDARY, "connector": None}, BOUNDARY)
    assert isinstance(missing, Failed)
    assert "connector has no permissions boundary" in missing.reason
    other = judge_present({"operator": f"{BOUNDARY}-2"}, BOUNDARY)
    assert isinstance(other, Failed)
    assert "another boundary" in other.reason


def test_a_narrow_boundary_closes_every_way_whatever_the_role_says() -> None:
    now, behind = open_paths(role(allow("*"), allow("kafka-cluster:*", "s3:GetObject")), RESOURCES, {})
    assert (now, behind) == ([], [])


def test_without_a_boundary_every_way_is_open_behind_the_roles_own_policy() -> None:
    now, behind = open_paths(role(allow("kafka-cluster:*"), None), RESOURCES, {})
    assert now == []
    assert names(behind) == names(list(PATHS)), "each way is found when everything is allowed"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_each_way_is_found_when_a_role_has_its_actions_and_not_with_one_less(path: Path) -> None:
    now, _ = open_paths(role(allow(*path.actions), allow(*path.actions)), RESOURCES, {})
    assert path in now
    fewer = path.actions[1:]
    less, _ = open_paths(role(allow("sts:GetCallerIdentity", *fewer), allow("*")), RESOURCES, {})
    assert path not in less


def test_an_open_way_fails_and_a_boundary_that_would_not_stop_one_too() -> None:
    way = PATHS[0]
    now = judge_escalation({"operator": ([way], [way])}, {})
    behind = judge_escalation({"operator": ([], [way])}, {})
    assert isinstance(now, Failed)
    assert "can make itself more powerful: iam:CreatePolicyVersion" in now.reason
    assert isinstance(behind, Failed)
    assert "would not stop iam:CreatePolicyVersion" in behind.reason
    assert isinstance(judge_escalation({"operator": ([], [])}, {}), Verified)
