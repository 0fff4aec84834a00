"""The least policies, enforced: commands act as a role that has nothing else; one action less is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.conftest import Orders
from tests.embedded.pipeline import Pipeline


@pytest.fixture(scope="module")
def pipeline(orders: Orders) -> Iterator[Pipeline]:
    made = Pipeline(orders.world)
    try:
        yield made
    finally:
        made.remove()


def test_verify_needs_no_more_than_its_policy_and_no_less(orders: Orders, pipeline: Pipeline, tmp_path: Path) -> None:
    """The whole catalogue: a contract that may not look, or may not try, is in error and says what it lacks."""
    pipeline.may("verify")
    results = pipeline.ephk("verify", orders.name, "--report", tmp_path, "--json").json()["results"]
    unsaid = [f"{r['id']}: {r['reason']}" for r in results if r["status"] in {"failed", "error"}]
    assert not unsaid, "\n".join(unsaid)
    assert not [r["id"] for r in results if "AccessDenied" in r["reason"] or "not authorized" in r["reason"]]
    assert len(results) > 150
    pipeline.may("verify", but="s3:GetBucketPublicAccessBlock")
    refused = pipeline.ephk("verify", orders.name, "--contract", "bucket.public-access", "--json")
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


def test_costs_need_no_more_than_their_policy_and_no_less(orders: Orders, pipeline: Pipeline) -> None:
    pipeline.may("cost")
    billed = pipeline.ephk("cost", "--actual", orders.name, "--json")
    assert (billed.status, billed.json()["billed"] is not None or billed.json()["reason"] != "") == (0, True), (
        billed.err
    )
    pipeline.may("cost", but="ce:GetCostAndUsage")
    refused = pipeline.ephk("cost", "--actual", orders.name)
    activated = "not an active cost-allocation tag" not in billed.out
    assert (refused.status != 0 and "ce:GetCostAndUsage" in refused.err + refused.out) is activated
    pipeline.may("cost", but="pricing:GetProducts")
    refused = pipeline.ephk("cost", "--refresh")
    assert refused.status == 1
    assert "pricing:GetProducts" in refused.err


def test_what_calls_no_cloud_needs_no_permission(orders: Orders, pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.may("cost", but="sts:GetCallerIdentity")
    try:
        kept = pipeline.ephk("keep", orders.name, "--reason", "a test", "--until", "1h")
        assert kept.status == 0, kept.err
    finally:
        orders.world.must("keep", orders.name, "--off")
    adopted = pipeline.ephk("adopt", "elsewhere", "--bootstrap", "scram=127.0.0.1:1")
    assert adopted.status == 0, adopted.err
    assert pipeline.ephk("down", "elsewhere").status == 0


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
