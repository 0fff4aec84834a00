"""The least policies, enforced: commands act as a role that has nothing else; one action less is refused by name."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from orchestrator.permissions import policy_for
from tests.embedded.conftest import EPHK, Done, Orders, World

ACCOUNT = "123456789012"


class Pipeline:
    """A role of the embedded account that commands act as."""

    def __init__(self, world: World) -> None:
        self._world = world
        info = world.must("cloud", "status", "--json").json()
        self._iam: Any = boto3.client(
            "iam",
            region_name=info["region"],
            endpoint_url=info["endpoint"],
            verify=info["ca_bundle"],
            aws_access_key_id=info["access_key_id"],
            aws_secret_access_key=info["secret_access_key"],
        )
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self._iam.create_role(RoleName="pipeline", AssumeRolePolicyDocument=document)

    def may(self, *commands: str, but: str = "") -> None:
        """Give the role the least policy for some commands, without one action."""
        policy = policy_for(commands, account=ACCOUNT, region="us-east-1")
        for statement in policy["Statement"]:
            kept = [action for action in statement["Action"] if action != but]
            statement["Action"] = kept or ["iam:GetRole"]
        self._iam.put_role_policy(RoleName="pipeline", PolicyName="least", PolicyDocument=json.dumps(policy))

    def ephk(self, *arguments: str | Path) -> Done:
        done = subprocess.run(
            [str(EPHK), *map(str, arguments)],
            env={**self._world.variables, "EPHK_ACT_AS_ROLE": f"arn:aws:iam::{ACCOUNT}:role/pipeline"},
            cwd=self._world.home,
            capture_output=True,
            text=True,
            timeout=240,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def plant(self, role: str, action: str, resource: str) -> None:
        """Give a role more than it should have."""
        hole = {"Effect": "Allow", "Action": action, "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [hole]})
        self._iam.put_role_policy(RoleName=role, PolicyName="hole", PolicyDocument=document)

    def pull_out(self, role: str) -> None:
        self._iam.delete_role_policy(RoleName=role, PolicyName="hole")

    def remove(self) -> None:
        self._iam.delete_role_policy(RoleName="pipeline", PolicyName="least")
        self._iam.delete_role(RoleName="pipeline")
        self._iam.close()


@pytest.fixture(scope="module")
def pipeline(orders: Orders) -> Iterator[Pipeline]:
    made = Pipeline(orders.world)
    try:
        yield made
    finally:
        made.remove()


def test_verify_needs_no_more_than_its_policy_and_no_less(orders: Orders, pipeline: Pipeline) -> None:
    contract = ("--contract", "bucket.public-access", "--json")
    pipeline.may("verify")
    done = pipeline.ephk("verify", orders.name, *contract)
    assert done.status == 0, done.err + done.out
    pipeline.may("verify", but="s3:GetBucketPublicAccessBlock")
    refused = pipeline.ephk("verify", orders.name, *contract)
    assert refused.status == 3
    (result,) = refused.json()["results"]
    assert result["status"] == "error"
    assert "s3:GetBucketPublicAccessBlock" in result["reason"]


def test_a_live_environment_is_reviewed_and_a_planted_hole_is_found(orders: Orders, pipeline: Pipeline) -> None:
    pipeline.may("check")
    side = f"lease:{orders.name}"
    same = pipeline.ephk("check", "iam", "--base", side, "--head", side, "--json")
    assert same.status == 0, same.err
    document = same.json()
    assert (document["findings"], document["not_covered"]) == ([], [])
    assert document["summary"]["principals"] >= 3
    role = orders.environment["roles"]["connector"]
    pipeline.plant(role.rpartition("/")[2], "kafka-cluster:*", "*")
    try:
        found = pipeline.ephk("check", "iam", "--lint", side, "--json")
    finally:
        pipeline.pull_out(role.rpartition("/")[2])
    assert found.status == 3
    holes = [one for one in found.json()["findings"] if one["rule"] == "iam.lint.kafka-wildcard-resource"]
    assert [one["location"]["address"].rpartition("-")[2] for one in holes] == ["connector"]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The smallest environment."""
    spec = tmp_path / "small.yaml"
    spec.write_text("name: least\nbrokers: {count: 1}\nnetwork: {zones: 1}\n")
    return spec


def test_up_and_down_need_no_more_than_their_policies(orders: Orders, pipeline: Pipeline, small: Path) -> None:
    pipeline.may("up")
    made = pipeline.ephk("up", small)
    assert made.status == 0, made.err
    pipeline.may("down")
    gone = pipeline.ephk("down", "least")
    assert gone.status == 0, gone.err + gone.out


def test_up_and_down_need_no_less_than_their_policies(orders: Orders, pipeline: Pipeline, small: Path) -> None:
    pipeline.may("up", but="ec2:CreateVpc")
    refused = pipeline.ephk("up", small)
    assert refused.status == 1
    assert "not authorized to perform: ec2:CreateVpc" in refused.err
    assert "least" not in {lease["name"] for lease in orders.world.must("list", "--json").json()["leases"]}
    orders.world.must("up", small)
    try:
        pipeline.may("down", but="kms:ScheduleKeyDeletion")
        kept = pipeline.ephk("down", "least")
        assert kept.status == 4
        assert "not authorized to perform: kms:ScheduleKeyDeletion" in kept.out
    finally:
        # The administrator's turn, unless the reaper has had it already.
        orders.world.ephk("down", "least")
