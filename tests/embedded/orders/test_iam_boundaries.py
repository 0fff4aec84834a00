"""IAM contracts on the ready environment: verified as it is, and failing for each hole that is cut into it."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from contracts.access import Access
from contracts.iam import decoys
from contracts.iam.matrix import build
from contracts.model import Result, Watch
from contracts.runner import run
from orchestrator.aws import AwsSession, Credentials
from orchestrator.environment import Environment
from orchestrator.processes import wait_until
from orchestrator.teardown.inventory import take_inventory
from tests.embedded.conftest import Orders


@dataclass(frozen=True)
class Subject:
    """The environment with an administrator's session."""

    environment: Environment
    session: AwsSession
    orders: Orders

    def probe(self, *select: str) -> dict[str, Result]:
        with Access(self.environment, self.session) as access:
            return {result.id: result for result in run(self.environment, access, select=select, deadline_s=60)}

    def name(self, role: str) -> str:
        return f"ephk-{self.environment.lease_id}-{role}"

    def arn(self, role: str) -> str:
        return f"arn:aws:iam::{self.environment.cloud.account_id}:role/{self.name(role)}"


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


def allow(action: str, resource: str = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@contextlib.contextmanager
def inline(subject: Subject, role: str, policy: str) -> Iterator[None]:
    iam, name = subject.session.client("iam"), subject.name(role)
    iam.put_role_policy(RoleName=name, PolicyName="hole", PolicyDocument=policy)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="hole")


@contextlib.contextmanager
def boundary_version(subject: Subject, policy: str) -> Iterator[None]:
    iam, arn = subject.session.client("iam"), subject.environment.boundary_arn
    before = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy, SetAsDefault=True)["PolicyVersion"]
    try:
        yield
    finally:
        iam.set_default_policy_version(PolicyArn=arn, VersionId=before)
        iam.delete_policy_version(PolicyArn=arn, VersionId=made["VersionId"])


@contextlib.contextmanager
def no_boundary(subject: Subject) -> Iterator[None]:
    iam, name = subject.session.client("iam"), subject.name("connector")
    iam.delete_role_permissions_boundary(RoleName=name)
    try:
        yield
    finally:
        iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=subject.environment.boundary_arn)


@contextlib.contextmanager
def trusts_everybody(subject: Subject) -> Iterator[None]:
    iam, name = subject.session.client("iam"), subject.name("connector")
    before = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    wide = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    document = {"Version": "2012-10-17", "Statement": [*before["Statement"], wide]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(before))


@contextlib.contextmanager
def open_bucket(subject: Subject) -> Iterator[None]:
    """Name the operator's session in the bucket policy, which no boundary limits (IAM User Guide)."""
    s3, bucket = subject.session.client("s3"), subject.environment.bucket
    assert bucket is not None
    before = json.loads(s3.get_bucket_policy(Bucket=bucket.name)["Policy"])
    session = subject.arn("operator").replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/ephk-verify"
    arn = f"arn:aws:s3:::{bucket.name}"
    hole = {"Effect": "Allow", "Action": "s3:*", "Principal": {"AWS": session}, "Resource": [arn, f"{arn}/*"]}
    policy = {**before, "Statement": [*before["Statement"], hole]}
    s3.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps(policy))
    try:
        yield
    finally:
        s3.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps(before))


@contextlib.contextmanager
def administrators(subject: Subject) -> Iterator[None]:
    with inline(subject, "operator", allow("*")), boundary_version(subject, allow("*")):
        yield


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


Hole = Callable[[Subject], AbstractContextManager[None]]


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
    ],
)
def test_a_hole_is_caught_live(subject: Subject, hole: Hole, caught: tuple[str, ...]) -> None:
    results: dict[str, Result] = {}

    def seen() -> bool:  # brokers remember an answer for a second
        results.update(subject.probe(*caught))
        return all(result.status == "failed" for result in results.values())

    with hole(subject):
        assert wait_until(seen, deadline_s=60), {name: (r.status, r.reason) for name, r in results.items()}


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
    assert {name for _, name in decoys.remove(subject.session, lease)} == {made.bucket}
    assert decoys.remove(subject.session, lease) == []


def test_with_enforcement_off_every_refusal_fails_and_nothing_is_harmed(subject: Subject) -> None:
    scenario = subject.orders.world.state / "cloud" / "scenario.yaml"
    scenario.write_text("iam: {enforced: false}\n")
    try:
        open_cloud = subject.probe(
            "iam.*.deny.*", "acl.orders-batch.deny.*", "iam.boundary.escalation", "bucket.tls-only"
        )
    finally:
        scenario.unlink()
    assert {name: result.reason for name, result in open_cloud.items() if result.status != "failed"} == {}
    # Brokers remember an answer for a second.
    closed: dict[str, Result] = {}

    def refused_again() -> bool:
        closed.update(subject.probe("iam.*.deny.*", "acl.orders-batch.deny.*", "tags.complete"))
        return all(result.status == "verified" for result in closed.values())

    assert wait_until(refused_again, deadline_s=60), {n: r.reason for n, r in closed.items() if r.status != "verified"}
