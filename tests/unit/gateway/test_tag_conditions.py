"""Decisions by tags: of the request, of the resource, and of who asks; each with the request that must be refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import xmltodict

from orchestrator.embedded.gateway.tag_conditions import of_request
from tests.unit.gateway.conftest import Desk, allow


@pytest.mark.parametrize(
    "fields",
    [
        {"Tags.member.1.Key": "lease", "Tags.member.1.Value": "a"},
        {"TagSpecification.1.Tag.1.Key": "lease", "TagSpecification.1.Tag.1.Value": "a"},
        {"Tag.1.Key": "lease", "Tag.1.Value": "a"},
        {"Tags": [{"Key": "lease", "Value": "a"}]},
        {"Tags": [{"TagKey": "lease", "TagValue": "a"}]},
        {"tags": {"lease": "a"}},
    ],
)
def test_tags_of_every_protocol_are_read(fields: dict[str, Any]) -> None:
    assert of_request(fields) == {"aws:RequestTag/lease": "a", "aws:TagKeys": ["lease"]}


@pytest.mark.parametrize(
    "fields", [{"TagKeys.member.1": "lease"}, {"TagKeys": ["lease"]}, {"tagKeys": ["lease"]}, {"Tag.1.Key": "lease"}]
)
def test_keys_that_are_taken_away_have_no_value(fields: dict[str, Any]) -> None:
    assert of_request(fields) == {"aws:TagKeys": ["lease"]}


def test_a_request_without_tags_has_no_keys() -> None:
    assert of_request({"Description": "x", "Tags": None}) == {}


def key_policy(desk: Desk) -> str:
    account = {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": desk.context.account_id}, "Action": "kms:*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**account, "Resource": "*"}]})


def test_what_is_created_must_carry_the_tag(desk: Desk, unique: Callable[[str], str]) -> None:
    condition = {
        "StringEquals": {"aws:RequestTag/ephk:lease": "mine"},
        "ForAllValues:StringLike": {"aws:TagKeys": "ephk:*"},
    }
    credentials = desk.assume(desk.role(unique("up"), allow("kms:CreateKey", Condition=condition)))

    def create(*tags: tuple[str, str]) -> int:
        body = {"Tags": [{"TagKey": key, "TagValue": value} for key, value in tags], "Policy": key_policy(desk)}
        return desk.target("kms", "TrentService.CreateKey", body, credentials).status

    assert create(("ephk:lease", "mine")) == 200
    assert create(("ephk:lease", "other")) == 400
    assert create(("ephk:lease", "mine"), ("team", "x")) == 400
    assert create() == 400


def test_only_what_carries_the_tag_may_be_changed(desk: Desk, unique: Callable[[str], str]) -> None:
    def key(lease: str) -> str:
        body = {"Tags": [{"TagKey": "ephk:lease", "TagValue": lease}], "Policy": key_policy(desk)}
        return str(json.loads(desk.target("kms", "TrentService.CreateKey", body).body)["KeyMetadata"]["KeyId"])

    condition = {"StringEquals": {"aws:ResourceTag/ephk:lease": "mine"}}
    credentials = desk.assume(desk.role(unique("down"), allow("kms:DescribeKey", Condition=condition)))

    def describe(key_id: str) -> int:
        return desk.target("kms", "TrentService.DescribeKey", {"KeyId": key_id}, credentials).status

    assert describe(key("mine")) == 200
    assert describe(key("other")) == 400


def test_ec2_and_secrets_have_tags_too(desk: Desk, unique: Callable[[str], str]) -> None:
    condition = {"StringEquals": {"aws:ResourceTag/ephk:lease": "mine"}}
    role = desk.role(unique("down"), allow(["ec2:DeleteVpc", "secretsmanager:DescribeSecret"], Condition=condition))
    credentials = desk.assume(role)

    def vpc(lease: str) -> str:
        tags = {"TagSpecification.1.ResourceType": "vpc", "TagSpecification.1.Tag.1.Key": "ephk:lease"}
        made = desk.form(
            "ec2", Action="CreateVpc", CidrBlock="10.9.0.0/16", **tags, **{"TagSpecification.1.Tag.1.Value": lease}
        )
        return str(xmltodict.parse(made.body)["CreateVpcResponse"]["vpc"]["vpcId"])

    assert desk.form("ec2", credentials, Action="DeleteVpc", VpcId=vpc("other")).status == 403
    assert desk.form("ec2", credentials, Action="DeleteVpc", VpcId=vpc("mine")).status == 200
    for lease, status in (("mine", 200), ("other", 400)):
        name = unique("secret")
        body = {
            "Name": name,
            "SecretString": "x",
            "Tags": [{"Key": "ephk:lease", "Value": lease}],
            "ClientRequestToken": "t" * 32,
        }
        assert desk.target("secretsmanager", "secretsmanager.CreateSecret", body).status == 200
        answer = desk.target("secretsmanager", "secretsmanager.DescribeSecret", {"SecretId": name}, credentials)
        assert answer.status == status, answer.body


def test_who_asks_has_tags(desk: Desk, unique: Callable[[str], str]) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/team": "orders"}}
    name = unique("app")
    credentials = desk.assume(desk.role(name, allow("s3:ListAllMyBuckets", Condition=condition)))
    assert desk.send("s3", "GET", "/", credentials=credentials).status == 403
    tag = {"Tags.member.1.Key": "team", "Tags.member.1.Value": "orders"}
    assert desk.form("iam", Action="TagRole", RoleName=name, Version="2010-05-08", **tag).status == 200
    assert desk.send("s3", "GET", "/", credentials=credentials).status == 200


def test_roles_must_be_made_with_the_boundary(desk: Desk, unique: Callable[[str], str]) -> None:
    made = desk.form("iam", Action="CreatePolicy", PolicyName=unique("b"), PolicyDocument=json.dumps(allow("s3:*")))
    boundary = str(xmltodict.parse(made.body)["CreatePolicyResponse"]["CreatePolicyResult"]["Policy"]["Arn"])
    condition = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    credentials = desk.assume(desk.role(unique("up"), allow("iam:CreateRole", Condition=condition)))
    trust = json.dumps(allow("sts:AssumeRole", None, Principal={"AWS": desk.context.account_id}))

    def create(**more: str) -> int:
        return desk.form(
            "iam", credentials, Action="CreateRole", RoleName=unique("r"), AssumeRolePolicyDocument=trust, **more
        ).status

    assert create() == 403
    assert create(PermissionsBoundary=boundary) == 200


def test_an_association_is_decided_by_its_route_table(desk: Desk, unique: Callable[[str], str]) -> None:
    condition = {"StringEquals": {"aws:ResourceTag/ephk:lease": "mine"}}
    tables = f"arn:aws:ec2:us-east-1:{desk.context.account_id}:route-table/*"
    role = desk.role(unique("down"), allow("ec2:DisassociateRouteTable", tables, Condition=condition))
    credentials = desk.assume(role)

    def made(action: str, *path: str, **fields: str) -> str:
        found: Any = xmltodict.parse(desk.form("ec2", Action=action, **fields).body)[f"{action}Response"]
        for name in path:
            found = found[name]
        return str(found)

    vpc = made("CreateVpc", "vpc", "vpcId", CidrBlock="10.8.0.0/16")
    for number, (lease, status) in enumerate((("other", 403), ("mine", 200))):
        subnet = made("CreateSubnet", "subnet", "subnetId", VpcId=vpc, CidrBlock=f"10.8.{number}.0/24")
        tags = {"TagSpecification.1.ResourceType": "route-table", "TagSpecification.1.Tag.1.Key": "ephk:lease"}
        table = made(
            "CreateRouteTable",
            "routeTable",
            "routeTableId",
            VpcId=vpc,
            **tags,
            **{"TagSpecification.1.Tag.1.Value": lease},
        )
        association = made("AssociateRouteTable", "associationId", RouteTableId=table, SubnetId=subnet)
        answer = desk.form("ec2", credentials, Action="DisassociateRouteTable", AssociationId=association)
        assert answer.status == status, answer.body
