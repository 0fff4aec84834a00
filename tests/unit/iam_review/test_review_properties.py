"""The comparison against the evaluator itself: no difference goes untold, and what is the same has none."""

from __future__ import annotations

from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.iam import PolicySet, Request
from orchestrator.iam_review.access import compare
from orchestrator.iam_review.globs import overlap
from orchestrator.iam_review.model import Location, PolicyRecord
from orchestrator.iam_review.subject import Subject

ACCOUNT = "111122223333"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/s"
ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:*", "s3:Get*", "s3:*Object"]
RESOURCES = [f"arn:aws:s3:::{key}" for key in ("a/*", "a/b/*", "*/c", "a*/x", "a/b/c", "?/*")] + ["*"]
CONDITIONS = [
    None,
    {"StringEquals": {"aws:SourceVpce": "vpce-1"}},
    {"StringNotEquals": {"aws:SourceVpce": "vpce-2"}},
    {"Bool": {"aws:SecureTransport": "false"}},
    {"StringLike": {"aws:SourceVpce": ["vpce-*"]}, "Null": {"aws:SourceVpc": "true"}},
]
STATEMENTS = st.builds(
    lambda effect, action, element, resource, condition: {
        "Effect": effect,
        "Action": action,
        element: resource,
        **({"Condition": condition} if condition else {}),
    },
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=2, unique=True),
    st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]),
    st.lists(st.sampled_from(RESOURCES), min_size=1, max_size=2, unique=True),
    st.sampled_from(CONDITIONS),
)
POLICIES = st.lists(STATEMENTS, min_size=1, max_size=2).map(
    lambda statements: {"Version": "2012-10-17", "Statement": statements}
)
ASKED = list(
    product(
        ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
        ("arn:aws:s3:::a/b/c", "arn:aws:s3:::a/z", "arn:aws:s3:::ab/x", "arn:aws:s3:::q/c", "arn:aws:s3:::other/key"),
        (
            {"aws:SecureTransport": "true"},
            {"aws:SecureTransport": "false"},
            {"aws:SecureTransport": "true", "aws:SourceVpce": "vpce-1"},
            {"aws:SecureTransport": "true", "aws:SourceVpce": "vpce-2", "aws:SourceVpc": "vpc-1"},
        ),
    )
)


def subject(policy: dict[str, Any]) -> Subject:
    return Subject(ROLE, ACCOUNT, identity=(PolicyRecord("p", policy, Location()),))


@settings(max_examples=50, deadline=None)
@given(POLICIES, POLICIES)
def test_every_difference_that_a_request_shows_is_told(before: dict[str, Any], after: dict[str, Any]) -> None:
    old, new = PolicySet(identity_policies=[before]), PolicySet(identity_policies=[after])
    found = compare(subject(before), subject(after))
    for action, resource, context in ASKED:
        request = Request(ROLE, action, resource, context)
        was, is_now = old.decide(request).allowed, new.decide(request).allowed
        if was == is_now:
            continue
        changes = found.new if is_now else found.lost
        assert any(
            action in change.actions and any(overlap(pattern, "arn:aws:s3:::*/*") for pattern in change.resources)
            for change in changes
        ), (action, resource, context, changes)


@settings(max_examples=25, deadline=None)
@given(POLICIES)
def test_a_policy_has_no_difference_from_itself(policy: dict[str, Any]) -> None:
    turned = {**policy, "Statement": policy["Statement"][::-1]}
    found = compare(subject(policy), subject(turned))
    assert (found.new, found.lost) == ((), ())
