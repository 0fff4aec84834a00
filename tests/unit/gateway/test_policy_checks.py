"""The policy simulator and Access Analyzer's checks: over the wire, by their models, and as enforcement has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import xmltodict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from orchestrator.embedded.gateway.access_analyzer import AccessAnalyzerBackend
from orchestrator.embedded.gateway.service import AwsError, Caller
from tests.unit.gateway.conftest import ACCOUNT, Desk, allow

ANALYZER = AccessAnalyzerBackend(ACCOUNT)
CALLER = Caller("administrator", "arn", ACCOUNT)
ORDERS = "arn:aws:s3:::orders"


def analyze(operation: str, **params: Any) -> dict[str, Any]:
    """Call an operation and check its answer against botocore's model of it."""
    given = {name: json.dumps(value) if name.endswith("Document") else value for name, value in params.items()}
    answer = ANALYZER.invoke(operation, given, CALLER)
    model = ServiceModel(Loader().load_service_model("accessanalyzer", "service-2"), "accessanalyzer")
    report = ParamValidator().validate(answer, model.operation_model(operation).output_shape)
    assert not report.has_errors(), report.generate_report()
    return answer


def members(value: Any) -> list[Any]:
    entries = (value or {}).get("member", [])
    return entries if isinstance(entries, list) else [entries]


def simulate(desk: Desk, operation: str, **fields: str) -> list[dict[str, Any]]:
    answer = desk.form("iam", Action=operation, Version="2010-05-08", **fields)
    assert answer.status == 200, answer.body
    document = xmltodict.parse(answer.body)
    return members(document[f"{operation}Response"][f"{operation}Result"]["EvaluationResults"])


def test_simulation_of_a_role_agrees_with_what_happens(desk: Desk, unique: Callable[[str], str]) -> None:
    bucket = desk.bucket()
    condition = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    policy = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Condition=condition)
    arn = desk.role(unique("app"), policy)
    names = {"ActionNames.member.1": "s3:GetObject", "ActionNames.member.2": "s3:PutObject"}
    asked = {**names, "PolicySourceArn": arn, "ResourceArns.member.1": f"arn:aws:s3:::{bucket}/key"}
    without = simulate(desk, "SimulatePrincipalPolicy", **asked)
    assert [one["EvalDecision"] for one in without] == ["implicitDeny", "implicitDeny"]
    assert members(without[0]["MissingContextValues"]) == ["aws:requestedregion"]
    region = {
        "ContextEntries.member.1.ContextKeyName": "aws:RequestedRegion",
        "ContextEntries.member.1.ContextKeyType": "string",
        "ContextEntries.member.1.ContextKeyValues.member.1": "us-east-1",
    }
    found = simulate(desk, "SimulatePrincipalPolicy", **asked, **region)
    assert [one["EvalDecision"] for one in found] == ["allowed", "implicitDeny"]
    assert members(found[0]["MatchedStatements"])[0]["SourcePolicyType"] == "role"
    credentials = desk.assume(arn)
    assert desk.send("s3", "GET", f"/{bucket}/key", credentials=credentials).status == 200
    assert desk.send("s3", "PUT", f"/{bucket}/key", body=b"x", credentials=credentials).status == 403


def test_a_simulation_knows_boundaries_and_unknown_principals(desk: Desk, unique: Callable[[str], str]) -> None:
    made = desk.form(
        "iam",
        Action="CreatePolicy",
        PolicyName=unique("b"),
        PolicyDocument=json.dumps(allow("kms:*")),
        Version="2010-05-08",
    )
    boundary = xmltodict.parse(made.body)["CreatePolicyResponse"]["CreatePolicyResult"]["Policy"]["Arn"]
    arn = desk.role(unique("app"), allow("*"), boundary=boundary)
    asked = {"PolicySourceArn": arn, "ActionNames.member.1": "s3:ListAllMyBuckets"}
    (found,) = simulate(desk, "SimulatePrincipalPolicy", **asked)
    assert found["EvalDecision"] == "implicitDeny"
    assert found["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] == "false"
    absent = desk.form(
        "iam", Action="SimulatePrincipalPolicy", **{**asked, "PolicySourceArn": f"{arn}-absent"}, Version="2010-05-08"
    )
    assert absent.status == 404
    assert b"NoSuchEntity" in absent.body


def test_who_may_ask_about_one_role_may_not_ask_about_another(desk: Desk, unique: Callable[[str], str]) -> None:
    subject, other = desk.role(unique("app"), allow("s3:GetObject")), desk.role(unique("other"), allow("s3:GetObject"))
    asker = desk.assume(desk.role(unique("asker"), allow("iam:SimulatePrincipalPolicy", f"{subject[:-4]}*")))
    asked = {"Action": "SimulatePrincipalPolicy", "Version": "2010-05-08", "ActionNames.member.1": "s3:GetObject"}
    statuses = [desk.form("iam", asker, **asked, PolicySourceArn=arn).status for arn in (subject, other)]
    assert statuses == [200, 403]


def test_custom_policies_are_simulated_page_by_page(desk: Desk) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": [*allow("s3:*")["Statement"], deny("s3:DeleteBucket")]})
    asked = {
        "PolicyInputList.member.1": policy,
        **{f"ActionNames.member.{i}": name for i, name in enumerate(("s3:DeleteBucket", "s3:CreateBucket"), 1)},
    }
    found = simulate(desk, "SimulateCustomPolicy", **asked)
    assert [one["EvalDecision"] for one in found] == ["explicitDeny", "allowed"]
    first = desk.form("iam", Action="SimulateCustomPolicy", MaxItems="1", **asked)
    result = xmltodict.parse(first.body)["SimulateCustomPolicyResponse"]["SimulateCustomPolicyResult"]
    assert result["IsTruncated"] == "true"
    (second,) = simulate(desk, "SimulateCustomPolicy", MaxItems="1", Marker=result["Marker"], **asked)
    assert second["EvalActionName"] == "s3:CreateBucket"
    broken = desk.form("iam", Action="SimulateCustomPolicy", **{**asked, "PolicyInputList.member.1": "{}"})
    assert broken.status == 400
    assert b"InvalidInput" in broken.body


def deny(action: str) -> dict[str, str]:
    return {"Effect": "Deny", "Action": action, "Resource": "*"}


def test_authorization_details_show_what_is_enforced(desk: Desk, unique: Callable[[str], str]) -> None:
    name = unique("app")
    desk.role(name, allow("s3:GetObject", f"{ORDERS}/*"))
    answer = desk.form(
        "iam", Action="GetAccountAuthorizationDetails", Version="2010-05-08", **{"Filter.member.1": "Role"}
    )
    result = xmltodict.parse(answer.body)["GetAccountAuthorizationDetailsResponse"][
        "GetAccountAuthorizationDetailsResult"
    ]
    role = next(one for one in members(result["RoleDetailList"]) if one["RoleName"] == name)
    assert members(role["RolePolicyList"])[0]["PolicyName"] == "p"


def test_the_checks_are_served_over_the_wire(desk: Desk) -> None:
    body = {
        "policyDocument": json.dumps(allow("iam:PassRole")), "policyType": "IDENTITY_POLICY",
    }  # fmt: skip
    headers = {"Content-Type": "application/json"}
    answer = desk.send("access-analyzer", "POST", "/policy/validation", body=body, headers=headers)
    assert answer.status == 200, answer.body
    (finding,) = json.loads(answer.body)["findings"]
    assert (finding["findingType"], finding["issueCode"]) == ("SECURITY_WARNING", "PASS_ROLE")
    assert finding["locations"][0]["path"] == [{"value": "Statement"}, {"index": 0}]


@pytest.mark.parametrize(
    ("policy", "kinds"),
    [
        (allow("s3:GetObject", f"{ORDERS}/*"), []),
        (allow("s3:GetObjet", f"{ORDERS}/*"), ["WARNING"]),
        ({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*"}]}, ["ERROR"]),
        ([], ["ERROR"]),
    ],
)
def test_validation(policy: Any, kinds: list[str]) -> None:
    found = analyze("ValidatePolicy", policyDocument=policy, policyType="IDENTITY_POLICY")
    assert [one["findingType"] for one in found["findings"]] == kinds


@pytest.mark.parametrize(
    ("new", "result"),
    [
        (allow("s3:GetObject", f"{ORDERS}/*"), "PASS"),
        (allow("s3:GetObject", f"{ORDERS}/a/*"), "PASS"),
        (allow("s3:Get*", f"{ORDERS}/*"), "FAIL"),
        (allow("s3:GetObject", "*"), "FAIL"),
    ],
)
def test_no_new_access(new: dict[str, Any], result: str) -> None:
    old = allow("s3:GetObject", f"{ORDERS}/*")
    found = analyze("CheckNoNewAccess", newPolicyDocument=new, existingPolicyDocument=old, policyType="IDENTITY_POLICY")
    assert found["result"] == result
    assert [reason["statementIndex"] for reason in found["reasons"]] == ([0] if result == "FAIL" else [])


def test_new_access_by_a_resource_policy() -> None:
    def bucket(principal: str) -> dict[str, Any]:
        return allow("s3:GetObject", f"{ORDERS}/*", Principal={"AWS": principal})

    same = {"existingPolicyDocument": bucket("111111111111"), "policyType": "RESOURCE_POLICY"}
    assert analyze("CheckNoNewAccess", newPolicyDocument=bucket("111111111111"), **same)["result"] == "PASS"
    assert analyze("CheckNoNewAccess", newPolicyDocument=bucket("222222222222"), **same)["result"] == "FAIL"


@pytest.mark.parametrize(
    ("access", "result"),
    [
        ({"actions": ["s3:PutObject"]}, "PASS"),
        ({"actions": ["s3:GetObject"]}, "FAIL"),
        ({"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::others/*"]}, "PASS"),
        ({"actions": ["s3:GetObject"], "resources": [f"{ORDERS}/key"]}, "FAIL"),
    ],
)
def test_access_that_must_not_be_granted(access: dict[str, Any], result: str) -> None:
    policy = allow("s3:GetObject", f"{ORDERS}/*")
    found = analyze("CheckAccessNotGranted", policyDocument=policy, access=[access], policyType="IDENTITY_POLICY")
    assert found["result"] == result


@pytest.mark.parametrize(("principal", "result"), [("*", "FAIL"), ({"AWS": ACCOUNT}, "PASS")])
def test_public_access(principal: Any, result: str) -> None:
    policy = allow("s3:GetObject", f"{ORDERS}/*", Principal=principal)
    found = analyze("CheckNoPublicAccess", policyDocument=policy, resourceType="AWS::S3::Bucket")
    assert found["result"] == result


def test_what_is_no_policy_is_refused() -> None:
    with pytest.raises(AwsError, match="InvalidParameterException"):
        analyze("CheckNoPublicAccess", policyDocument={"Statement": []}, resourceType="AWS::S3::Bucket")
