"""The cloud's memory, as the chaos suite sees it: whatever is made appears, whatever is deleted goes."""

from __future__ import annotations

import json

import pytest

from orchestrator.embedded.gateway.app import INVENTORY_HEADER
from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse
from tests.unit.gateway.conftest import PORT, Desk, allow


def ask(desk: Desk, token: str | None, *, secure: bool = False) -> HttpResponse:
    headers = {"host": f"127.0.0.1:{PORT}"} | ({} if token is None else {INVENTORY_HEADER: token})
    return desk.gateway(HttpRequest("GET", "/_ephk/inventory", "", headers, b"", secure=secure))


def objects(desk: Desk) -> set[str]:
    answer = ask(desk, desk.context.inventory_token)
    assert answer.status == 200
    return set(json.loads(answer.body)["objects"])


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_it_needs_the_token(desk: Desk, token: str | None) -> None:
    assert ask(desk, token).status == 403
    assert desk.context.inventory_token not in repr(desk.context)


def test_what_is_made_appears_and_what_is_deleted_goes(desk: Desk) -> None:
    before = objects(desk)
    made = desk.form("ec2", Action="CreateVpc", CidrBlock="10.9.0.0/16", Version="2016-11-15")
    vpc = made.body.decode().split("<vpcId>")[1].split("<")[0]
    desk.role("leaked", allow("s3:GetObject", "*"))
    desk.target("logs", "Logs_20140328.CreateLogGroup", {"logGroupName": "/leaked"})
    new = objects(desk) - before
    assert any(vpc in path for path in new)
    assert any("iam/roles" in path for path in new)
    assert any("/leaked" in path for path in new)
    desk.form("ec2", Action="DeleteVpc", VpcId=vpc, Version="2016-11-15")
    desk.form("iam", Action="DeleteRolePolicy", RoleName="leaked", PolicyName="p")
    desk.form("iam", Action="DeleteRole", RoleName="leaked")
    desk.target("logs", "Logs_20140328.DeleteLogGroup", {"logGroupName": "/leaked"})
    assert objects(desk) - before == set()


def test_a_key_that_waits_for_its_deletion_does_not_count(desk: Desk) -> None:
    before = objects(desk)
    made = json.loads(desk.target("kms", "TrentService.CreateKey", {}).body)["KeyMetadata"]
    assert objects(desk) - before != set()
    by_arn = {"KeyId": made["Arn"], "PendingWindowInDays": 7}
    assert desk.target("kms", "TrentService.ScheduleKeyDeletion", by_arn).status == 200
    assert objects(desk) - before == set()
