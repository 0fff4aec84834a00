"""The JSON interface, reasons and messages, explanations, and the data about actions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.iam import (
    Outcome,
    PolicySet,
    PolicyType,
    Request,
    RequestError,
    StatementRef,
    compile_policy,
    decide_requests,
    evaluate,
    explain,
)
from orchestrator.iam.actions import action_info, expand_action, service_actions

USER = "arn:aws:iam::111122223333:user/alice"
CLUSTER = "arn:aws:kafka:us-east-1:111122223333:cluster/c/uuid"
ALLOW = {"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}]}
DENY = {"Version": "2012-10-17", "Statement": [{"Sid": "No", "Effect": "Deny", "Action": "*", "Resource": "*"}]}
S3 = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
REQUEST: dict[str, Any] = {
    "name": "delete",
    "principal": USER,
    "action": "kafka:DeleteCluster",
    "resource": CLUSTER,
    "context": {},
    "identity": [ALLOW],
    "boundary": None,
    "scps": [],
    "session": None,
    "resource_policy": None,
    "account": "111122223333",
}


def test_answer_has_exactly_the_published_shape() -> None:
    answer = decide_requests([REQUEST, {**REQUEST, "name": "none", "identity": []}])
    assert answer == {
        "decisions": [
            {
                "name": "delete",
                "decision": "allow",
                "reason": "an identity-based policy allows the kafka:DeleteCluster action",
            },
            {
                "name": "none",
                "decision": "deny",
                "reason": "no identity-based policy allows the kafka:DeleteCluster action",
            },
        ]
    }
    assert json.loads(json.dumps(answer)) == answer


def test_one_malformed_request_leaves_the_others_alone() -> None:
    broken: list[Any] = [
        {**REQUEST, "identity": [{"Statement": [{"Effect": "Allow"}]}]},
        {**REQUEST, "boundary": {}},
        {**REQUEST, "scps": ["x"]},
        {**REQUEST, "scps": [None]},
        {**REQUEST, "session": 7},
        {**REQUEST, "identity": ["{"]},
        {**REQUEST, "identity": [None]},
        {**REQUEST, "boundary": [ALLOW, ALLOW]},
        {**REQUEST, "resource_policy": ALLOW},
        {**REQUEST, "principal": None},
        {**REQUEST, "action": "*"},
        {**REQUEST, "context": {"a": {"b": 1}}},
        {"name": "empty"},
        "text",
        None,
    ]
    found = decide_requests([REQUEST, *broken, REQUEST])["decisions"]
    assert [entry["decision"] for entry in found] == ["allow", *["error"] * len(broken), "allow"]
    assert all(entry["reason"].startswith("malformed") for entry in found[1:-1])
    assert found[-2]["name"] == f"request {len(broken) + 1}"


def test_malformed_policy_is_an_error_even_where_another_denies() -> None:
    request = {**REQUEST, "identity": [DENY, {"Statement": []}]}
    assert decide_requests([request])["decisions"][0]["decision"] == "error"


def test_optional_members_may_be_absent() -> None:
    request = {key: REQUEST[key] for key in ("principal", "action", "resource", "identity")}
    assert decide_requests([request])["decisions"][0] == {
        "name": "request 1",
        "decision": "allow",
        "reason": "an identity-based policy allows the kafka:DeleteCluster action",
    }


@pytest.mark.parametrize("document", [None, {}, {"requests": []}, "[]", 7])
def test_document_must_be_a_list(document: Any) -> None:
    with pytest.raises(RequestError):
        decide_requests(document)


def test_empty_document() -> None:
    assert decide_requests([]) == {"decisions": []}


def decision_with(**policies: Any) -> Any:
    return evaluate(Request(USER, "kafka:DeleteCluster", CLUSTER), **policies)


def test_deciding_statement() -> None:
    named = compile_policy(DENY, PolicyType.IDENTITY, name="guard")
    decision = decision_with(identity_policies=[ALLOW, named])
    assert decision.outcome is Outcome.EXPLICIT_DENY
    assert decision.statement == StatementRef(PolicyType.IDENTITY, "guard", 1, "No")
    assert decision_with(identity_policies=[ALLOW]).statement.sid == "All"
    assert decision_with().statement is None


def test_message_is_the_sentence_of_aws() -> None:
    assert decision_with().message == (
        f"User: {USER} is not authorized to perform: kafka:DeleteCluster on resource: {CLUSTER} "
        "because no identity-based policy allows the kafka:DeleteCluster action"
    )
    assert decision_with(scps=[DENY]).message == (
        f"User: {USER} is not authorized to perform: kafka:DeleteCluster on resource: {CLUSTER} "
        "with an explicit deny in a service control policy"
    )


@pytest.mark.parametrize(
    ("policies", "parts"),
    [
        ({"identity_policies": [ALLOW]}, ["allowed, because an identity-based policy allows", "statement 'All'"]),
        ({"identity_policies": [DENY]}, ["denied with an explicit deny", "statement 'No'", "overrides every allow"]),
        ({}, ["denied, because no identity-based policy allows", "Attach an identity-based policy"]),
        ({"identity_policies": [ALLOW], "boundary": S3}, ["no permissions boundary", "maximum"]),
        ({"scps": [[]]}, ["no service control policy", "Every level of the organization"]),
    ],
)
def test_explanation_is_one_paragraph(policies: dict[str, Any], parts: list[str]) -> None:
    text = explain(decision_with(**policies))
    assert "\n" not in text
    assert text.startswith(f"{USER} asks for kafka:DeleteCluster on {CLUSTER}: ")
    for part in parts:
        assert part in text


def test_explanation_of_a_root_user_who_assumes_a_role() -> None:
    root = Request("111122223333", "sts:AssumeRole", "arn:aws:iam::111122223333:role/app")
    trust = {"Statement": {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}}
    text = explain(evaluate(root, resource_policy=trust))
    assert "roles may not be assumed by an account root user" in text
    assert text.endswith("Use the credentials of a user or a role.")


def test_policy_set_decides_many_requests() -> None:
    policies = PolicySet(
        identity_policies=[{"Statement": {"Effect": "Allow", "Action": "kafka:Describe*", "Resource": "*"}}],
        boundary=ALLOW,
        scps=[ALLOW],
    )
    actions = ["kafka:DescribeCluster", "kafka:DeleteCluster", "KAFKA:describecluster", "kafka:DescribeCluster"]
    allowed = [policies.decide(Request(USER, action, CLUSTER)).allowed for action in actions]
    assert allowed == [True, False, True, True]


def test_index_of_actions_does_not_grow_without_end() -> None:
    policies = PolicySet(identity_policies=[ALLOW])
    assert all(policies.decide(Request(USER, f"s3:Action{number}", "*")).allowed for number in range(5000))
    assert len(policies._identity._index) <= 4096


def test_actions_of_a_service() -> None:
    assert "kafka-cluster:writedata" in service_actions("kafka-cluster")
    assert service_actions("no-such-service") == {}


def test_action_info() -> None:
    info = action_info("KAFKA-CLUSTER:writedata")
    assert info is not None
    assert info.name == "kafka-cluster:WriteData"
    assert "topic" in info.resource_types
    assert action_info("kafka-cluster:NoSuchAction") is None
    assert action_info("GetObject") is None


def test_expand_action() -> None:
    found = expand_action("kafka:Delete*")
    assert "kafka:DeleteCluster" in found
    assert all(name.startswith("kafka:Delete") for name in found)
    assert expand_action("kafka:DeleteCluster") == ("kafka:DeleteCluster",)
    assert expand_action("kafka:Nothing*") == ()
