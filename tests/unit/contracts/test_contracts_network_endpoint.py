from __future__ import annotations

from typing import Any

import pytest

from contracts.model import Failed, ProbeError, Verified
from contracts.network_endpoint import SUCCEEDED, demands_endpoint, judge_closed, judge_way

OK = (SUCCEEDED, "")


def refusal(why: str, action: str = "s3:GetObject") -> tuple[str, str]:
    return "AccessDenied", f"User: a is not authorized to perform: {action} on resource: arn because {why}"


BY_ENDPOINT = refusal("no VPC endpoint policy allows the s3:GetObject action")
BY_IDENTITY = refusal("no identity-based policy allows the s3:GetObject action")


def test_the_way_to_ones_own_bucket_is_open_or_refused() -> None:
    assert isinstance(judge_way({"s3:GetObject": OK}), Verified)
    assert isinstance(judge_way({"s3:GetObject": BY_ENDPOINT}), Failed)
    with pytest.raises(ProbeError, match="SlowDown"):
        judge_way({"s3:GetObject": ("SlowDown", "")})


def test_a_refusal_by_another_policy_says_nothing_of_the_endpoint() -> None:
    with pytest.raises(ProbeError, match="not by the endpoint's policy"):
        judge_way({"s3:GetObject": BY_IDENTITY})
    assert isinstance(judge_way({"s3:PutObject": BY_IDENTITY, "s3:GetObject": BY_ENDPOINT}), Failed)


def test_a_closed_way_is_proved_by_the_endpoints_refusal_alone() -> None:
    assert isinstance(judge_closed({"s3:GetObject": OK}, {"s3:GetObject": BY_ENDPOINT}), Verified)
    assert isinstance(judge_closed({"s3:GetObject": OK}, {"s3:GetObject": OK}), Failed)
    for beside, through in ((BY_IDENTITY, BY_ENDPOINT), (OK, BY_IDENTITY), (OK, ("NoSuchBucket", ""))):
        with pytest.raises(ProbeError):
            judge_closed({"s3:GetObject": beside}, {"s3:GetObject": through})


@pytest.mark.parametrize(
    ("change", "demands"),
    [
        ({}, True),
        ({"Effect": "Allow"}, False),
        ({"Condition": {"StringNotEquals": {"aws:SourceVpce": ["vpce-2", "vpce-3"]}}}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}, False),
    ],
)
def test_which_bucket_policies_demand_the_endpoint(change: dict[str, Any], demands: bool) -> None:
    deny = {"Effect": "Deny", "Condition": {"StringNotEquals": {"aws:sourceVpce": "vpce-1"}}}
    assert demands_endpoint({"Statement": [{**deny, **change}]}, "vpce-1") is demands
    assert demands_endpoint(None, "vpce-1") is False
