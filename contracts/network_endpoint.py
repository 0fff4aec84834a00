"""The way through the S3 endpoint, tried: it leads to the environment's bucket, to no other, and counts as its source.

On the embedded cloud a probe states the endpoint in a header of that cloud's own, which takes the network's place. On
AWS a gateway endpoint is a route of the VPC: from outside of it nothing can be tried, and the contracts say so.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.bucket import bucket_of
from contracts.iam import decoys
from contracts.iam.attempts import answer_of
from contracts.model import Failed, NotCovered, Outcome, ProbeError, Verified, Watch
from contracts.network import network_of
from contracts.registry import contract

_OUTSIDE = NotCovered("this machine is outside of the VPC, so its requests do not go through the VPC's endpoint")
_DOCUMENTATION = "AWS PrivateLink Guide, Control access to VPC endpoints using endpoint policies"
_BY_THE_ENDPOINT = "VPC endpoint policy"
SUCCEEDED = "succeeded"


def outcome_of(call: Callable[[], Any]) -> tuple[str, str]:
    """Make a request; returns the error's code and message, or `succeeded`."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return SUCCEEDED, ""


def judge_way(through: Mapping[str, tuple[str, str]]) -> Outcome:
    """Judge what came of requests for the environment's own bucket through its endpoint, by action.

    Raises:
        ProbeError: an answer says neither yes nor no, or another policy than the endpoint's refuses.
    """
    evidence = {action: code for action, (code, _) in through.items()}
    refused = {
        action: message
        for action, (code, message) in through.items()
        if code != SUCCEEDED and answer_of(action, code, message, frozenset()).verdict == "refused"
    }
    for action, message in refused.items():
        if _BY_THE_ENDPOINT in message:
            return Failed(f"through the endpoint {action} on the environment's bucket is refused: {message}", evidence)
    for action, message in refused.items():
        raise ProbeError(f"{action} is refused, and not by the endpoint's policy: {message}", evidence)
    for action, (code, _) in through.items():
        if code != SUCCEEDED:
            raise ProbeError(f"{action} was answered {code}, which is no refusal of it", evidence)
    return Verified(evidence)


def judge_closed(
    beside: Mapping[str, tuple[str, str]], through: Mapping[str, tuple[str, str]], by: str = _BY_THE_ENDPOINT
) -> Outcome:
    """Judge requests that one way must refuse and another one takes.

    Args:
        beside: what came of them where they must succeed: without it a refusal would prove nothing.
        through: what came of them where they must be refused.
        by: what the refusal must name.

    Raises:
        ProbeError: an answer says neither yes nor no.
    """
    evidence = {
        action: {"must succeed": beside[action][0], "must be refused": code} for action, (code, _) in through.items()
    }
    for action, (code, _) in through.items():
        if code == SUCCEEDED:
            return Failed(f"{action} is let through, and nothing but the endpoint's way should be", evidence)
    for action, (code, message) in through.items():
        if beside[action][0] != SUCCEEDED:
            raise ProbeError(f"{action} was answered {beside[action][0]} where it must succeed", evidence)
        if answer_of(action, code, message, frozenset()).verdict != "refused" or by not in message:
            raise ProbeError(f"{action} was answered {code}, which is no refusal by the {by}", evidence)
    return Verified(evidence)


@contract(
    "network.endpoint.allow",
    title="The S3 endpoint leads to the environment's bucket",
    risk="Applications inside of the VPC cannot reach their own data, and time out or are refused",
    statement="Requests through the VPC's S3 endpoint list, write and read the environment's bucket",
    remediation="Allow the bucket's ARN and its objects in the endpoint's policy, and nothing else",
    documentation=_DOCUMENTATION,
    needs=("network", "bucket", "writes"),
)
def allow(access: Access, watch: Watch) -> Outcome:
    """List, write and read through the endpoint."""
    if access.environment.cloud.endpoint_url is None:
        return _OUTSIDE
    name, key = bucket_of(access).name, f"ephk-probe/{uuid.uuid4().hex}"
    s3, plain = access.client("s3", through=network_of(access).s3_endpoint_id), access.client("s3")
    watch.waiting(f"bucket {name} through the endpoint")
    try:
        return judge_way(
            {
                "s3:ListBucket": outcome_of(lambda: s3.list_objects_v2(Bucket=name, MaxKeys=1)),
                "s3:PutObject": outcome_of(lambda: s3.put_object(Bucket=name, Key=key, Body=b"ephk-probe")),
                "s3:GetObject": outcome_of(lambda: s3.get_object(Bucket=name, Key=key)),
            }
        )
    finally:
        for version in plain.list_object_versions(Bucket=name, Prefix=key).get("Versions", []):
            plain.delete_object(Bucket=name, Key=key, VersionId=version["VersionId"])


@contract(
    "network.endpoint.deny",
    title="The S3 endpoint leads to no other bucket",
    risk="Data leaves through the endpoint into a bucket of another account",
    statement="What another bucket takes is refused through the VPC's S3 endpoint, by the endpoint's policy",
    remediation="Name the bucket's ARN and its objects as the only resources of the endpoint's policy",
    documentation=_DOCUMENTATION,
    needs=("network", "bucket", "writes"),
)
def deny(access: Access, watch: Watch) -> Outcome:
    """Ask another environment's bucket, beside the endpoint and through it."""
    if access.environment.cloud.endpoint_url is None:
        return _OUTSIDE
    decoy = decoys.ensure(access, watch)
    watch.waiting(f"bucket {decoy.bucket} beside the endpoint and through it")

    def ask(s3: Any) -> dict[str, tuple[str, str]]:
        return {
            "s3:ListBucket": outcome_of(lambda: s3.list_objects_v2(Bucket=decoy.bucket, MaxKeys=1)),
            "s3:GetObject": outcome_of(lambda: s3.get_object(Bucket=decoy.bucket, Key=decoy.key)),
            "s3:PutObject": outcome_of(lambda: s3.put_object(Bucket=decoy.bucket, Key="new", Body=b"x")),
        }

    return judge_closed(ask(access.client("s3")), ask(access.client("s3", through=network_of(access).s3_endpoint_id)))


def demands_endpoint(policy: Mapping[str, Any] | None, endpoint_id: str) -> bool:
    """Tell whether a bucket policy denies what does not come through an endpoint."""
    statements = (policy or {}).get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        tests = (statement.get("Condition") or {}).get("StringNotEquals", {})
        values: Any = next((value for key, value in tests.items() if key.lower() == "aws:sourcevpce"), [])
        if statement.get("Effect") == "Deny" and endpoint_id in ([values] if isinstance(values, str) else values):
            return True
    return False


@contract(
    "network.endpoint.source",
    title="A bucket for the endpoint alone refuses everybody else",
    risk="Stolen credentials read the data from anywhere on the internet",
    statement="Where the bucket's policy demands the VPC's endpoint, it refuses what does not come through it",
    remediation="Deny all actions where aws:SourceVpce is not the endpoint, on the bucket and on its objects",
    documentation="Amazon S3 User Guide, Controlling access from VPC endpoints with bucket policies",
    needs=("network", "bucket"),
)
def source(access: Access, watch: Watch) -> Outcome:
    """List the bucket through the endpoint and beside it, where its policy tells them apart."""
    name, endpoint_id = bucket_of(access).name, network_of(access).s3_endpoint_id
    watch.waiting(f"the policy of bucket {name}")
    try:
        policy = json.loads(access.client("s3").get_bucket_policy(Bucket=name)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        policy = None
    if not demands_endpoint(policy, endpoint_id):
        return NotCovered("the bucket's policy demands no VPC endpoint (aws:SourceVpce), so there is nothing to refuse")
    if access.environment.cloud.endpoint_url is None:
        return _OUTSIDE

    def ask(s3: Any) -> dict[str, tuple[str, str]]:
        return {"s3:ListBucket": outcome_of(lambda: s3.list_objects_v2(Bucket=name, MaxKeys=1))}

    return judge_closed(
        ask(access.client("s3", through=endpoint_id)),
        ask(access.client("s3")),
        by="with an explicit deny in a resource-based policy",
    )
