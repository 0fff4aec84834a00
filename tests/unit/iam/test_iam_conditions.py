"""Condition operators, set operators, IfExists, absent keys."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.iam import PolicyError, Request, evaluate

USER = "arn:aws:iam::111122223333:user/alice"


def holds(
    condition: dict[str, Any], context: dict[str, Any], *, effect: str = "Allow", version: str = "2012-10-17"
) -> bool:
    """Whether a statement with the condition applies."""
    statement = {"Effect": effect, "Action": "s3:GetObject", "Resource": "*", "Condition": condition}
    policies = [{"Version": version, "Statement": statement}]
    if effect == "Deny":
        policies.append({"Version": version, "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
    request = Request(USER, "s3:GetObject", "arn:aws:s3:::bucket/key", context)
    return evaluate(request, identity_policies=policies).allowed is (effect == "Allow")


ABSENT = object()

# operator, value(s) of the policy, value(s) of the request, expected
SINGLE: list[tuple[str, Any, Any, bool]] = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", "a", "A", False),
    ("StringEquals", "a*", "ab", False),
    ("StringEquals", "a*", "a*", True),
    ("StringEquals", ["a", "b"], "b", True),
    ("StringEquals", ["a", "b"], "c", False),
    ("StringEquals", "", "", True),
    ("StringEquals", 10, "10", True),
    ("StringEquals", "10", 10, True),
    ("StringEquals", True, "true", True),
    ("StringEquals", "${*}", "*", True),
    ("StringEquals", "${aws:username}", "alice", True),
    ("StringEquals", "${aws:username}", "bob", False),
    ("StringEquals", ["x", "${aws:username}"], "alice", True),
    ("StringEquals", "${x:none, 'dflt'}", "dflt", True),
    ("StringEquals", "${x:none}", "", False),
    ("StringNotEquals", "a", "a", False),
    ("StringNotEquals", "a", "b", True),
    ("StringNotEquals", ["a", "b"], "b", False),
    ("StringNotEquals", ["a", "b"], "c", True),
    ("StringEqualsIgnoreCase", "Prod", "pROD", True),
    ("StringEqualsIgnoreCase", "Prod", "dev", False),
    ("StringNotEqualsIgnoreCase", "Prod", "pROD", False),
    ("StringNotEqualsIgnoreCase", "Prod", "dev", True),
    ("StringLike", "home/*", "home/alice", True),
    ("StringLike", "home/*", "Home/alice", False),
    ("StringLike", "home/?", "home/a", True),
    ("StringLike", "home/?", "home/ab", False),
    ("StringLike", ["", "home/", "home/${aws:username}/*"], "home/alice/x", True),
    ("StringLike", ["", "home/", "home/${aws:username}/*"], "", True),
    ("StringLike", ["", "home/", "home/${aws:username}/*"], "home/bob/x", False),
    ("StringLike", "a${*}", "ab", False),
    ("StringLike", "arn:aws:someservice:*:1:finance/*", "arn:aws:someservice:us:2:store:1:finance/d", True),
    ("StringNotLike", "home/*", "home/alice", False),
    ("StringNotLike", "home/*", "etc", True),
    ("StringNotLike", ["a*", "b*"], "bc", False),
    ("NumericEquals", "10", "10.0", True),
    ("NumericEquals", 10, 10, True),
    ("NumericEquals", "10", "11", False),
    ("NumericEquals", "10", "ten", False),
    ("NumericNotEquals", "10", "11", True),
    ("NumericNotEquals", "10", "10", False),
    ("NumericNotEquals", ["10", "11"], "11", False),
    ("NumericLessThan", "10", "9.99", True),
    ("NumericLessThan", "10", "10", False),
    ("NumericLessThan", "10", "9", True),
    ("NumericLessThan", "9", "10", False),
    ("NumericLessThanEquals", "10", "10", True),
    ("NumericLessThanEquals", "10", "11", False),
    ("NumericGreaterThan", "-5", "-4", True),
    ("NumericGreaterThan", "-5", "-5", False),
    ("NumericGreaterThanEquals", "5", "5", True),
    ("NumericGreaterThanEquals", "5", "4", False),
    ("NumericLessThan", ["5", "100"], "50", True),
    ("DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
    ("DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", True),
    ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", True),
    ("DateEquals", "2026-01-01", "2026-01-01T00:00Z", True),
    ("DateEquals", "2026", "2026-01-01T00:00:00.000Z", True),
    ("DateEquals", "2026-01", "2026-02", False),
    ("DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", True),
    ("DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False),
    ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", True),
    ("DateLessThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", False),
    ("DateLessThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
    ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", True),
    ("DateGreaterThan", "2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z", False),
    ("DateGreaterThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00-01:00", True),
    ("DateGreaterThan", 1767225600, 1767225601, True),
    ("DateGreaterThan", "2026-01-01T00:00:00Z", "yesterday", False),
    ("Bool", "true", "true", True),
    ("Bool", "true", True, True),
    ("Bool", True, "true", True),
    ("Bool", "false", "true", False),
    ("Bool", "false", False, True),
    ("Bool", "TRUE", "true", True),
    ("Bool", "true", "1", False),
    ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", True),
    ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "BinaryValueInBase64", True),
    ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5", False),
    ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "é", False),
    ("IpAddress", "203.0.113.0/24", "203.0.113.77", True),
    ("IpAddress", "203.0.113.0/24", "203.0.114.1", False),
    ("IpAddress", "203.0.113.5", "203.0.113.5", True),
    ("IpAddress", "203.0.113.5", "203.0.113.6", False),
    ("IpAddress", "203.0.113.5/24", "203.0.113.9", True),
    ("IpAddress", "2001:DB8:1234:5678::/64", "2001:db8:1234:5678::1", True),
    ("IpAddress", "2001:DB8:1234:5678::/64", "2001:db8:1234:5679::1", False),
    ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", True),
    ("IpAddress", "0.0.0.0/0", "2001:db8::1", False),
    ("IpAddress", "203.0.113.0/24", "elsewhere", False),
    ("NotIpAddress", "203.0.113.0/24", "203.0.113.77", False),
    ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
    ("NotIpAddress", ["203.0.113.0/24", "198.51.100.0/24"], "198.51.100.1", False),
    ("ArnEquals", "arn:aws:sns:us-east-1:111122223333:t", "arn:aws:sns:us-east-1:111122223333:t", True),
    ("ArnEquals", "arn:aws:sns:*:111122223333:*", "arn:aws:sns:us-east-1:111122223333:t", True),
    ("ArnLike", "arn:aws:sns:*:111122223333:*", "arn:aws:sns:us-east-1:444455556666:t", False),
    ("ArnLike", "arn:aws:iam::111122223333:user/${aws:username}", "arn:aws:iam::111122223333:user/alice", True),
    ("ArnLike", "arn:aws:s:*:1:finance/*", "arn:aws:s:us:2:store:1:finance/d", False),
    ("ArnNotEquals", "arn:aws:sns:*:111122223333:*", "arn:aws:sns:us-east-1:111122223333:t", False),
    ("ArnNotEquals", "arn:aws:sns:*:111122223333:*", "arn:aws:sns:us-east-1:444455556666:t", True),
    ("ArnNotLike", "arn:aws:iam::*:role/admin", "arn:aws:iam::1:role/dev", True),
    ("ArnNotLike", "arn:aws:iam::*:role/admin", "arn:aws:iam::1:role/admin", False),
    ("Null", "true", ABSENT, True),
    ("Null", "true", "x", False),
    ("Null", "false", ABSENT, False),
    ("Null", "false", "x", True),
    ("Null", True, ABSENT, True),
    ("Null", False, "", True),
    ("Null", "true", [], True),
    ("Null", "true", None, True),
    ("Null", ["true", "false"], "x", True),
    # Names of operators are compared without regard to case.
    ("bool", "true", "true", True),
    ("stringnotequals", "a", "a", False),
]


def context_with(value: Any) -> dict[str, Any]:
    return {} if value is ABSENT else {"test:key": value}


@pytest.mark.parametrize(("operator", "policy", "value", "expected"), SINGLE)
def test_operator(operator: str, policy: Any, value: Any, expected: bool) -> None:
    assert holds({operator: {"test:key": policy}}, context_with(value)) is expected


@pytest.mark.parametrize(("operator", "policy", "value", "expected"), SINGLE)
def test_operator_in_a_deny(operator: str, policy: Any, value: Any, expected: bool) -> None:
    assert holds({operator: {"test:key": policy}}, context_with(value), effect="Deny") is expected


POSITIVE = {
    "StringEquals": "a",
    "StringEqualsIgnoreCase": "a",
    "StringLike": "*",
    "NumericEquals": "1",
    "NumericLessThan": "1",
    "NumericLessThanEquals": "1",
    "NumericGreaterThan": "1",
    "NumericGreaterThanEquals": "1",
    "DateEquals": "2026-01-01",
    "DateLessThan": "2026-01-01",
    "DateLessThanEquals": "2026-01-01",
    "DateGreaterThan": "2026-01-01",
    "DateGreaterThanEquals": "2026-01-01",
    "Bool": "false",
    "BinaryEquals": "YQ==",
    "IpAddress": "0.0.0.0/0",
    "ArnEquals": "*",
    "ArnLike": "*",
}
NEGATED = {
    "StringNotEquals": "a",
    "StringNotEqualsIgnoreCase": "a",
    "StringNotLike": "*",
    "NumericNotEquals": "1",
    "DateNotEquals": "2026-01-01",
    "NotIpAddress": "0.0.0.0/0",
    "ArnNotEquals": "*",
    "ArnNotLike": "*",
}


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize(("operator", "value"), [*POSITIVE.items(), *NEGATED.items()])
def test_absent_key(operator: str, value: str, effect: str) -> None:
    condition = {"test:key": value}
    assert holds({operator: condition}, {}, effect=effect) is (operator in NEGATED)
    assert holds({f"{operator}IfExists": condition}, {}, effect=effect)
    assert holds({f"ForAllValues:{operator}": condition}, {}, effect=effect)
    assert holds({f"ForAllValues:{operator}IfExists": condition}, {}, effect=effect)
    assert not holds({f"ForAnyValue:{operator}": condition}, {}, effect=effect)
    assert not holds({f"ForAnyValue:{operator}IfExists": condition}, {}, effect=effect)


IF_EXISTS = [
    ("StringEqualsIfExists", "a", "a", True),
    ("StringEqualsIfExists", "a", "b", False),
    ("StringNotEqualsIfExists", "a", "a", False),
    ("StringNotEqualsIfExists", "a", "b", True),
    ("StringLikeIfExists", ["t1.*", "t2.*", "m3.*"], "t2.micro", True),
    ("StringLikeIfExists", ["t1.*", "t2.*", "m3.*"], "m5.large", False),
    ("BoolIfExists", "false", "true", False),
    ("NumericLessThanIfExists", "3600", "3601", False),
    ("ArnLikeIfExists", "arn:aws:sns:*:*:*", "arn:aws:sqs:a:b:c", False),
    ("IpAddressIfExists", "203.0.113.0/24", "198.51.100.1", False),
]


@pytest.mark.parametrize(("operator", "policy", "value", "expected"), IF_EXISTS)
def test_if_exists_with_a_key(operator: str, policy: Any, value: Any, expected: bool) -> None:
    assert holds({operator: {"test:key": policy}}, {"test:key": value}) is expected


# The tables of "Multivalued context key examples" and "Conditions with multiple context keys or values".
SETS: list[tuple[str, Any, Any, bool]] = [
    ("ForAllValues:StringEquals", ["a", "b", "c"], ["a", "b"], True),
    ("ForAllValues:StringEquals", ["a", "b", "c"], ["a", "d"], False),
    ("ForAllValues:StringEquals", ["a", "b", "c"], ["d"], False),
    ("ForAllValues:StringEquals", ["a"], [], True),
    ("ForAllValues:StringEquals", ["a"], "", True),
    ("ForAllValues:StringEquals", ["a"], [""], True),
    ("ForAllValues:StringEquals", ["a"], "a", True),
    ("ForAllValues:StringEquals", ["a"], "b", False),
    ("ForAllValues:StringLike", "key1*", ["key1:legal"], True),
    ("ForAllValues:StringLike", "key1*", ["key1:hr", "key2:audit"], False),
    ("ForAllValues:StringNotLike", "key1*", ["key1:legal"], False),
    ("ForAllValues:StringNotLike", "key1*", ["key1:hr", "key1:personnel"], False),
    ("ForAllValues:StringNotLike", "key1*", ["key2:audit"], True),
    ("ForAllValues:StringNotLike", "key1*", ["key1:hr", "key2:audit"], False),
    ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "d"], True),
    ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "a"], False),
    ("ForAnyValue:StringEquals", ["a", "b"], ["b", "z"], True),
    ("ForAnyValue:StringEquals", ["a", "b"], ["y", "z"], False),
    ("ForAnyValue:StringEquals", ["a", "b"], "a", True),
    ("ForAnyValue:StringEquals", [""], "", False),
    ("ForAnyValue:StringEquals", ["a"], [], False),
    ("ForAnyValue:StringLike", "key1*", ["key2", "key1:x"], True),
    ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "z"], True),
    ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "b"], False),
    ("ForAnyValue:StringNotEquals", ["a"], [], False),
    ("ForAnyValue:ArnLike", "arn:aws:sns:*:1:*", ["arn:aws:sqs:a:1:q", "arn:aws:sns:a:1:t"], True),
    ("ForAllValues:NumericLessThan", "10", ["1", "9"], True),
    ("ForAllValues:NumericLessThan", "10", ["1", "10"], False),
    ("ForAnyValue:IpAddress", "203.0.113.0/24", ["198.51.100.1", "203.0.113.1"], True),
    ("ForAllValues:Bool", "true", ["true", "false"], False),
    ("ForAnyValue:Bool", "true", ["true", "false"], True),
    ("forallvalues:stringequalsifexists", ["a"], ["b"], False),
    # Without a set operator any value can match, and a negated operator wants none to.
    ("StringEquals", "a", ["a", "b"], True),
    ("StringNotEquals", "a", ["a", "b"], False),
]


@pytest.mark.parametrize(("operator", "policy", "value", "expected"), SETS)
def test_set_operator(operator: str, policy: Any, value: Any, expected: bool) -> None:
    assert holds({operator: {"test:key": policy}}, {"test:key": value}) is expected


def test_for_all_values_with_null_check_refuses_an_absent_key() -> None:
    condition = {"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}, "Null": {"aws:TagKeys": "false"}}
    assert not holds(condition, {})
    assert holds(condition, {"aws:TagKeys": ["a"]})


COMBINED: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({}, {}, True),
    ({"StringEquals": {}}, {}, True),
    ({"StringEquals": {"a:x": "1", "a:y": "2"}}, {"a:x": "1", "a:y": "2"}, True),
    ({"StringEquals": {"a:x": "1", "a:y": "2"}}, {"a:x": "1", "a:y": "3"}, False),
    ({"StringEquals": {"a:x": "1"}, "Bool": {"a:y": "true"}}, {"a:x": "1", "a:y": "true"}, True),
    ({"StringEquals": {"a:x": "1"}, "Bool": {"a:y": "true"}}, {"a:x": "1", "a:y": "false"}, False),
    ({"StringEquals": {"A:X": "1"}}, {"a:x": "1"}, True),
    ({"StringEquals": {"aws:PrincipalTag/Team": "1"}}, {"AWS:principaltag/team": "1"}, True),
    ({"StringEquals": {"key": "1"}}, {"key": "1"}, True),
    ({"StringLike": {"a:x": "1*", "a:y": "*"}}, {"a:x": "12"}, False),
    ({"StringEquals": {"a:x": "1"}, "StringNotEquals": {"a:x": "2"}}, {"a:x": "1"}, True),
]


@pytest.mark.parametrize(("condition", "context", "expected"), COMBINED)
def test_operators_and_keys_are_joined_by_and(
    condition: dict[str, Any], context: dict[str, Any], expected: bool
) -> None:
    assert holds(condition, context) is expected


OLD_VERSION: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"StringEquals": {"a:x": "${aws:username}"}}, {"a:x": "alice"}, False),
    ({"StringEquals": {"a:x": "${aws:username}"}}, {"a:x": "${aws:username}"}, True),
    ({"StringEquals": {"a:x": "${*}"}}, {"a:x": "*"}, False),
    ({"StringLike": {"a:x": "${*}"}}, {"a:x": "${anything}"}, True),
    ({"StringEquals": {"a:x": "${"}}, {"a:x": "${"}, True),
]


@pytest.mark.parametrize(("condition", "context", "expected"), OLD_VERSION)
def test_variables_are_literal_in_old_documents(
    condition: dict[str, Any], context: dict[str, Any], expected: bool
) -> None:
    assert holds(condition, context, version="2008-10-17") is expected


def test_unresolved_variable_in_a_negated_condition_fails_closed() -> None:
    condition = {"StringNotEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    context = {"aws:ResourceTag/team": "orders"}
    assert not holds(condition, context, effect="Allow")
    assert holds(condition, context, effect="Deny")


def test_variable_in_a_boolean_condition() -> None:
    condition = {"Bool": {"a:x": "${a:y}"}}
    assert holds(condition, {"a:x": "true", "a:y": "true"})
    assert not holds(condition, {"a:x": "true", "a:y": "false"})
    assert not holds(condition, {"a:x": "true", "a:y": "neither"})


DERIVED = [
    ("aws:username", "alice"),
    ("aws:PrincipalArn", USER),
    ("aws:PrincipalAccount", "111122223333"),
    ("aws:PrincipalType", "User"),
    ("aws:PrincipalIsAWSService", "false"),
    ("aws:ResourceAccount", "111122223333"),
]


@pytest.mark.parametrize(("key", "value"), DERIVED)
def test_keys_that_follow_from_the_principal(key: str, value: str) -> None:
    assert holds({"StringEquals": {key: value}}, {})
    assert holds({"StringEquals": {key: "given"}}, {key: "given"})
    assert holds({"Null": {key: "true"}}, {key: None})


MALFORMED: list[tuple[dict[str, Any] | Any, str]] = [
    ({"StringMatches": {"a:x": "1"}}, "Condition.StringMatches"),
    ({"StringEquals ": {"a:x": "1"}}, "Condition.StringEquals "),
    ({"ForSomeValues:StringEquals": {"a:x": "1"}}, "Condition.ForSomeValues:StringEquals"),
    ({":StringEquals": {"a:x": "1"}}, "Condition.:StringEquals"),
    ({"IfExists": {"a:x": "1"}}, "Condition.IfExists"),
    ({"NullIfExists": {"a:x": "true"}}, "Condition.NullIfExists"),
    ({"StringEquals": "a:x"}, "Condition.StringEquals"),
    ({"StringEquals": {"a:x": []}}, "Condition.StringEquals.a:x"),
    ({"StringEquals": {"a:x": None}}, "Condition.StringEquals.a:x"),
    ({"StringEquals": {"a:x": {"b": 1}}}, "Condition.StringEquals.a:x"),
    ({"StringEquals": {"a:x": [["b"]]}}, "Condition.StringEquals.a:x"),
    ({"StringEquals": {"": "1"}}, "Condition.StringEquals."),
    ({"StringEquals": {"a:x": "1", "A:X": "2"}}, "Condition.StringEquals.A:X"),
    ({"StringEquals": {"a:x": "${aws:username"}}, "Condition.StringEquals.a:x"),
    ({"NumericEquals": {"a:x": "ten"}}, "Condition.NumericEquals.a:x"),
    ({"NumericEquals": {"a:x": "NaN"}}, "Condition.NumericEquals.a:x"),
    ({"NumericEquals": {"a:x": "1_0"}}, "Condition.NumericEquals.a:x"),
    ({"NumericEquals": {"a:x": "${a:y}"}}, "Condition.NumericEquals.a:x"),
    ({"DateLessThan": {"a:x": "tomorrow"}}, "Condition.DateLessThan.a:x"),
    ({"DateLessThan": {"a:x": "2026-13-01"}}, "Condition.DateLessThan.a:x"),
    ({"DateLessThan": {"a:x": "2026-*"}}, "Condition.DateLessThan.a:x"),
    ({"Bool": {"a:x": "yes"}}, "Condition.Bool.a:x"),
    ({"Null": {"a:x": "1"}}, "Condition.Null.a:x"),
    ({"BinaryEquals": {"a:x": "not base64!"}}, "Condition.BinaryEquals.a:x"),
    ({"IpAddress": {"a:x": "203.0.113.0/33"}}, "Condition.IpAddress.a:x"),
    ({"IpAddress": {"a:x": "203.0.113.*"}}, "Condition.IpAddress.a:x"),
    ([], "Condition"),
    ("StringEquals", "Condition"),
]


@pytest.mark.parametrize(("condition", "field"), MALFORMED)
def test_malformed_condition_names_the_field(condition: Any, field: str) -> None:
    with pytest.raises(PolicyError) as caught:
        holds(condition, {})
    assert caught.value.field == field
    assert caught.value.statement == 1
