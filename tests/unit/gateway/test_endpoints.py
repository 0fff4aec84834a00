"""VPC endpoints: whoever says that a request comes through one is held to its policy."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import xmltodict
from botocore.credentials import Credentials

from tests.unit.gateway.conftest import ACCOUNT, Desk, allow

HEADER = "x-ephk-vpc-endpoint"
Unique = Callable[[str], str]


def endpoint(desk: Desk, policy: dict[str, Any] | None = None, service: str = "s3") -> tuple[str, str]:
    """Make an endpoint; returns its id and its VPC's."""
    vpc = xmltodict.parse(desk.form("ec2", Action="CreateVpc", CidrBlock="10.8.0.0/16").body)
    vpc_id = vpc["CreateVpcResponse"]["vpc"]["vpcId"]
    fields = {"Action": "CreateVpcEndpoint", "VpcId": vpc_id, "ServiceName": f"com.amazonaws.us-east-1.{service}"}
    made = desk.form("ec2", **fields, **({"PolicyDocument": json.dumps(policy)} if policy else {}))
    return xmltodict.parse(made.body)["CreateVpcEndpointResponse"]["vpcEndpoint"]["vpcEndpointId"], vpc_id


def only(bucket: str, *actions: str) -> dict[str, Any]:
    return allow(list(actions) or "s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], Principal="*")


def get(desk: Desk, bucket: str, through: str = "", credentials: Credentials | None = None) -> tuple[int, bytes]:
    headers = {HEADER: through} if through else {}
    answer = desk.send("s3", "GET", f"/{bucket}/key", headers=headers, credentials=credentials)
    return answer.status, answer.body


def test_an_endpoints_policy_limits_everybody_who_comes_through(desk: Desk, unique: Unique) -> None:
    own, other = desk.bucket(), desk.bucket()
    through, _ = endpoint(desk, only(own))
    role = desk.assume(desk.role(unique("role"), allow("s3:*")))
    for credentials in (None, role):  # None is the administrator
        assert get(desk, own, through, credentials) == (200, b"value")
        assert get(desk, other, credentials=credentials) == (200, b"value")
        status, body = get(desk, other, through, credentials)
        assert status == 403
        assert b"because no VPC endpoint policy allows the s3:GetObject action" in body


def test_an_endpoints_policy_grants_nothing(desk: Desk, unique: Unique) -> None:
    bucket = desk.bucket()
    through, _ = endpoint(desk, only(bucket))
    nobody = desk.assume(desk.role(unique("role"), allow("iam:GetUser")))
    status, body = get(desk, bucket, through, nobody)
    assert (status, b"because no identity-based policy allows the s3:GetObject action" in body) == (403, True)


def test_an_explicit_deny_of_an_endpoint(desk: Desk) -> None:
    bucket = desk.bucket()
    policy = only(bucket)
    policy["Statement"].append({**policy["Statement"][0], "Effect": "Deny", "Action": "s3:GetObject"})
    through, _ = endpoint(desk, policy)
    assert b"with an explicit deny in a VPC endpoint policy" in get(desk, bucket, through)[1]


def test_an_endpoint_without_a_policy_lets_everything_through(desk: Desk) -> None:
    through, _ = endpoint(desk)
    assert get(desk, desk.bucket(), through)[0] == 200


@pytest.mark.parametrize("key", ["aws:SourceVpce", "aws:SourceVpc"])
def test_a_bucket_policy_that_demands_the_way_refuses_others(desk: Desk, unique: Unique, key: str) -> None:
    bucket = desk.bucket()
    (through, vpc), (beside, _) = endpoint(desk), endpoint(desk)
    deny = only(bucket, "s3:GetObject")
    wanted = through if key == "aws:SourceVpce" else vpc
    deny["Statement"][0] |= {"Effect": "Deny", "Condition": {"StringNotEquals": {key: wanted}}}
    assert desk.send("s3", "PUT", f"/{bucket}?policy", body=deny).status == 200
    role = desk.assume(desk.role(unique("role"), allow("s3:*")))
    assert get(desk, bucket, through, role)[0] == 200
    for other in ("", beside):
        status, body = get(desk, bucket, other, role)
        assert (status, b"explicit deny in a resource-based policy" in body) == (403, True)


def test_an_endpoint_that_the_account_does_not_have(desk: Desk) -> None:
    assert b"InvalidVpcEndpointId.NotFound" in get(desk, desk.bucket(), "vpce-0123456789abcdef0")[1]


def test_an_endpoint_of_another_service(desk: Desk) -> None:
    through, _ = endpoint(desk, service="kms")
    status, body = get(desk, desk.bucket(), through)
    assert (status, b"leads to com.amazonaws.us-east-1.kms" in body) == (400, True)


def test_the_way_must_be_signed(desk: Desk) -> None:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest

    from orchestrator.embedded.gateway.http import HttpRequest, lower_headers

    bucket, (through, _) = desk.bucket(), endpoint(desk)
    request = AWSRequest("GET", f"https://127.0.0.1:4566/{bucket}/key")
    S3SigV4Auth(desk.administrator, "s3", "us-east-1").add_auth(request)
    sent = lower_headers((n, str(v)) for n, v in request.headers.items()) | {HEADER: through, "host": "127.0.0.1:4566"}
    answer = desk.gateway(HttpRequest("GET", f"/{bucket}/key", "", sent))
    assert (answer.status, b"not signed" in answer.body) == (403, True)


def test_every_service_is_held_to_its_endpoints_policy(desk: Desk) -> None:
    made = json.loads(desk.target("kms", "TrentService.CreateKey", {}).body)["KeyMetadata"]["Arn"]
    through, _ = endpoint(desk, allow("kms:ListKeys", Principal={"AWS": ACCOUNT}), "kms")
    headers = {
        "X-Amz-Target": "TrentService.DescribeKey",
        "Content-Type": "application/x-amz-json-1.1",
        HEADER: through,
    }
    answer = desk.send("kms", "POST", body={"KeyId": made}, headers=headers)
    assert b"because no VPC endpoint policy allows the kms:DescribeKey action" in answer.body
