"""What is authorized is what is carried out: a request that could be read in two ways gets nobody further."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from botocore.credentials import Credentials

from tests.unit.gateway.conftest import ACCOUNT, Desk, allow

Unique = Callable[[str], str]
JSON = {"Content-Type": "application/x-amz-json-1.1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def secret(desk: Desk, name: str) -> str:
    made = desk.target("secretsmanager", "secretsmanager.CreateSecret", {"Name": name, "SecretString": f"of {name}"})
    return str(json.loads(made.body)["ARN"])


def as_role(desk: Desk, unique: Unique, *statements: dict[str, Any]) -> Credentials:
    policy = {"Version": "2012-10-17", "Statement": [one["Statement"][0] for one in statements]}
    return desk.assume(desk.role(unique("role"), policy))


def key(desk: Desk) -> str:
    return str(json.loads(desk.target("kms", "TrentService.CreateKey", {}).body)["KeyMetadata"]["Arn"])


def state_of(desk: Desk, arn: str) -> str:
    described = desk.target("kms", "TrentService.DescribeKey", {"KeyId": arn})
    return str(json.loads(described.body)["KeyMetadata"]["KeyState"])


@pytest.mark.parametrize(
    "disguise",
    [
        pytest.param(lambda own, other: ("/", {"SecretId": own, "x": f"&SecretId={other}&y="}), id="form in JSON"),
        pytest.param(lambda own, other: (f"/?SecretId={quote(other, safe='')}", {"SecretId": own}), id="query"),
        pytest.param(
            lambda own, other: (f"/?SecretId={quote(own, safe='')}", {"SecretId": other}), id="query, reversed"
        ),
    ],
)
def test_another_secret_is_not_read_in_disguise(desk: Desk, unique: Unique, disguise: Callable[..., Any]) -> None:
    own, other = secret(desk, unique("own")), secret(desk, unique("other"))
    path, body = disguise(own, other)
    answer = desk.send(
        "secretsmanager",
        "POST",
        path,
        body=body,
        headers={**JSON, "X-Amz-Target": "secretsmanager.GetSecretValue"},
        credentials=as_role(desk, unique, allow("secretsmanager:GetSecretValue", own)),
    )
    assert b"of other" not in answer.body
    assert b"AccessDenied" in answer.body or json.loads(answer.body)["ARN"] == own


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        pytest.param("/?Action=ScheduleKeyDeletion", {**JSON, "X-Amz-Target": "TrentService.DescribeKey"}, id="query"),
        pytest.param(
            "/service/x/operation/DescribeKey",
            {**JSON, "smithy-protocol": "rpc-v2-cbor", "X-Amz-Target": "TrentService.ScheduleKeyDeletion"},
            id="protocol of another",
        ),
    ],
)
def test_another_operation_is_not_carried_out(desk: Desk, unique: Unique, path: str, headers: dict[str, str]) -> None:
    arn = key(desk)
    reader = as_role(desk, unique, allow("kms:DescribeKey"))
    body = {"KeyId": arn, "PendingWindowInDays": 7}
    desk.send("kms", "POST", path, body=body, headers=headers, credentials=reader)
    assert state_of(desk, arn) == "Enabled"


@pytest.mark.parametrize(
    "kind",
    ["Application/X-WWW-Form-Urlencoded", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"],
)
def test_a_form_and_a_query_that_disagree(desk: Desk, unique: Unique, kind: str) -> None:
    user = unique("user")
    desk.form("iam", Action="CreateUser", UserName=user)
    reader = as_role(desk, unique, allow("iam:GetUser"))
    fields = {"Action": "DeleteUser", "UserName": user}
    body = "&".join(f"{name}={value}" for name, value in fields.items())
    if kind.startswith("multipart"):
        parts = (f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items())
        body = "".join(parts) + "--b--\r\n"
    desk.send(
        "iam",
        "POST",
        f"/?Action=GetUser&UserName={user}",
        body=body.encode(),
        headers={"Content-Type": kind},
        credentials=reader,
    )
    assert desk.form("iam", Action="GetUser", UserName=user).status == 200


def test_a_member_that_the_operation_does_not_have_is_no_resource(desk: Desk, unique: Unique) -> None:
    desk.role(victim := unique("victim"), allow("s3:GetObject"))
    mine = f"arn:aws:iam::{ACCOUNT}:role/mine"
    caller = as_role(desk, unique, allow("iam:GetRole", mine))
    refused = desk.form("iam", caller, Action="GetRole", RoleName=victim, RoleArn=mine)
    assert (refused.status, b"role/" + victim.encode() in refused.body) == (403, True)


def test_joining_a_group_is_a_matter_of_the_group(desk: Desk, unique: Unique) -> None:
    group, user = unique("group"), unique("user")
    desk.form("iam", Action="CreateGroup", GroupName=group)
    desk.form("iam", Action="CreateUser", UserName=user)
    caller = as_role(desk, unique, allow("iam:*", f"arn:aws:iam::{ACCOUNT}:user/{user}"))
    refused = desk.form("iam", caller, Action="AddUserToGroup", GroupName=group, UserName=user)
    assert (refused.status, f"group/{group}".encode() in refused.body) == (403, True)


def test_a_policy_may_speak_of_a_path_that_the_request_does_not_name(desk: Desk, unique: Unique) -> None:
    name = unique("account")
    trust = json.dumps(allow("sts:AssumeRole", None, Principal={"AWS": ACCOUNT}))
    desk.form("iam", Action="CreateRole", RoleName=name, Path="/account/", AssumeRolePolicyDocument=trust)
    kept = allow("iam:DeleteRole", f"arn:aws:iam::{ACCOUNT}:role/account/*")
    kept["Statement"][0]["Effect"] = "Deny"
    caller = as_role(desk, unique, allow("iam:*"), kept)
    assert b"with an explicit deny" in desk.form("iam", caller, Action="DeleteRole", RoleName=name).body


def test_every_network_that_a_request_names_must_be_ones_own(desk: Desk, unique: Unique) -> None:
    import xmltodict

    made = [
        xmltodict.parse(desk.form("ec2", Action="CreateVpc", CidrBlock="10.9.0.0/16").body)["CreateVpcResponse"]["vpc"][
            "vpcId"
        ]
        for _ in range(2)
    ]
    caller = as_role(desk, unique, allow("ec2:CreateTags", f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/{made[0]}"))
    tag = {"Action": "CreateTags", "Tag.1.Key": "ephk:lease", "Tag.1.Value": "mine", "ResourceId.1": made[0]}
    assert desk.form("ec2", caller, **tag).status == 200
    refused = desk.form("ec2", caller, **tag, **{"ResourceId.2": made[1]})
    assert (refused.status, made[1].encode() in refused.body) == (403, True)


def test_passing_a_role_needs_permission_to_pass_it(desk: Desk, unique: Unique) -> None:
    desk.role(role := unique("powerful"), allow("*"))
    desk.form("iam", Action="CreateInstanceProfile", InstanceProfileName=(profile := unique("profile")))
    add = {"Action": "AddRoleToInstanceProfile", "InstanceProfileName": profile, "RoleName": role}
    alone = as_role(desk, unique, allow("iam:AddRoleToInstanceProfile"))
    refused = desk.form("iam", alone, **add)
    assert b"is not authorized to perform: iam:PassRole on resource: " in refused.body
    to = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    elsewhere = as_role(desk, unique, allow("iam:AddRoleToInstanceProfile"), allow("iam:PassRole", Condition=to))
    assert desk.form("iam", elsewhere, **add).status == 403
    to = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    passing = as_role(desk, unique, allow("iam:AddRoleToInstanceProfile"), allow("iam:PassRole", Condition=to))
    assert desk.form("iam", passing, **add).status == 200


def test_reading_secrets_in_bulk_needs_permission_for_each(desk: Desk, unique: Unique) -> None:
    own, other = secret(desk, unique("own")), secret(desk, unique("other"))
    batch = allow("secretsmanager:BatchGetSecretValue")
    caller = as_role(desk, unique, batch, allow("secretsmanager:GetSecretValue", own))
    ask = "secretsmanager.BatchGetSecretValue"
    assert desk.target("secretsmanager", ask, {"SecretIdList": [own]}, caller).status == 200
    for refused in ({"SecretIdList": [own, other]}, {"Filters": [{"Key": "name", "Values": ["own"]}]}):
        assert b"secretsmanager:GetSecretValue on resource" in desk.target("secretsmanager", ask, refused, caller).body


def test_a_bulk_deletion_says_which_versions(desk: Desk, unique: Unique) -> None:
    bucket = desk.bucket()
    caller = as_role(desk, unique, allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/*"))

    def delete(inner: str) -> bytes:
        body = f"<Delete>{inner}</Delete>".encode()
        return desk.send("s3", "POST", f"/{bucket}?delete", body=body, credentials=caller).body

    one = "<Object><Key>key</Key><VersionId>1</VersionId></Object>"
    assert b"s3:DeleteObjectVersion" in delete(one)
    assert b"MalformedXML" in delete("<Object><Name>key</Name></Object>")
    assert b"<Deleted>" in delete("<Object><Key>key</Key></Object>")


def test_an_acl_in_an_upload_is_a_permission_of_its_own(desk: Desk, unique: Unique) -> None:
    bucket = desk.bucket()
    caller = as_role(desk, unique, allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*"))
    headers = {"x-amz-acl": "private"}
    assert b"s3:PutObjectAcl" in desk.send("s3", "PUT", f"/{bucket}/a", headers=headers, credentials=caller).body
    assert desk.send("s3", "PUT", f"/{bucket}/a", credentials=caller).status == 200


def test_a_second_subresource_does_not_change_what_is_read(desk: Desk, unique: Unique) -> None:
    bucket = desk.bucket()
    caller = as_role(desk, unique, allow("s3:GetBucketVersioning", f"arn:aws:s3:::{bucket}"))
    for query in ("versioning&acl", "acl&versioning", "versioning&location&policy"):
        answer = desk.send("s3", "GET", f"/{bucket}?{query}", credentials=caller)
        assert b"VersioningConfiguration" in answer.body or answer.status == 403, (query, answer.body)


def test_a_header_with_underscores_is_no_header_of_ours(desk: Desk, unique: Unique) -> None:
    """WSGI cannot tell `x_amz_target` from `x-amz-target`: moto would see what nobody has decided about."""
    source, bucket = desk.bucket(), desk.bucket()
    writer = as_role(desk, unique, allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/*"))
    for name in ("x_amz_copy_source", "x_amz-copy-source"):
        path = f"/{bucket}/taken"
        desk.send("s3", "PUT", path, headers={name: f"/{source}/key"}, credentials=writer)
        assert b"value" not in desk.send("s3", "GET", path, credentials=writer).body
    arn = key(desk)
    reader = as_role(desk, unique, allow("kms:DescribeKey"))
    headers = {**JSON, "X-Amz-Target": "TrentService.DescribeKey", "x_amz_target": "TrentService.ScheduleKeyDeletion"}
    body = {"KeyId": arn, "PendingWindowInDays": 7}
    assert desk.send("kms", "POST", body=body, headers=headers, credentials=reader).status == 200
    assert state_of(desk, arn) == "Enabled"


@pytest.mark.parametrize("trailer", ["x-amz-copy-source", "x-amz-acl", "x-amz-tagging"])
def test_a_trailer_says_nothing_but_the_checksum(desk: Desk, unique: Unique, trailer: str) -> None:
    source, bucket = desk.bucket(), desk.bucket()
    writer = as_role(desk, unique, allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/*"))
    headers = {
        "x-amz-decoded-content-length": "4",
        "x-amz-trailer": trailer,
        "content-encoding": "aws-chunked",
    }
    body = f"4\r\nmine\r\n0\r\n{trailer}:/{source}/key\r\n\r\n".encode()
    answer = desk.send("s3", "PUT", f"/{bucket}/taken", body=body, headers=headers, credentials=writer, trailer=True)
    assert b"value" not in desk.send("s3", "GET", f"/{bucket}/taken", credentials=writer).body
    assert (answer.status, b"MalformedTrailerError" in answer.body) == (400, True), answer.body


def test_an_encoded_slash_does_not_hide_an_object_in_a_buckets_name(desk: Desk, unique: Unique) -> None:
    bucket = desk.bucket()
    lister = as_role(desk, unique, allow(["s3:ListBucket", "s3:DeleteBucket", "s3:CreateBucket"]))
    path = f"/{bucket}/key"  # what is signed is the decoded path
    for slash in ("%2F", "%2f"):
        sent = f"/{bucket}{slash}key"
        assert b"value" not in desk.send("s3", "GET", path, sent_path=sent, credentials=lister).body, slash
        desk.send("s3", "PUT", path, sent_path=sent, body=b"changed", credentials=lister)
        desk.send("s3", "DELETE", path, sent_path=sent, credentials=lister)
    assert desk.send("s3", "GET", f"/{bucket}/key").body == b"value"


def test_a_host_and_a_path_that_name_different_buckets(desk: Desk, unique: Unique) -> None:
    own, other = desk.bucket(), desk.bucket()
    reader = as_role(desk, unique, allow("s3:GetObject", f"arn:aws:s3:::{own}/*"))
    for host, path in ((own, f"/{other}/key"), (other, f"/{own}/key"), (other, "/key"), (f"{other}.{own}", "/key")):
        answer = desk.send("s3", "GET", path, headers={"Host": f"{host}.localhost:4566"}, credentials=reader)
        assert answer.status in (400, 403, 404), (host, path, answer.body)
        assert b"value" not in answer.body
    answer = desk.send("s3", "GET", "/key", headers={"Host": f"{own}.localhost:4566"}, credentials=reader)
    assert (answer.status, answer.body) == (200, b"value")


def test_the_tagging_api_tags_what_the_caller_may_tag(desk: Desk, unique: Unique) -> None:
    own, other = secret(desk, unique("own")), secret(desk, unique("other"))
    caller = as_role(desk, unique, allow("tag:*"), allow("secretsmanager:TagResource", own))
    ask = "ResourceGroupsTaggingAPI_20170126.TagResources"
    tag = {"Tags": {"ephk:lease": "mine"}}
    assert desk.target("tagging", ask, {"ResourceARNList": [own], **tag}, caller).status == 200
    refused = desk.target("tagging", ask, {"ResourceARNList": [own, other], **tag}, caller)
    assert b"secretsmanager:TagResource on resource: " + other.encode() in refused.body


def test_a_schedule_is_what_its_address_names(desk: Desk, unique: Unique) -> None:
    own, other = unique("own"), unique("other")
    target = {"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q", "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/starter"}
    body = {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    for name in (own, other):
        assert desk.send("scheduler", "POST", f"/schedules/{name}", body=body).status == 200
        assert desk.send("scheduler", "GET", f"/schedules/{name}?groupName=default").status == 200
    arn = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/{own}"
    caller = as_role(desk, unique, allow("scheduler:*", arn))
    assert desk.send("scheduler", "DELETE", f"/schedules/{other}", credentials=caller).status == 403
    for headers, sent in (
        ({"name": other}, b""),
        ({}, b"a&Name=" + other.encode()),
        ({}, b'{"Name": "%s"}' % other.encode()),
    ):
        desk.send("scheduler", "DELETE", f"/schedules/{own}", body=sent, headers=headers, credentials=caller)
        desk.send("scheduler", "POST", f"/schedules/{own}", body=body)
    assert desk.send("scheduler", "GET", f"/schedules/{other}").status == 200
    alone = as_role(desk, unique, allow("scheduler:*"))
    passing = desk.send("scheduler", "POST", f"/schedules/{unique('new')}", body=body, credentials=alone)
    assert b"iam:PassRole" in passing.body


def test_a_provider_that_is_made_has_a_name(desk: Desk, unique: Unique) -> None:
    host = f"{unique('issuer')}.example"
    fields = {"Action": "CreateOpenIDConnectProvider", "Url": f"https://{host}", "ThumbprintList.member.1": "a" * 40}
    action = "iam:CreateOpenIDConnectProvider"
    other = as_role(desk, unique, allow(action, f"arn:aws:iam::{ACCOUNT}:oidc-provider/other.example"))
    assert desk.form("iam", other, **fields).status == 403
    own = as_role(desk, unique, allow(action, f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"))
    assert desk.form("iam", own, **fields).status == 200
