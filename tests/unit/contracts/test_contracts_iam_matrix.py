"""The matrix of permissions: ACLs as Kafka decides them, the three views and whether they agree."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.acl_evaluation import decide
from contracts.iam.evaluation import View
from contracts.iam.matrix import Cell, judge
from contracts.iam.roles import Role
from contracts.iam.scene import Check
from contracts.iam.simulation import simulate
from contracts.model import Failed, Verified, Watch
from contracts.wire.acl_requests import Acl
from orchestrator.reports.matrix_table import short
from tests.unit.contracts.builders import environment


def acl(operation: str = "READ", name: str = "orders", **changes: Any) -> Acl:
    fields: dict[str, Any] = {"kind": "topic", "pattern": "literal", "principal": "User:a", "host": "*", "deny": False}
    return Acl(name=name, operation=operation, **(fields | changes))


@pytest.mark.parametrize(
    ("acls", "operation", "wanted"),
    [
        ([], "READ", False),
        ([acl()], "READ", True),
        ([acl()], "WRITE", False),
        ([acl()], "DESCRIBE", True),
        ([acl("DESCRIBE")], "READ", False),
        ([acl("ALL")], "WRITE", True),
        ([acl(name="*")], "READ", True),
        ([acl(name="ord")], "READ", False),
        ([acl(name="ord", pattern="prefixed")], "READ", True),
        ([acl(principal="User:*")], "READ", True),
        ([acl(principal="User:b")], "READ", False),
        ([acl(kind="group")], "READ", False),
        ([acl(host="10.0.0.1")], "READ", False),
        ([acl(), acl(deny=True)], "READ", False),
        ([acl(), acl("ALL", name="*", principal="User:*", deny=True)], "READ", False),
        ([acl(), acl("READ", host="10.0.0.1", deny=True)], "READ", False),
        ([acl(), acl("WRITE", deny=True)], "READ", True),
    ],
)
def test_acls_decide_as_kafkas_authorizer_does(acls: list[Acl], operation: str, wanted: bool) -> None:
    assert decide(acls, "User:a", operation, "topic", "orders")[0] is wanted


YES, NO, SILENT = View(True, "yes"), View(False, "no"), View(None, "not to be had")


def cell(evaluated: View, simulated: View, probed: View, via: str = "IAM") -> Cell:
    return Cell("operator", via, "s3:GetObject", "arn:x", evaluated, simulated, probed)


def test_what_happens_outweighs_what_is_said() -> None:
    seen = cell(YES, YES, NO)
    assert (seen.allowed, seen.agrees, seen.established) == (False, False, ("evaluated", "simulated", "probed"))
    assert (cell(YES, NO, SILENT).allowed, cell(SILENT, SILENT, SILENT).allowed) == (False, None)
    assert cell(NO, SILENT, NO).agrees


def test_a_disagreement_is_a_finding_that_names_the_views() -> None:
    outcome = judge([cell(NO, NO, NO), cell(NO, SILENT, YES)])
    assert isinstance(outcome, Failed)
    assert "evaluated: deny (no); probed: allow (yes)" in outcome.reason
    assert len(outcome.evidence["disagreements"]) == 1


def test_without_any_simulation_the_reason_is_given_and_with_it_all_three_are_counted() -> None:
    assert judge([cell(NO, SILENT, NO), cell(NO, NO, NO, via="ACL")]) == "not to be had"
    outcome = judge([cell(NO, NO, NO), cell(YES, YES, SILENT)])
    assert isinstance(outcome, Verified)
    assert outcome.evidence["established"] == {"evaluated": 2, "simulated": 2, "probed": 1}


class _Scene:
    """What a simulation needs of a scene: an IAM client that decides by a function."""

    def __init__(self, answer: Any) -> None:
        self.environment, self.role, self.watch = environment(), Role("operator", "arn:role", "operator"), Watch(5)
        self.access = SimpleNamespace(once=lambda _key, find, _watch: find())
        self.asked: list[dict[str, Any]] = []
        self._answer = answer

    def admin(self, _service: str) -> Any:
        return self

    def simulate_principal_policy(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        return self._answer(**arguments)


def test_the_provider_is_asked_once_for_each_resource_with_the_context() -> None:
    def answer(ActionNames: list[str], **_: Any) -> Any:
        return {
            "EvaluationResults": [
                {"EvalActionName": name, "EvalDecision": "allowed" if name.endswith("List") else "implicitDeny"}
                for name in ActionNames
            ]
        }

    scene = _Scene(answer)
    checks = [
        Check("s3:List", "arn:b"),
        Check("s3:Get", "arn:b"),
        Check("s3:Get", "arn:c"),
        Check("sts:AssumeRole", "r"),
    ]
    found = simulate(scene, checks)  # type: ignore[arg-type]
    assert [found[check].allowed for check in checks] == [True, False, False, None]
    assert [(a["ActionNames"], a["ResourceArns"]) for a in scene.asked] == [
        (["s3:List", "s3:Get"], ["arn:b"]),
        (["s3:Get"], ["arn:c"]),
    ]
    entries = {entry["ContextKeyName"]: entry["ContextKeyValues"] for entry in scene.asked[0]["ContextEntries"]}
    assert entries == {"aws:SecureTransport": ["true"], "aws:RequestedRegion": ["us-east-1"]}


def test_a_provider_that_does_not_simulate_says_nothing_about_the_permission() -> None:
    def answer(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "UnknownOperationException", "Message": ""}}, "SimulatePrincipalPolicy")

    check = Check("s3:GetObject", "arn:b")
    view = simulate(_Scene(answer), [check])[check]  # type: ignore[arg-type]
    assert (view.allowed, view.said) == (None, "SimulatePrincipalPolicy answered UnknownOperationException")


def test_resources_are_shown_without_what_is_the_same_in_every_row() -> None:
    assert short("arn:aws:kafka:us-east-1:1:topic/c/u/orders", "us-east-1") == "kafka:topic/c/u/orders"
    assert short("arn:aws:kafka:us-west-2:1:topic/c/u/orders", "us-east-1") == "kafka:us-west-2:topic/c/u/orders"
    assert short("arn:aws:s3:::data/key", "us-east-1") == "s3:data/key"
    assert short("topic orders", "us-east-1") == "topic orders"
