"""IAM contracts on the ready environment: verified as it is, and failing for each hole that is cut into it."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.access import Access
from contracts.iam import decoys
from contracts.iam.matrix import build
from contracts.model import Result, Watch
from orchestrator.aws import AwsSession, Credentials
from orchestrator.environment import Environment
from orchestrator.processes import wait_until
from orchestrator.teardown.inventory import take_inventory
from tests.embedded.conftest import Orders
from tests.embedded.orders.iam_holes import (
    Hole,
    Subject,
    administrators,
    allow,
    any_source,
    boundary_version,
    in_policies,
    inline,
    no_boundary,
    only_through_the_endpoint,
    open_bucket,
    open_endpoint,
    public_bucket,
    trusts_everybody,
    wildcard_acl,
)


@pytest.fixture(scope="module")
def subject(orders: Orders) -> Subject:
    environment = Environment.model_validate(orders.environment)
    info = orders.world.must("cloud", "status", "--json").json()
    keys = Credentials(info["access_key_id"], info["secret_access_key"])
    return Subject(environment, AwsSession(environment.cloud, keys), orders)


def test_every_role_does_its_work_and_no_more(subject: Subject) -> None:
    results = subject.probe("iam.*")
    assert {name: r.reason for name, r in results.items() if r.status in {"failed", "error"}} == {}
    assert len([name for name in results if ".deny." in name]) > 25
    assert results["iam.views.agree"].status in {"verified", "not_covered"}
    evidence = results["iam.operator.deny.delete-cluster"].evidence
    (seen,) = evidence.values()
    assert seen == {
        "evaluated": "deny",
        "because": "no identity-based policy allows the kafka:DeleteCluster action",
        "live": "AccessDeniedException",
    }


@pytest.fixture
def state(subject: Subject) -> Iterator[Subject]:
    """Say that the environment's state is in a bucket, and make that bucket."""
    s3, name = subject.session.client("s3"), "ephk-state-of-all"
    s3.create_bucket(Bucket=name)
    try:
        yield Subject(subject.environment.model_copy(update={"state_bucket": name}), subject.session, subject.orders)
    finally:
        s3.delete_bucket(Bucket=name)


def test_no_role_reads_the_state_unless_a_policy_lets_it(state: Subject) -> None:
    assert state.probe("iam.state.unreadable")["iam.state.unreadable"].status == "verified"
    with inline(state, "operator", allow("s3:*")), boundary_version(state, allow("*")):
        result = state.probe("iam.state.unreadable")["iam.state.unreadable"]
    assert (result.status, "operator may s3:ListBucket on arn:aws:s3:::ephk-state-of-all" in result.reason) == (
        "failed",
        True,
    )


@pytest.mark.parametrize(
    ("hole", "caught"),
    [
        pytest.param(no_boundary, ("iam.boundary.present", "iam.boundary.escalation"), id="missing boundary"),
        pytest.param(trusts_everybody, ("iam.trust.least", "iam.operator.deny.assume-role"), id="trust too wide"),
        pytest.param(open_bucket, ("iam.operator.deny.bucket",), id="bucket policy open"),
        pytest.param(
            lambda s: inline(s, "client-orders-batch", allow("kafka-cluster:*")),
            ("acl.orders-batch.deny.consume.orders", "acl.orders-batch.deny.group"),
            id="kafka-cluster action on *",
        ),
        pytest.param(
            lambda s: inline(s, "client-orders-batch", allow("kafka-cluster:Connect", Effect="Deny")),
            ("iam.client-orders-batch.allow.connect",),
            id="permission denied",
        ),
        pytest.param(
            administrators,
            (
                "iam.boundary.escalation",
                "iam.operator.deny.pass-role",
                "iam.operator.deny.widen-policy",
                "iam.operator.deny.other-bucket",
                "iam.operator.deny.secrets",
                "iam.operator.deny.untagged",
            ),
            id="administrator's policy and boundary",
        ),
        pytest.param(open_endpoint, ("network.endpoint.deny", "network.endpoint.least"), id="endpoint policy open"),
    ],
)
def test_a_hole_is_caught_live(subject: Subject, hole: Hole, caught: tuple[str, ...]) -> None:
    results: dict[str, Result] = {}

    def seen() -> bool:  # brokers remember an answer for a second
        results.update(subject.probe(*caught))
        return all(result.status == "failed" for result in results.values())

    with hole(subject):
        assert wait_until(seen, deadline_s=60), {name: (r.status, r.reason) for name, r in results.items()}


#: Kind of hole -> the contracts that catch it live, and what names the place beside the contract itself.
PLANTED: dict[str, tuple[tuple[str, ...], str]] = {
    "wildcard resource": (("iam.lint.wildcard-resource", "iam.lint.administrator", "iam.lint.allow-not"), "connector"),
    "missing boundary": (("iam.boundary.present",), "operator"),
    "trust too wide, condition dropped": (("iam.trust.least",), "connector"),
    "PassRole open": (("iam.lint.pass-role",), "connector"),
    "deny removed": (("bucket.tls-only",), "bucket"),
    "bucket policy open": (("iam.lint.public-principal",), "bucket"),
    "ACL wildcard": (("iam.lint.kafka-acl-wildcard", "acl.drift"), "ACL"),
    "kafka-cluster action on *": (("iam.lint.kafka-wildcard-resource",), "connector"),
    "kafka: for kafka-cluster:": (("iam.lint.kafka-control-plane",), "connector"),
    "topic ARN of another shape": (("iam.lint.kafka-resource-shape",), "connector"),
    "action on another kind": (("iam.lint.kafka-action-resource",), "connector"),
}


def test_each_kind_of_hole_is_caught_live_and_named_in_sarif(subject: Subject, tmp_path: Path) -> None:
    world, name = subject.orders.world, subject.orders.name
    wanted = [contract for contracts, _ in PLANTED.values() for contract in contracts]
    arguments = [text for contract in wanted for text in ("--contract", contract)]

    def places(directory: Path) -> dict[str, list[str]]:
        (run,) = json.loads((directory / "findings.sarif").read_text())["runs"]
        return {
            result["ruleId"]: [one["fullyQualifiedName"] for one in result["locations"][0]["logicalLocations"]]
            for result in run["results"]
        }

    assert world.ephk("verify", name, *arguments, "--report", tmp_path / "clean").status == 0
    assert places(tmp_path / "clean") == {}
    holes = (in_policies, any_source, public_bucket, wildcard_acl, lambda s: no_boundary(s, "operator"))
    with contextlib.ExitStack() as planted:
        for hole in holes:
            planted.enter_context(hole(subject))
        assert world.ephk("verify", name, *arguments, "--report", tmp_path / "holes").status == 3
    found = places(tmp_path / "holes")
    bucket = subject.environment.bucket
    assert bucket is not None
    where = {
        "connector": subject.arn("connector"),
        "operator": subject.arn("operator"),
        "bucket": f"arn:aws:s3:::{bucket.name}",
        "ACL": "ALLOW User:orders-producer READ on TOPIC *",
    }
    for contracts, place in PLANTED.values():
        for contract in contracts:
            assert found[contract] == [f"{name}/{contract}", where[place]], contract


def test_a_bucket_that_demands_the_endpoint_refuses_everybody_else(subject: Subject) -> None:
    with only_through_the_endpoint(subject):
        found = subject.probe("network.endpoint.source")["network.endpoint.source"]
    assert (found.status, found.reason) == ("verified", "")
    assert found.evidence == {"s3:ListBucket": {"must succeed": "succeeded", "must be refused": "AccessDenied"}}


def test_the_matrix_tells_iam_from_acls_and_the_views_agree(subject: Subject) -> None:
    with Access(subject.environment, subject.session) as access:
        cells = build(access, Watch(60))
    seen = {(c.principal, c.action, c.resource.rsplit("/", 1)[-1]): c for c in cells}
    assert all(cell.agrees for cell in cells)
    batch = seen["client-orders-batch", "kafka-cluster:WriteData", "payments"]
    assert (batch.via, batch.allowed, batch.evaluated.allowed, batch.probed.allowed) == ("IAM", True, True, True)
    producer = seen["orders-producer", "WRITE", "topic orders"]
    assert (producer.via, producer.allowed, producer.established) == ("ACL", True, ("evaluated", "simulated", "probed"))
    assert seen["orders-producer", "WRITE", "topic payments"].allowed is False


def test_the_matrix_as_a_command(subject: Subject) -> None:
    world, name = subject.orders.world, subject.orders.name
    shown = world.must("check", "matrix", name, "--principal", "orders-producer", "--no-denied").out
    assert re.search(r"orders-producer +ACL +WRITE +topic orders +allow +ESP\n", shown), shown
    assert "deny" not in shown
    document = world.must("check", "matrix", name, "--principal", "operator", "--json").json()
    assert {cell["principal"] for cell in document["cells"]} == {"operator"}
    assert world.ephk("check", "matrix", name, "--principal", "nobody").status == 2


def test_what_a_killed_run_leaves_is_removed_and_counts_for_no_lease(subject: Subject) -> None:
    lease = subject.environment.lease_id
    killed = Access(subject.environment, subject.session)
    made = decoys.ensure(killed, Watch(60))  # never closed
    found = take_inventory(subject.session, lease)
    assert made.bucket not in " ".join(item.identifier for item in found.found)
    begins = decoys.prefix(lease)
    removed = decoys.remove(subject.session, [begins, decoys.prefix("another")])
    assert {name for _, name in removed[begins]} == {made.bucket}
    assert decoys.remove(subject.session, [begins]) == {}


def test_with_enforcement_off_every_refusal_fails_and_nothing_is_harmed(subject: Subject) -> None:
    scenario = subject.orders.world.state / "cloud" / "scenario.yaml"
    opened: dict[str, Result] = {}
    closed: dict[str, Result] = {}

    # Brokers remember an answer for a second.
    def let_through() -> bool:
        opened.update(
            subject.probe(
                "iam.*.deny.*",
                "acl.orders-batch.deny.*",
                "iam.boundary.escalation",
                "bucket.tls-only",
                "network.endpoint.deny",
                "network.endpoint.source",
            )
        )
        return all(result.status == "failed" for result in opened.values())

    scenario.write_text("iam: {enforced: false}\n")
    try:
        with only_through_the_endpoint(subject):
            assert wait_until(let_through, deadline_s=60), {
                name: result.reason for name, result in opened.items() if result.status != "failed"
            }
    finally:
        scenario.unlink()

    def refused_again() -> bool:
        closed.update(
            subject.probe("iam.*.deny.*", "acl.orders-batch.deny.*", "network.endpoint.deny", "tags.complete")
        )
        return all(result.status == "verified" for result in closed.values())

    assert wait_until(refused_again, deadline_s=60), {n: r.reason for n, r in closed.items() if r.status != "verified"}
