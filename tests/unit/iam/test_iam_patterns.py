"""Wildcards, ARNs and policy variables."""

from __future__ import annotations

import pytest

from orchestrator.iam import patterns, variables

CONTEXT = {
    "aws:username": ("alice",),
    "aws:principaltag/team": ("orders",),
    "aws:tagkeys": ("a", "b"),
    "x:star": ("*",),
    "x:empty": ("",),
    "x:path": ("a/b:c",),
}


def resolved(text: str, context: dict[str, tuple[str, ...]] | None = None) -> variables.Resolved | None:
    template = variables.parse(text, wildcards=True, variables=True)
    return variables.resolve(template, CONTEXT if context is None else context)


def pieces(text: str) -> variables.Resolved:
    found = resolved(text)
    assert found is not None
    return found


GLOB = [
    ("*", "", True),
    ("*", "anything:at/all", True),
    ("", "", True),
    ("", "a", False),
    ("abc", "abc", True),
    ("abc", "ABC", False),
    ("abc", "abcd", False),
    ("abc*", "abc", True),
    ("abc*", "abcdef", True),
    ("abc*", "ab", False),
    ("*abc", "xabc", True),
    ("*abc", "abcx", False),
    ("a*c", "ac", True),
    ("a*c", "abbbc", True),
    ("a*c", "abbb", False),
    ("a?c", "abc", True),
    ("a?c", "ac", False),
    ("a?c", "abbc", False),
    ("??", "ab", True),
    ("??", "a", False),
    ("a**b", "axyb", True),
    ("*a*b*", "xxaxxbxx", True),
    ("*a*b*", "xxbxxaxx", False),
    ("a*bc*bc", "abcbc", True),
    ("a*bc*bc", "abc", False),
    ("a.c", "abc", False),
    ("a[b]c", "abc", False),
    ("a+", "aa", False),
    ("a\nb*", "a\nbc\nd", True),
    ("*?", "", False),
    ("?*", "x", True),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), GLOB)
def test_glob(pattern: str, text: str, expected: bool) -> None:
    assert bool(patterns.glob(pieces(pattern))(text)) is expected


RESOURCE = [
    ("*", "arn:aws:s3:::bucket", True),
    ("*", "*", True),
    ("arn:aws:s3:::bucket", "*", False),
    ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b:c", True),
    ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", False),
    ("arn:aws:s3:::Bucket", "arn:aws:s3:::bucket", False),
    ("arn:aws:s3:::bucket/*.txt", "arn:aws:s3:::bucket/a:b.txt", True),
    ("arn:aws:s3:::*/test/*", "arn:aws:s3:::bucket/1/2/test/3", True),
    (
        "arn:aws:kafka:us-east-1:111122223333:topic/c/*/orders",
        "arn:aws:kafka:us-east-1:111122223333:topic/c/u/orders",
        True,
    ),
    ("arn:aws:kafka:*:111122223333:cluster/c/*", "arn:aws:kafka:eu-west-1:111122223333:cluster/c/u", True),
    ("arn:aws:kafka:*:111122223333:cluster/c/*", "arn:aws:kafka:eu-west-1:444455556666:cluster/c/u", False),
    ("arn:aws:kafka:us-*-1:111122223333:cluster/c", "arn:aws:kafka:us-west-1:111122223333:cluster/c", True),
    # A wildcard inside a segment does not reach beyond the colon; one that ends a segment may.
    ("arn:aws:sns:us-*x:2:t", "arn:aws:sns:us-1:2:x:2:t", False),
    ("arn:aws:sns:us-?:2:t", "arn:aws:sns:us-::2:t", False),
    ("arn:aws:sns:*", "arn:aws:sns:us-east-1:111122223333:topic", True),
    ("arn:aws:sns:*:t", "arn:aws:sns:us-east-1:111122223333:t", True),
    ("arn:*:s3:::b", "arn:aws-cn:s3:::b", True),
    ("arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::alice/x", True),
    ("arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::bob/x", False),
    ("arn:aws:s3:::b/${aws:PrincipalTag/team}/?", "arn:aws:s3:::b/orders/1", True),
    ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", True),
    ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x", False),
    ("arn:aws:s3:::b/${?}", "arn:aws:s3:::b/?", True),
    ("arn:aws:s3:::b/${?}", "arn:aws:s3:::b/x", False),
    ("arn:aws:s3:::b/${$}{x}", "arn:aws:s3:::b/${x}", True),
    ("arn:aws:s3:::b/${x:star}", "arn:aws:s3:::b/anything", False),
    ("arn:aws:s3:::b/${x:star}", "arn:aws:s3:::b/*", True),
    ("arn:aws:s3:::b/${x:path}", "arn:aws:s3:::b/a/b:c", True),
    ("arn:aws:s3:::b/*${x:empty}*", "arn:aws:s3:::b/z", True),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), RESOURCE)
def test_resource(pattern: str, text: str, expected: bool) -> None:
    assert bool(patterns.resource(pieces(pattern))(text)) is expected


ARN = [
    ("*", "arn:aws:s3:::b", True),
    ("arn:aws:sns:us-east-1:111122223333:t", "arn:aws:sns:us-east-1:111122223333:t", True),
    ("arn:aws:sns:us-east-1:111122223333:T", "arn:aws:sns:us-east-1:111122223333:t", False),
    ("arn:aws:sns:*:111122223333:t*", "arn:aws:sns:us-east-1:111122223333:topic", True),
    (
        "arn:aws:someservice:*:111122223333:finance/*",
        "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt",
        False,
    ),
    ("arn:aws:logs:*:*:log-group:*", "arn:aws:logs:us-east-1:111122223333:log-group:a:b", True),
    ("arn:aws:s3:*", "arn:aws:s3:::b", False),
    ("arn:aws:iam::111122223333:role/?dmin", "arn:aws:iam::111122223333:role/admin", True),
    ("arn:aws:iam::*:role/*", "not an arn", False),
    ("arn:aws:iam::${aws:username}:x", "arn:aws:iam::alice:x", True),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), ARN)
def test_arn(pattern: str, text: str, expected: bool) -> None:
    assert bool(patterns.arn(pieces(pattern))(text)) is expected


def test_hostile_pattern_is_linear() -> None:
    # With backtracking this takes longer than the age of the universe.
    assert not patterns.glob(pieces("*a" * 60 + "b"))("a" * 5000)


VARIABLES = [
    ("${aws:username}", "alice"),
    ("${AWS:UserName}", "alice"),
    ("x${aws:username}y", "xalicey"),
    ("${aws:username}${aws:username}", "alicealice"),
    ("${aws:userid, 'anonymous'}", "anonymous"),
    ("${aws:userid,'anonymous'}", "anonymous"),
    ("${aws:userid, ''}", ""),
    ("${aws:username, 'anonymous'}", "alice"),
    ("${aws:PrincipalTag/team, 'none'}", "orders"),
    ("${aws:TagKeys, 'many'}", "many"),
    ("${aws:userid, 'two words: ok'}", "two words: ok"),
    ("$aws:username", "$aws:username"),
    ("{aws:username}", "{aws:username}"),
    ("${$}", "$"),
]


@pytest.mark.parametrize(("text", "expected"), VARIABLES)
def test_variable_is_replaced(text: str, expected: str) -> None:
    assert variables.plain_text(pieces(text)) == expected


@pytest.mark.parametrize("text", ["${aws:userid}", "a/${aws:userid}", "${aws:TagKeys}", "${aws:PrincipalTag/other}"])
def test_variable_without_value_is_unresolved(text: str) -> None:
    assert resolved(text) is None


@pytest.mark.parametrize(
    "text",
    ["${", "${aws:username", "${}", "${ aws:username}", "${aws:username }", "${a b}", "${a, b}", "${a, 'b}", "${a{b}"],
)
def test_malformed_variable(text: str) -> None:
    with pytest.raises(ValueError, match="variable"):
        variables.parse(text, wildcards=True, variables=True)


def test_variables_are_literal_in_old_documents() -> None:
    template = variables.parse("${aws:username", wildcards=False, variables=False)
    assert template == ("${aws:username",)


def test_variable_before_the_fifth_colon_is_literal() -> None:
    template = variables.only_in_resource_part(
        variables.parse("arn:aws:sqs:us-east-2:${aws:username}:${aws:username}", wildcards=True, variables=True)
    )
    found = variables.resolve(template, CONTEXT)
    assert found is not None
    assert variables.plain_text(found) == "arn:aws:sqs:us-east-2:${aws:username}:alice"
