"""What must hold for all policies: denies never grant, limits never grant, order and repetition do not matter."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.iam import Request, decide_requests, evaluate

ACCOUNT, OTHER = "111122223333", "444455556666"
PRINCIPALS = [
    f"arn:aws:iam::{ACCOUNT}:user/alice",
    f"arn:aws:iam::{ACCOUNT}:role/app",
    f"arn:aws:sts::{ACCOUNT}:assumed-role/app/s",
    f"arn:aws:sts::{ACCOUNT}:federated-user/alice",
    f"arn:aws:iam::{ACCOUNT}:root",
    "kafka.amazonaws.com",
    "*",
]
ELEMENTS: list[Any] = [
    "*",
    {"AWS": "*"},
    {"AWS": ACCOUNT},
    {"AWS": OTHER},
    {"AWS": PRINCIPALS[:2]},
    {"AWS": PRINCIPALS[2]},
    {"Service": "kafka.amazonaws.com"},
]
ACTIONS = ["*", "s3:*", "s3:Get*", "s3:GetObject", "ec2:*", ["ec2:*", "s3:PutObject"], "kms:*", "sts:*"]
RESOURCES = ["*", "arn:aws:s3:::b/*", "arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::*", ["arn:aws:s3:::c"]]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"Bool": {"aws:SecureTransport": "true"}},
    {"StringNotEquals": {"a:b": "x"}},
    {"ForAllValues:StringEquals": {"aws:TagKeys": ["k"]}},
    {"StringLikeIfExists": {"a:b": "${aws:username}*"}},
    {"Null": {"a:b": "true"}},
]


@st.composite
def statements(
    draw: st.DrawFn, *, effect: str | None = None, principal: bool = False, trust: bool = False
) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": effect or draw(st.sampled_from(["Allow", "Deny"])),
        draw(st.sampled_from(["Action", "NotAction"])): draw(st.sampled_from(ACTIONS)),
        "Condition": draw(st.sampled_from(CONDITIONS)),
    }
    if not trust:
        statement[draw(st.sampled_from(["Resource", "NotResource"]))] = draw(st.sampled_from(RESOURCES))
    if principal:
        statement["Principal"] = draw(st.sampled_from(ELEMENTS))
    return statement


def policies(**kinds: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda found: {"Version": "2012-10-17", "Statement": found},
        st.lists(statements(**kinds), min_size=1, max_size=3),
    )


CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "aws:SecureTransport": st.booleans(),
        "a:b": st.sampled_from(["x", "alice", "y"]),
        "aws:TagKeys": st.lists(st.sampled_from(["k", "l"]), max_size=2),
    },
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Request, dict[str, Any]]:
    action = draw(st.sampled_from(["s3:GetObject", "s3:PutObject", "kms:Decrypt", "sts:AssumeRole"]))
    resource = draw(st.sampled_from(["arn:aws:s3:::b/k", "arn:aws:s3:::alice/k", "arn:aws:s3:::c"]))
    account = draw(st.sampled_from([ACCOUNT, OTHER]))
    request = Request(draw(st.sampled_from(PRINCIPALS)), action, resource, draw(CONTEXTS), account=account)
    trust = action == "sts:AssumeRole"
    return request, {
        "identity_policies": draw(st.lists(policies(), max_size=3)),
        "boundary": draw(st.none() | policies()),
        "scps": draw(st.lists(st.lists(policies(), min_size=1, max_size=2), max_size=2)),
        "session_policy": draw(st.none() | policies()),
        "resource_policy": draw(st.none() | policies(principal=True, trust=trust)),
    }


PROFILE = settings(
    deadline=None, derandomize=True, max_examples=80, database=None, suppress_health_check=[HealthCheck.too_slow]
)


@PROFILE
@given(situations(), statements(effect="Deny"))
def test_adding_a_deny_never_allows(situation: tuple[Request, dict[str, Any]], deny: dict[str, Any]) -> None:
    request, given_policies = situation
    extra = [*given_policies["identity_policies"], {"Version": "2012-10-17", "Statement": [deny]}]
    if evaluate(request, **{**given_policies, "identity_policies": extra}).allowed:
        assert evaluate(request, **given_policies).allowed


@PROFILE
@given(situations(), policies())
def test_limits_never_grant(situation: tuple[Request, dict[str, Any]], limit: dict[str, Any]) -> None:
    request, given_policies = situation
    free = {**given_policies, "boundary": None, "scps": []}
    if evaluate(request, **{**free, "boundary": limit}).allowed:
        assert evaluate(request, **free).allowed
    if evaluate(request, **{**free, "scps": [limit]}).allowed:
        assert evaluate(request, **free).allowed
    # A federated user has no permissions without a session policy, so there one does widen.
    if "federated-user" not in request.principal.identifier:
        unlimited = {**free, "session_policy": None}
        if evaluate(request, **{**unlimited, "session_policy": limit}).allowed:
            assert evaluate(request, **unlimited).allowed


@PROFILE
@given(situations(), st.randoms(use_true_random=False))
def test_order_does_not_matter(situation: tuple[Request, dict[str, Any]], random: Any) -> None:
    request, given_policies = situation

    def shuffled(values: list[Any]) -> list[Any]:
        return random.sample(values, len(values))

    def reordered(policy: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if policy is None else {**policy, "Statement": shuffled(policy["Statement"])}

    other = {
        "identity_policies": [reordered(policy) for policy in shuffled(given_policies["identity_policies"])],
        "boundary": reordered(given_policies["boundary"]),
        "scps": shuffled([shuffled(level) for level in given_policies["scps"]]),
        "session_policy": reordered(given_policies["session_policy"]),
        "resource_policy": reordered(given_policies["resource_policy"]),
    }
    assert evaluate(request, **other).outcome is evaluate(request, **given_policies).outcome


@PROFILE
@given(situations())
def test_removing_every_allow_denies(situation: tuple[Request, dict[str, Any]]) -> None:
    request, given_policies = situation
    if request.principal.identifier.endswith(":root"):
        return
    denies_only = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}]}
    bare = {**given_policies, "identity_policies": [denies_only], "resource_policy": None}
    assert not evaluate(request, **bare).allowed


@PROFILE
@given(situations())
def test_an_explicit_deny_of_everything_wins(situation: tuple[Request, dict[str, Any]]) -> None:
    request, given_policies = situation
    deny: dict[str, Any] = {"Effect": "Deny", "Action": "*", "Principal": "*"}
    decision = evaluate(request, **{**given_policies, "resource_policy": {"Statement": [deny]}})
    assert not decision.allowed
    assert decision.reason.startswith("with an explicit deny")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = [
    "principal",
    "action",
    "resource",
    "context",
    "identity",
    "boundary",
    "scps",
    "session",
    "resource_policy",
    "account",
]


@PROFILE
@given(
    st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=4),
    st.sampled_from(["Statement", "Condition", "Principal"]),
    JSON,
)
def test_garbage_is_an_error_and_never_an_allow(garbage: dict[str, Any], element: str, value: Any) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy: dict[str, Any] = (
        {"Statement": value} if element == "Statement" else {"Statement": {**statement, element: value}}
    )
    request = {"principal": PRINCIPALS[0], "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k"}
    found = decide_requests([{**request, "identity": [policy]}, {**request, **garbage}])["decisions"]
    assert found[0]["decision"] in (("error", "allow") if element == "Condition" else ("error",))
    assert all(entry["decision"] in ("allow", "deny", "error") for entry in found)
    assert found[1]["decision"] != "allow"
