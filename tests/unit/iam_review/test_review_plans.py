"""Plans as tools wrote them: `plans/terraform.json` of `main.tf` there, `plans/pulumi.json` of `pulumi_program.txt`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.iam_review.collect import collect, is_plan
from orchestrator.iam_review.diff import review
from orchestrator.iam_review.model import Snapshot
from orchestrator.iam_review.pulumi import UNKNOWN_STRING

PLANS = Path(__file__).parent / "plans"
TERRAFORM = PLANS / "terraform.json"
PULUMI = PLANS / "pulumi.json"


def no_live(_name: str) -> Snapshot:
    raise AssertionError("no environment is asked")


def side(path: Path, which: Any = "after") -> Snapshot:
    return collect(str(path), no_live, plan_side=which)


def test_terraform_attachments_are_followed_before_anything_has_an_arn() -> None:
    found = side(TERRAFORM)
    assert set(found.principals) == {"role/orders-blue", "role/orders-green", "role/module.sink.aws_iam_role.this"}
    for name in ("blue", "green"):
        role = found.principals[f"role/orders-{name}"]
        assert [policy.name for policy in role.policies] == ["orders-read"]
        assert role.boundary is not None
        assert role.account == "111122223333"
    sink = found.principals["role/module.sink.aws_iam_role.this"]
    assert [policy.location.address for policy in sink.policies] == ["aws_iam_role_policy.sink"]
    assert sink.boundary is not None
    assert sink.boundary.name == "orders-boundary"


def test_what_terraform_does_not_know_is_not_covered_and_names_its_address() -> None:
    gaps = [(gap.principal, gap.location.address, gap.reason) for gap in side(TERRAFORM).gaps]
    assert gaps == [("role/orders-blue", "aws_iam_role_policy.unknown", "its policy is known only after apply")]


def test_the_side_before_a_new_plan_is_empty() -> None:
    assert side(TERRAFORM, "before").principals == {}
    assert is_plan(str(TERRAFORM))
    assert not is_plan(str(PLANS))


@pytest.mark.parametrize(
    ("plan", "bucket", "wildcard"),
    [
        (TERRAFORM, "aws_s3_bucket_policy.archive", "aws_iam_role_policy.sink"),
        (
            PULUMI,
            "urn:pulumi:dev::orders::aws:s3/bucketPolicy:BucketPolicy::archive",
            "urn:pulumi:dev::orders::aws:iam/rolePolicy:RolePolicy::topics",
        ),
    ],
)
def test_holes_in_a_plan_are_found_at_their_address(plan: Path, bucket: str, wildcard: str) -> None:
    found = review(side(plan, "before"), side(plan)).unaccepted
    where = {(finding.rule, finding.location.address) for finding in found}
    assert ("iam.lint.public-principal", bucket) in where
    assert ("iam.diff.new-access", bucket) in where
    assert ("iam.lint.kafka-wildcard-resource", wildcard) in where
    assert ("iam.diff.new-access", wildcard) in where


def test_pulumi_dependencies_are_followed_and_unknown_policies_not_covered() -> None:
    found = side(PULUMI)
    role = found.principals["role/orders-app"]
    assert [policy.name for policy in role.policies] == ["topics"]
    assert role.boundary is not None
    assert role.boundary.name == "orders-boundary"
    (gap,) = found.gaps
    assert gap.location.address.endswith("::key")
    assert gap.principal == "role/orders-app"
    assert UNKNOWN_STRING in PULUMI.read_text()


def changed(tmp_path: Path, address: str, **values: Any) -> Path:
    """Write a plan whose one resource exists already and would get other values."""
    plan = json.loads(TERRAFORM.read_text())
    for resource in plan["resource_changes"]:
        change = resource["change"]
        change["before"] = json.loads(json.dumps(change["after"]))
        change["actions"] = ["no-op"]
        if resource["address"] == address:
            change["after"] |= values
            change["after_unknown"] = dict.fromkeys(change["after_unknown"], False)
            change["actions"] = ["update"]
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan))
    return file


def test_a_boundary_that_a_plan_takes_away(tmp_path: Path) -> None:
    plan = json.loads(TERRAFORM.read_text())
    arn = "arn:aws:iam::111122223333:policy/orders-boundary"
    for resource in plan["resource_changes"]:
        change = resource["change"]
        if resource["address"] == "aws_iam_policy.boundary":
            change["after"]["arn"] = arn
        if resource["type"] == "aws_iam_role":
            change["after"]["permissions_boundary"] = arn
        change["before"], change["after_unknown"] = json.loads(json.dumps(change["after"])), {}
        if resource["address"] == 'aws_iam_role.app["blue"]':
            change["after"]["permissions_boundary"] = None
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan))
    found = {
        (one.rule, one.principal, one.location.address) for one in review(side(file, "before"), side(file)).unaccepted
    }
    address = 'aws_iam_role.app["blue"]'
    assert ("iam.diff.boundary", "role/orders-blue", address) in found
    assert ("iam.lint.boundary-missing", "role/orders-blue", address) in found
    assert not any(principal == "role/orders-green" for _, principal, _ in found)


def test_a_policy_that_a_plan_widens(tmp_path: Path) -> None:
    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    file = changed(tmp_path, "aws_iam_policy.read", policy=json.dumps(wide))
    before, after = side(file, "before"), side(file)
    found = review(before, after).unaccepted
    told = {finding.principal for finding in found if finding.rule == "iam.diff.new-access"}
    assert {"role/orders-blue", "role/orders-green"} <= told
    assert all(finding.location.address == "aws_iam_policy.read" for finding in found if finding.kind == "new-access")
