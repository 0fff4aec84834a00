"""Enforced encryption, judged in both directions."""

from __future__ import annotations

import pytest

from contracts.bucket_encryption import attempts, judge_enforcement
from contracts.model import Failed, ProbeError, Verified

REFUSED = ("AccessDenied", "with an explicit deny in a resource-based policy")


def all_refused() -> dict[str, tuple[str, str]]:
    return dict.fromkeys(attempts("arn:aws:kms:us-east-1:1:key/k"), REFUSED)


def test_every_other_way_has_to_be_refused() -> None:
    assert isinstance(judge_enforcement("", all_refused()), Verified)
    for what in all_refused():
        outcome = judge_enforcement("", {**all_refused(), what: ("", "")})
        assert isinstance(outcome, Failed)
        assert outcome.reason == f"an object under {what} was taken"


def test_a_refusal_by_kms_is_none_of_the_policy() -> None:
    outcome = judge_enforcement("", {**all_refused(), "another key": ("KMS.NotFoundException", "no key")})
    assert isinstance(outcome, Failed)
    assert "it failed later: KMS.NotFoundException" in outcome.reason
    hidden = ("AccessDenied", "User: x is not authorized to perform: kms:GenerateDataKey")
    with pytest.raises(ProbeError, match="hides what the policy says"):
        judge_enforcement("", {**all_refused(), "another key": hidden})


def test_a_bucket_that_refuses_everything_shows_nothing() -> None:
    with pytest.raises(ProbeError, match="others show nothing"):
        judge_enforcement("AccessDenied", all_refused())
