"""Which of the found resources a state knows by name only."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.engine.checkpoint import StateResource
from orchestrator.teardown import pending_creates
from orchestrator.teardown.direct import Outcome
from orchestrator.teardown.found import Found, Inventory
from orchestrator.teardown.pending_creates import delete_pending_creates, unknown_to

ARN = "arn:aws:kafka:us-east-1:1:cluster/ephk-l/uuid-1"
MADE = StateResource("urn:1", "aws:ec2/vpc:Vpc", "vpc", "vpc-1")
PENDING = StateResource("urn:2", "aws:ec2/subnet:Subnet", "private-a", "", "creating")


def found(kind: str, identifier: str) -> Found:
    return Found(kind, identifier, "test")


def test_an_arn_and_an_id_of_the_same_thing_are_equal() -> None:
    state = [MADE, StateResource("urn:3", "aws:msk/cluster:Cluster", "cluster", ARN)]
    vpc, cluster = found("ec2:vpc", "arn:aws:ec2:us-east-1:1:vpc/vpc-1"), found("kafka:cluster", ARN)
    subnet = found("ec2:subnet", "subnet-9")
    assert unknown_to(state, [vpc, cluster, subnet]) == [subnet]


def test_what_services_make_is_left_to_them() -> None:
    assert unknown_to([MADE], [found("ec2:network-interface", "eni-1")]) == []


def test_without_a_pending_create_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Inventory:
        raise AssertionError("asked")

    monkeypatch.setattr(pending_creates, "take_inventory", never)
    finished = StateResource("urn:4", "aws:ec2/subnet:Subnet", "b", "subnet-1", "deleting")
    assert delete_pending_creates(None, "l", [MADE, finished], patience_s=1) == pending_creates.PendingOutcome()  # type: ignore[arg-type]


def test_only_what_the_state_has_no_id_for_is_deleted_and_all_of_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    subnet = found("ec2:subnet", "subnet-9")
    inventory = Inventory((found("ec2:vpc", "vpc-1"), subnet), (), ())
    asked: list[Found] = []

    def delete(_session: Any, _lease: str, items: list[Found], **_: Any) -> Outcome:
        asked.extend(items)
        return Outcome(deleted=tuple(items))

    monkeypatch.setattr(pending_creates, "take_inventory", lambda *_: inventory)
    monkeypatch.setattr(pending_creates, "delete_directly", delete)
    outcome = delete_pending_creates(None, "l", [MADE, PENDING], patience_s=1)  # type: ignore[arg-type]
    assert asked == [subnet]
    assert outcome.deleted == (subnet,)
    assert "private-a (Subnet)" in outcome.notes[0]
    assert "subnet-9" in outcome.notes[1]


def test_a_creation_that_did_not_end_is_looked_at_also_without_a_pending_create(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A plugin that was killed, or an answer that was lost, leaves a resource that the state does not even name."""
    cluster = found("kafka:cluster", ARN)
    monkeypatch.setattr(pending_creates, "take_inventory", lambda *_: Inventory((cluster,), (), ()))
    monkeypatch.setattr(pending_creates, "delete_directly", lambda _s, _l, items, **_: Outcome(deleted=tuple(items)))
    outcome = delete_pending_creates(None, "l", [MADE], patience_s=1, suspected=True)  # type: ignore[arg-type]
    assert outcome.deleted == (cluster,)
    assert [note.split(":")[0] for note in outcome.notes] == [
        "found in the cloud, unknown to Pulumi's state, and deleted"
    ]


def test_a_pending_policy_takes_its_role_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    role = found("iam:role", "ephk-l-client")
    state = [
        StateResource("urn:5", "aws:iam/role:Role", "client", "ephk-l-client"),
        StateResource("urn:6", "aws:iam/rolePolicy:RolePolicy", "client", "", "creating"),
    ]
    monkeypatch.setattr(pending_creates, "take_inventory", lambda *_: Inventory((role,), (), ()))
    monkeypatch.setattr(pending_creates, "delete_directly", lambda _s, _l, items, **_: Outcome(deleted=tuple(items)))
    assert delete_pending_creates(None, "l", state, patience_s=1).deleted == (role,)  # type: ignore[arg-type]
