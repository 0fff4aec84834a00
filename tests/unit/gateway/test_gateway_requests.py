from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.credentials import Credentials

from orchestrator.embedded.gateway.http import HttpRequest
from tests.unit.gateway.conftest import ACCOUNT, Desk, allow

TLS_ONLY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def put_policy(desk: Desk, bucket: str, *statements: dict[str, Any], credentials: Credentials | None = None) -> int:
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    policy = {"Version": "2012-10-17", "Statement": [{**s, "Resource": resources} for s in statements]}
    return desk.send("s3", "PUT", f"/{bucket}?policy", body=policy, credentials=credentials).status


@pytest.mark.parametrize(
    "host", ["evil.example:4566", "127.0.0.1:80", "127.0.0.1", "", "localhost.evil.example:4566", "10.0.0.1:4566"]
)
def test_another_host_name_is_refused(desk: Desk, host: str) -> None:
    assert desk.gateway(HttpRequest("GET", "/", headers={"host": host})).status == 421


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost:4566", "LOCALHOST:4566"])
def test_its_own_host_names_are_served(desk: Desk, host: str) -> None:
    assert desk.gateway(HttpRequest("GET", "/_ephk/health", headers={"host": host})).status == 200


def test_a_service_of_our_own(desk: Desk) -> None:
    answer = desk.send("kafka", "GET", "/v1/clusters?maxResults=2")
    assert (answer.status, json.loads(answer.body)) == (200, {"clusterInfoList": [{"clusterName": "orders"}]})
    operation, params, caller = desk.kafka.calls[-1]
    assert (operation, params, caller.kind, caller.secure) == ("ListClusters", {"MaxResults": 2}, "administrator", True)


@pytest.mark.parametrize("path", ["/v1/configurations", "/v1/nothing-like-this"])
def test_a_missing_operation_is_named(desk: Desk, path: str) -> None:
    answer = desk.send("kafka", "GET", path)
    assert answer.status == 501
    assert answer.header("x-amzn-errortype") == "UnknownOperationException"


def test_an_operation_that_moto_lacks(desk: Desk) -> None:
    answer = desk.form("iam", Action="GenerateOrganizationsAccessReport")
    assert answer.status == 501
    assert b"GenerateOrganizationsAccessReport" in answer.body
    answer = desk.send("s3", "GET", "/some-bucket?analytics&id=1")
    assert answer.status == 501
    assert b"<Code>NotImplemented</Code>" in answer.body


def test_a_service_that_nobody_has(desk: Desk) -> None:
    answer = desk.target("no-such-service", "X.Do", {})
    assert answer.status == 501
    assert b"no-such-service" in answer.body


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [("s3", "SignatureDoesNotMatch", 403), ("kafka", "InvalidSignatureException", 403)],
)
def test_a_wrong_secret(desk: Desk, service: str, code: str, status: int) -> None:
    wrong = Credentials(desk.store.administrator.access_key_id, "wrong")
    answer = desk.send(service, "GET", "/v1/clusters", credentials=wrong)
    assert answer.status == status
    assert code in f"{answer.headers}{answer.body.decode()}"


def test_no_signature(desk: Desk) -> None:
    assert desk.send("s3", "GET", "/", sign=False).status == 403
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = desk.send("iam", "POST", body=b"Action=ListRoles", headers=kind, sign=False)
    assert answer.status == 403
    assert b"MissingAuthenticationToken" in answer.body


def test_an_unsigned_amz_header_is_refused_by_s3(desk: Desk) -> None:
    bucket = desk.bucket()
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest(method="PUT", url=f"https://127.0.0.1:4566/{bucket}/k", data=b"x")
    S3SigV4Auth(desk.administrator, "s3", "us-east-1").add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()} | {
        "x-amz-acl": "private",
        "host": "127.0.0.1:4566",
    }
    answer = desk.gateway(HttpRequest("PUT", f"/{bucket}/k", "", headers, b"x"))
    assert (answer.status, b"not signed" in answer.body) == (403, True)


def test_a_tls_only_bucket(desk: Desk) -> None:
    bucket = desk.bucket()
    assert put_policy(desk, bucket, TLS_ONLY) < 300
    assert desk.send("s3", "PUT", f"/{bucket}/k", body=b"x").status == 200
    for method, path in (("PUT", f"/{bucket}/k"), ("GET", f"/{bucket}/key"), ("GET", f"/{bucket}?list-type=2")):
        answer = desk.send("s3", method, path, secure=False)
        assert (answer.status, b"explicit deny in a resource-based policy" in answer.body) == (403, True)
    # Whoever owns the account can undo a policy that locks everybody out.
    assert desk.send("s3", "DELETE", f"/{bucket}?policy", secure=False).status == 204
    assert desk.send("s3", "GET", f"/{bucket}/key", secure=False).body == b"value"


def test_a_malformed_bucket_policy_is_not_stored(desk: Desk) -> None:
    bucket = desk.bucket()
    answer = desk.send(
        "s3", "PUT", f"/{bucket}?policy", body={"Version": "2012-10-17", "Statement": [{"Effect": "Maybe"}]}
    )
    assert (answer.status, b"MalformedPolicy" in answer.body) == (400, True)
    assert desk.send("s3", "GET", f"/{bucket}?policy").status == 404


def test_public_access_is_blocked_until_the_block_is_lifted(desk: Desk) -> None:
    bucket = desk.bucket()
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    assert put_policy(desk, bucket, public) == 403
    assert desk.send("s3", "PUT", f"/{bucket}?acl", headers={"x-amz-acl": "public-read"}).status == 403
    assert desk.send("s3", "GET", f"/{bucket}/key", sign=False).status == 403
    assert desk.send("s3", "DELETE", f"/{bucket}?publicAccessBlock").status == 204
    assert put_policy(desk, bucket, public) < 300
    assert desk.send("s3", "GET", f"/{bucket}/key", sign=False).body == b"value"
    assert desk.send("s3", "PUT", f"/{bucket}/key", sign=False, body=b"x").status == 403
    block = (
        b"<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets>"
        b"</PublicAccessBlockConfiguration>"
    )
    assert desk.send("s3", "PUT", f"/{bucket}?publicAccessBlock", body=block).status == 200
    assert desk.send("s3", "GET", f"/{bucket}/key", sign=False).status == 403
    assert desk.send("s3", "GET", f"/{bucket}/key").status == 200


def test_a_role_may_do_what_its_policy_says(desk: Desk, unique: Callable[[str], str]) -> None:
    bucket, other = desk.bucket(), desk.bucket()
    arn = desk.role(unique("reader"), allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    reader = desk.assume(arn)
    assert desk.send("s3", "GET", f"/{bucket}/key", credentials=reader).body == b"value"
    for method, path in (("PUT", f"/{bucket}/key"), ("GET", f"/{other}/key"), ("GET", f"/{bucket}")):
        answer = desk.send("s3", method, path, credentials=reader)
        assert (answer.status, b"no identity-based policy allows" in answer.body) == (403, True)
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=reader).status == 403
    assert b"assumed-role" in desk.form("sts", reader, Action="GetCallerIdentity").body


def test_a_copy_needs_to_read_the_source(desk: Desk, unique: Callable[[str], str]) -> None:
    source, sink = desk.bucket(), desk.bucket()
    arn = desk.role(unique("writer"), allow("s3:PutObject", f"arn:aws:s3:::{sink}/*"))
    writer = desk.assume(arn)
    copy = {"x-amz-copy-source": f"/{source}/key"}
    assert desk.send("s3", "PUT", f"/{sink}/a", credentials=writer, body=b"x").status == 200
    assert desk.send("s3", "PUT", f"/{sink}/b", credentials=writer, headers=copy).status == 403


def test_a_boundary_and_a_session_policy_limit(desk: Desk, unique: Callable[[str], str]) -> None:
    bucket = desk.bucket()
    name = unique("limit")
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    made = desk.form("iam", Action="CreatePolicy", PolicyName=name, PolicyDocument=json.dumps(allow("s3:Get*")))
    assert made.status == 200
    arn = desk.role(unique("bounded"), allow("s3:*"), boundary=boundary)
    bounded = desk.assume(arn)
    assert desk.send("s3", "GET", f"/{bucket}/key", credentials=bounded).status == 200
    assert desk.send("s3", "PUT", f"/{bucket}/key", credentials=bounded, body=b"x").status == 403
    narrow = desk.assume(arn, Policy=json.dumps(allow("s3:ListBucket")))
    assert desk.send("s3", "GET", f"/{bucket}/key", credentials=narrow).status == 403


def test_a_policy_that_is_taken_away_counts_at_once(desk: Desk, unique: Callable[[str], str]) -> None:
    name = unique("fleeting")
    role = desk.assume(desk.role(name, allow("kafka:ListClusters")))
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=role).status == 200
    assert desk.form("iam", Action="DeleteRolePolicy", RoleName=name, PolicyName="p").status == 200
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=role).status == 403


def test_a_trust_policy_decides_who_assumes(desk: Desk, unique: Callable[[str], str]) -> None:
    elsewhere = allow("sts:AssumeRole", None, Principal={"AWS": "arn:aws:iam::999999999999:root"})
    arn = desk.role(unique("closed"), allow("s3:*"), trust=elsewhere)
    answer = desk.form("sts", Action="AssumeRole", RoleArn=arn, RoleSessionName="me")
    assert (answer.status, b"not authorized to perform: sts:AssumeRole" in answer.body) == (403, True)
    external = allow(
        "sts:AssumeRole", None, Principal={"AWS": ACCOUNT}, Condition={"StringEquals": {"sts:ExternalId": "right"}}
    )
    arn = desk.role(unique("external"), allow("s3:*"), trust=external)
    assert desk.form("sts", Action="AssumeRole", RoleArn=arn, RoleSessionName="me").status == 403
    assert desk.form("sts", Action="AssumeRole", RoleArn=arn, RoleSessionName="me", ExternalId="right").status == 200
    missing = f"arn:aws:iam::{ACCOUNT}:role/no-such-role"
    assert desk.form("sts", Action="AssumeRole", RoleArn=missing, RoleSessionName="me").status == 403


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"RoleSessionName": "a b"}, b"ValidationError"),
        ({"RoleSessionName": "me", "DurationSeconds": "60"}, b"ValidationError"),
        ({"RoleSessionName": "me", "DurationSeconds": "7200"}, b"ValidationError"),
        ({"RoleSessionName": "me", "Policy": "{}"}, b"MalformedPolicyDocument"),
    ],
)
def test_assume_role_validates(desk: Desk, unique: Callable[[str], str], fields: dict[str, str], code: bytes) -> None:
    arn = desk.role(unique("checked"), allow("s3:*"))
    answer = desk.form("sts", Action="AssumeRole", RoleArn=arn, **fields)
    assert (answer.status, code in answer.body) == (400, True)


def test_a_session_needs_its_token_and_ends(desk: Desk, unique: Callable[[str], str]) -> None:
    role = desk.assume(desk.role(unique("short"), allow("kafka:*")))
    without = Credentials(role.access_key, role.secret_key)
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=without).status == 403
    other = Credentials(role.access_key, role.secret_key, "another")
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=other).status == 403
    sessions = desk.store._sessions
    sessions[role.access_key] = replace(sessions[role.access_key], expires_at=datetime.now(UTC) - timedelta(seconds=1))
    answer = desk.send("kafka", "GET", "/v1/clusters", credentials=role)
    assert answer.header("x-amzn-errortype") == "ExpiredTokenException"


def test_an_iam_users_key(desk: Desk, unique: Callable[[str], str]) -> None:
    import xmltodict

    name = unique("user")
    assert desk.form("iam", Action="CreateUser", UserName=name).status == 200
    made = xmltodict.parse(desk.form("iam", Action="CreateAccessKey", UserName=name).body)
    key = made["CreateAccessKeyResponse"]["CreateAccessKeyResult"]["AccessKey"]
    user = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    assert f"user/{name}".encode() in desk.form("sts", user, Action="GetCallerIdentity").body
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=user).status == 403
    document = json.dumps(allow("kafka:List*"))
    desk.form("iam", Action="PutUserPolicy", UserName=name, PolicyName="p", PolicyDocument=document)
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=user).status == 200
    desk.form("iam", Action="UpdateAccessKey", UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=user).status == 403


def test_the_tagging_api_sees_everything_and_pages(desk: Desk, unique: Callable[[str], str]) -> None:
    lease = unique("lease")
    tag = {"Key": "ephk:lease", "Value": lease}
    desk.kafka.tagged = [{"arn": "arn:aws:kafka:us-east-1:1:cluster/a/b", "tags": {"ephk:lease": lease}}]
    vpc = _text(desk.form("ec2", Action="CreateVpc", CidrBlock="10.9.0.0/16").body, "vpcId")
    endpoint = _text(
        desk.form("ec2", Action="CreateVpcEndpoint", VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3").body,
        "vpcEndpointId",
    )
    fields = {"ResourceId.1": vpc, "ResourceId.2": endpoint, "Tag.1.Key": "ephk:lease", "Tag.1.Value": lease}
    assert desk.form("ec2", Action="CreateTags", **fields).status == 200
    desk.form(
        "iam",
        Action="CreatePolicy",
        PolicyName=lease,
        PolicyDocument=json.dumps(allow("s3:*")),
        **{"Tags.member.1.Key": tag["Key"], "Tags.member.1.Value": lease},
    )
    found, token = [], ""
    for _ in range(10):
        more = {"PaginationToken": token} if token else {}
        query = {"TagFilters": [{"Key": "ephk:lease", "Values": [lease]}], "ResourcesPerPage": 1, **more}
        page = json.loads(desk.target("tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", query).body)
        assert len(page["ResourceTagMappingList"]) == 1
        found.append(page["ResourceTagMappingList"][0]["ResourceARN"])
        token = page["PaginationToken"]
        if not token:
            break
    assert sorted(arn.split(":", 5)[2] for arn in found) == ["ec2", "ec2", "iam", "kafka"]
    query = {"TagFilters": [tag | {"Values": [lease]}], "ResourceTypeFilters": ["ec2:vpc-endpoint"]}
    query["TagFilters"] = [{"Key": "ephk:lease", "Values": [lease]}]
    page = json.loads(desk.target("tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", query).body)
    assert [entry["ResourceARN"].rsplit("/", 1)[1] for entry in page["ResourceTagMappingList"]] == [endpoint]


def _text(body: bytes, element: str) -> str:
    return body.decode().split(f"<{element}>")[1].split("<")[0]


def test_the_clusters_ca_is_served_on_both_ports_and_what_is_inside_is_not(desk: Desk) -> None:
    def get(path: str, *, secure: bool) -> Any:
        return desk.gateway(HttpRequest("GET", path, headers={"host": "127.0.0.1:4566"}, secure=secure))

    assert get("/_ephk/clusters/known/ca.pem", secure=False).body == b"PEM"
    assert get("/_ephk/clusters/unknown/ca.pem", secure=False).status == 404
    assert get("/_ephk/clusters/known/ca.pem", secure=True).body == b"PEM"
    assert get("/_ephk/authority/token", secure=True).status == 404


def test_an_attached_policy_counts_with_its_default_version(desk: Desk, unique: Callable[[str], str]) -> None:
    name = unique("attached")
    arn = f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    desk.form("iam", Action="CreatePolicy", PolicyName=name, PolicyDocument=json.dumps(allow("kafka:ListClusters")))
    role = desk.assume(desk.role(name, allow("s3:GetObject")))
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=role).status == 403
    desk.form("iam", Action="AttachRolePolicy", RoleName=name, PolicyArn=arn)
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=role).status == 200
    document = json.dumps(allow("s3:*"))
    desk.form("iam", Action="CreatePolicyVersion", PolicyArn=arn, PolicyDocument=document, SetAsDefault="true")
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=role).status == 403


def test_a_boundary_that_is_gone_allows_nothing(desk: Desk, unique: Callable[[str], str]) -> None:
    name = unique("orphan")
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/{name}"
    desk.form("iam", Action="CreatePolicy", PolicyName=name, PolicyDocument=json.dumps(allow("*")))
    role = desk.assume(desk.role(name, allow("kafka:*"), boundary=boundary))
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=role).status == 200
    desk.form("iam", Action="DeletePolicy", PolicyArn=boundary)
    assert desk.send("kafka", "GET", "/v1/clusters", credentials=role).status == 403


def test_the_resource_policy_of_a_secret(desk: Desk, unique: Callable[[str], str]) -> None:
    name = unique("secret")
    made = json.loads(
        desk.target("secretsmanager", "secretsmanager.CreateSecret", {"Name": name, "SecretString": "s"}).body
    )
    arn = desk.role(name, allow("kafka:*"))
    role = desk.assume(arn)
    read = {"SecretId": name}
    assert desk.target("secretsmanager", "secretsmanager.GetSecretValue", read, role).status == 400
    policy = json.dumps(allow("secretsmanager:GetSecretValue", Principal={"AWS": arn}))
    put = {"SecretId": made["ARN"], "ResourcePolicy": policy}
    assert desk.target("secretsmanager", "secretsmanager.PutResourcePolicy", put).status == 200
    assert desk.target("secretsmanager", "secretsmanager.GetSecretValue", read, role).status == 200


def test_a_users_temporary_credentials_reach_nothing_of_iam(desk: Desk, unique: Callable[[str], str]) -> None:
    import xmltodict

    desk.form("iam", Action="CreateUser", UserName=(name := unique("user")))
    everything = json.dumps(allow("*"))
    desk.form("iam", Action="PutUserPolicy", UserName=name, PolicyName="p", PolicyDocument=everything)
    made = xmltodict.parse(desk.form("iam", Action="CreateAccessKey", UserName=name).body)
    key = made["CreateAccessKeyResponse"]["CreateAccessKeyResult"]["AccessKey"]
    lasting = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    answer = xmltodict.parse(desk.form("sts", lasting, Action="GetSessionToken").body)
    keys = answer["GetSessionTokenResponse"]["GetSessionTokenResult"]["Credentials"]
    temporary = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert desk.form("iam", lasting, Action="GetUser", UserName=name).status == 200
    for service, action in (("iam", "GetUser"), ("sts", "GetSessionToken")):
        assert b"InvalidClientTokenId" in desk.form(service, temporary, Action=action, UserName=name).body
    assert desk.form("sts", temporary, Action="GetCallerIdentity").status == 200
    assert desk.target("kms", "TrentService.ListKeys", {}, temporary).status == 200
