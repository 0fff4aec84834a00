"""What can be decided from the table alone."""

from __future__ import annotations

import json

import pytest

from orchestrator.embedded.provider.codec import UNKNOWN
from orchestrator.embedded.provider.model import (
    TAGS,
    Field,
    ResourceType,
    check,
    diff,
    equal,
    from_api,
    observed_inputs,
    to_api,
)

RULES = Field("rules", many=True, fields=(Field("id", required=True, api="ID"), Field("days")))
GROUP = Field("group", fields=(Field("subnets", replace=True, kind="set"), Field("size", choices=("small", "large"))))
THING = ResourceType(
    "aws:x/thing:Thing",
    (
        Field("name", required=True, replace=True),
        Field("policy", kind="json"),
        GROUP,
        RULES,
        Field("window", local=True),
        TAGS,
    ),
    create=lambda call, news: "id",
    read=lambda call, resource_id, state: None,
    delete=lambda call, resource_id, state: None,
)


def test_right_inputs_are_accepted() -> None:
    assert check(THING, {"name": "n", "group": {"size": "small"}, "rules": [{"id": "a"}], "__defaults": []}) == []


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        ({"name": "n", "colour": "red"}, "colour"),
        ({}, "name"),
        ({"name": "n", "group": {"shape": "round"}}, "group.shape"),
        ({"name": "n", "group": {"size": "huge"}}, "group.size"),
        ({"name": "n", "rules": [{"id": "a"}, {"days": 1}]}, "rules[1].id"),
        ({"name": "n", "rules": [{"id": "a", "months": 1}]}, "rules[0].months"),
        ({"name": "n", "rules": {"id": "a"}}, "rules"),
        ({"name": "n", "group": ["a"]}, "group"),
    ],
)
def test_wrong_inputs_are_refused_by_name(inputs: dict[str, object], path: str) -> None:
    refusals = check(THING, inputs)
    assert [refusal.property for refusal in refusals] == [path]
    assert path in refusals[0].reason
    assert "aws:x/thing:Thing" in refusals[0].reason


def test_unknown_values_are_not_judged() -> None:
    assert check(THING, {"name": UNKNOWN, "group": UNKNOWN, "rules": [UNKNOWN]}) == []


def changes(olds: dict[str, object], news: dict[str, object]) -> list[tuple[str, str, bool]]:
    return [(change.path, change.verb, change.replace) for change in diff(THING, olds, news)]


def test_the_same_inputs_differ_in_nothing() -> None:
    inputs = {"name": "n", "group": {"subnets": ["a", "b"]}, "rules": [{"id": "a"}], "tags": {"k": "v"}}
    assert changes(inputs, json.loads(json.dumps(inputs))) == []


def test_each_change_has_its_path_and_its_consequence() -> None:
    old = {"name": "n", "group": {"subnets": ["a"], "size": "small"}, "rules": [{"id": "a"}]}
    new = {"name": "m", "group": {"subnets": ["b"], "size": "large"}, "tags": {"k": "v"}}
    assert changes(old, new) == [
        ("name", "update", True),
        ("group.subnets", "update", True),
        ("group.size", "update", False),
        ("rules", "delete", False),
        ("tags", "add", False),
    ]


def test_an_unknown_new_value_is_a_change() -> None:
    assert changes({"name": "n"}, {"name": UNKNOWN}) == [("name", "update", True)]


def test_sets_do_not_mind_their_order_and_lists_do() -> None:
    assert equal(Field("s", kind="set"), ["a", "b"], ["b", "a"])
    assert not equal(Field("s"), ["a", "b"], ["b", "a"])


def test_policies_are_compared_by_what_they_say() -> None:
    policy = Field("policy", kind="json")
    left = '{"Statement": [{"Action": ["s3:GetObject"], "Resource": ["b", "a"]}]}'
    right = '{"Statement":{"Resource":["a","b"],"Action":"s3:GetObject"}}'
    assert equal(policy, left, right)
    assert not equal(policy, left, right.replace("GetObject", "PutObject"))
    assert not equal(policy, left, "not json")


def test_a_refresh_without_drift_keeps_every_spelling() -> None:
    inputs = {"name": "n", "policy": '{"Action": ["a"]}', "group": {"subnets": ["b", "a"]}, "window": 7}
    state = {"name": "n", "policy": '{"Action":"a"}', "group": {"subnets": ["a", "b"], "size": "small"}, "arn": "x"}
    assert observed_inputs(THING, inputs, state) == inputs


def test_a_refresh_takes_what_has_drifted() -> None:
    inputs = {"name": "n", "tags": {"k": "v"}, "group": {"size": "small"}, "rules": [{"id": "a", "days": 1}]}
    state = {"name": "n", "tags": {"k": "w"}, "group": {"size": "large"}, "rules": [{"id": "a", "days": 2}]}
    assert observed_inputs(THING, inputs, state) == state
    assert observed_inputs(THING, inputs, {"name": "n"}) == {"name": "n"}


def test_an_import_takes_everything_that_is_there() -> None:
    assert observed_inputs(THING, {}, {"name": "n", "tags": {}, "arn": "x"}) == {"name": "n", "tags": {}}


def test_names_are_translated_both_ways() -> None:
    values = {"name": "n", "group": {"size": "small"}, "rules": [{"id": "a", "days": 1}], "window": 3}
    written = to_api(THING.fields, values)
    assert written == {"Name": "n", "Group": {"Size": "small"}, "Rules": [{"ID": "a", "Days": 1}]}
    assert from_api(THING.fields, written) == {name: value for name, value in values.items() if name != "window"}
