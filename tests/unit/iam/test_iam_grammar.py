"""What makes a policy or a request malformed, and that the error names the place."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import EphkError
from orchestrator.iam import PolicyError, PolicyType, Request, RequestError, compile_policy, parse_principal
from orchestrator.iam.principals import PrincipalKind

GOOD: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
USER = "arn:aws:iam::111122223333:user/alice"


def statement(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}


def document(**changes: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement(**changes)]}


DOCUMENTS: list[tuple[Any, str]] = [
    ([], ""),
    (None, ""),
    (7, ""),
    ({}, "Statement"),
    ({"Statement": []}, "Statement"),
    ({"Statement": None}, "Statement"),
    ({"Statement": "Allow"}, "Statement"),
    ({"Statement": ["Allow"]}, ""),
    ({"Statement": [GOOD], "Version": "2012-10-18"}, "Version"),
    ({"Statement": [GOOD], "Version": 20121017}, "Version"),
    ({"Statement": [GOOD], "Version": None}, "Version"),
    ({"Statement": [GOOD], "Id": 1}, "Id"),
    ({"Statement": [GOOD], "statement": [GOOD]}, "statement"),
    ("not json", ""),
    ("[]", ""),
    ('{"Statement": [], "Statement": []}', ""),
]

STATEMENTS: list[tuple[dict[str, Any], str]] = [
    ({"Effect": ...}, "Effect"),
    ({"Effect": "allow"}, "Effect"),
    ({"Effect": ["Allow"]}, "Effect"),
    ({"Action": ...}, "Action"),
    ({"Action": []}, "Action"),
    ({"Action": ""}, "Action"),
    ({"Action": 1}, "Action"),
    ({"Action": ["s3:GetObject", None]}, "Action"),
    ({"Action": "GetObject"}, "Action"),
    ({"Action": "s3:"}, "Action"),
    ({"Action": ":GetObject"}, "Action"),
    ({"Action": "s*:GetObject"}, "Action"),
    ({"Action": "s3:${aws:username}"}, "Action"),
    ({"NotAction": "s3:*"}, "Action"),
    ({"Resource": ...}, "Resource"),
    ({"Resource": []}, "Resource"),
    ({"Resource": {"a": 1}}, "Resource"),
    ({"Resource": "bucket"}, "Resource"),
    ({"Resource": "s3://bucket/*"}, "Resource"),
    ({"Resource": "arn:aws:s3:::${aws:username"}, "Resource"),
    ({"Resource": "arn:aws:s3:::${}"}, "Resource"),
    ({"NotResource": "*"}, "Resource"),
    ({"Principal": "*"}, "Principal"),
    ({"NotPrincipal": {"AWS": USER}}, "NotPrincipal"),
    ({"Conditions": {}}, "Conditions"),
    ({"Condition": None}, "Condition"),
    ({"Sid": 1}, "Sid"),
    ({"Sid": "not allowed"}, "Sid"),
]

PRINCIPALS: list[Any] = [
    {"AWS": "arn:aws:iam::123456789012:user/${aws:username}"},
    None,
    "",
    [],
    {},
    USER,
    {"Aws": USER},
    {"AWS": []},
    {"AWS": ""},
    {"AWS": 111122223333},
    {"AWS": "alice"},
    {"AWS": "arn:aws:iam::111122223333:user/*"},
    {"AWS": "arn:aws:iam::*:root"},
    {"AWS": "arn:aws:sts::111122223333:assumed-role/app/*"},
    {"AWS": "arn:aws:iam::111122223333:group/admins"},
    {"AWS": "arn:aws:iam::1111:root"},
    {"AWS": "arn:aws:s3:::bucket"},
    {"AWS": "arn:aws:iam::111122223333:user/"},
    {"Service": "*.amazonaws.com"},
    {"AWS": "1111222233334"},
]


@pytest.mark.parametrize(("policy", "field"), DOCUMENTS)
def test_malformed_document(policy: Any, field: str) -> None:
    with pytest.raises(PolicyError) as caught:
        compile_policy(policy, PolicyType.IDENTITY)
    assert caught.value.field == field


@pytest.mark.parametrize(("changes", "field"), STATEMENTS)
def test_malformed_statement(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(PolicyError) as caught:
        compile_policy(
            {"Version": "2012-10-17", "Statement": [GOOD, statement(**changes)]}, PolicyType.IDENTITY, name="p"
        )
    assert caught.value.field == field
    assert caught.value.statement == 2
    assert "identity-based policy 'p', statement 2" in caught.value.message
    assert field in caught.value.message


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_malformed_principal_element(principal: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        compile_policy(document(Principal=principal), PolicyType.RESOURCE)
    assert caught.value.field == "Principal"


@pytest.mark.parametrize(
    ("changes", "policy_type", "field"),
    [
        ({}, PolicyType.RESOURCE, "Principal"),
        ({}, PolicyType.TRUST, "Principal"),
        ({"Principal": "*"}, PolicyType.SCP, "Principal"),
        ({"Principal": "*"}, PolicyType.BOUNDARY, "Principal"),
        ({"Principal": "*"}, PolicyType.SESSION, "Principal"),
        ({"Principal": "*"}, PolicyType.TRUST, "Resource"),
        ({"Principal": "*", "Resource": ..., "NotResource": "*"}, PolicyType.TRUST, "NotResource"),
        ({"Principal": "*", "NotPrincipal": "*"}, PolicyType.RESOURCE, "Principal"),
        ({"NotPrincipal": {"AWS": USER}}, PolicyType.RESOURCE, "NotPrincipal"),
        ({"NotPrincipal": {"AWS": USER}, "Effect": "Deny", "Resource": ...}, PolicyType.TRUST, "NotPrincipal"),
    ],
)
def test_elements_that_a_kind_of_policy_needs_or_forbids(
    changes: dict[str, Any], policy_type: PolicyType, field: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        compile_policy(document(**changes), policy_type)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changes", "policy_type"),
    [
        ({"Sid": "Abc1"}, PolicyType.IDENTITY),
        ({"Sid": ""}, PolicyType.IDENTITY),
        ({"Sid": "with spaces: fine", "Principal": "*"}, PolicyType.RESOURCE),
        ({"Resource": ..., "Principal": "*"}, PolicyType.RESOURCE),
        ({"Resource": ..., "Principal": {"Service": "ec2.amazonaws.com"}}, PolicyType.TRUST),
        ({"Principal": {"AWS": ["111122223333", USER]}, "Effect": "Deny"}, PolicyType.RESOURCE),
        (
            {"Principal": {"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"}},
            PolicyType.RESOURCE,
        ),
        ({"Condition": {}}, PolicyType.IDENTITY),
        ({"Resource": ["*", "arn:aws:s3:::b", "ar*", "arn:aws:s3:::${aws:username}"]}, PolicyType.SCP),
        ({"Action": "*"}, PolicyType.BOUNDARY),
    ],
)
def test_well_formed(changes: dict[str, Any], policy_type: PolicyType) -> None:
    assert len(compile_policy(document(**changes), policy_type).statements) == 1


def test_sids_are_unique() -> None:
    with pytest.raises(PolicyError, match="not unique") as caught:
        compile_policy({"Statement": [statement(Sid="A"), statement(Sid="B"), statement(Sid="A")]}, PolicyType.IDENTITY)
    assert (caught.value.statement, caught.value.sid) == (3, "A")


def test_several_statements_without_sid() -> None:
    compiled = compile_policy({"Statement": [statement(Sid=""), statement(Sid=""), GOOD]}, PolicyType.IDENTITY)
    assert [entry.ref.index for entry in compiled.statements] == [1, 2, 3]


def test_compiled_policy_is_for_its_kind_only() -> None:
    compiled = compile_policy(document(), PolicyType.IDENTITY, name="p")
    assert compile_policy(compiled, PolicyType.IDENTITY) is compiled
    with pytest.raises(PolicyError, match="was compiled as"):
        compile_policy(compiled, PolicyType.BOUNDARY)


def test_policy_error_is_shown_with_a_next_step() -> None:
    with pytest.raises(EphkError) as caught:
        compile_policy({}, PolicyType.IDENTITY)
    assert "grammar" in caught.value.next_step.lower()


PARSED = [
    (USER, PrincipalKind.USER, "111122223333", "alice"),
    ("arn:aws:iam::111122223333:user/team/alice", PrincipalKind.USER, "111122223333", "alice"),
    ("arn:aws:iam::111122223333:role/a/b/app", PrincipalKind.ROLE, "111122223333", "app"),
    ("arn:aws:sts::111122223333:assumed-role/app/s", PrincipalKind.ROLE_SESSION, "111122223333", "app"),
    ("arn:aws:sts::111122223333:federated-user/f", PrincipalKind.FEDERATED_USER, "111122223333", "f"),
    ("arn:aws:iam::111122223333:root", PrincipalKind.ROOT, "111122223333", ""),
    ("111122223333", PrincipalKind.ROOT, "111122223333", ""),
    ({"AWS": USER}, PrincipalKind.USER, "111122223333", "alice"),
    ({"Service": "ec2.amazonaws.com"}, PrincipalKind.SERVICE, None, ""),
    ("kafka.amazonaws.com", PrincipalKind.SERVICE, None, ""),
    ("accounts.google.com", PrincipalKind.IDENTITY_PROVIDER, None, ""),
    ("www.amazon.com", PrincipalKind.IDENTITY_PROVIDER, None, ""),
    ({"Federated": "cognito-identity.amazonaws.com"}, PrincipalKind.IDENTITY_PROVIDER, None, ""),
    ("arn:aws:iam::111122223333:saml-provider/idp", PrincipalKind.IDENTITY_PROVIDER, None, ""),
    ("*", PrincipalKind.ANONYMOUS, None, ""),
    ("anonymous", PrincipalKind.ANONYMOUS, None, ""),
    ({"CanonicalUser": "abc"}, PrincipalKind.CANONICAL_USER, None, ""),
]


@pytest.mark.parametrize(("value", "kind", "account", "name"), PARSED)
def test_principal_of_a_request(value: Any, kind: PrincipalKind, account: str | None, name: str) -> None:
    principal = parse_principal(value)
    assert (principal.kind, principal.account, principal.name) == (kind, account, name)


@pytest.mark.parametrize(
    "value",
    [
        "",
        None,
        7,
        "alice",
        "arn:aws:s3:::bucket",
        "arn:aws:iam::111122223333:user/",
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::12:root",
        "arn:aws:sts::111122223333:assumed-role/app",
        "arn:aws:iam::111122223333:group/g",
        {"AWS": USER, "Service": "x.amazonaws.com"},
        {"Who": USER},
        {"AWS": [USER]},
        "two words.example",
    ],
)
def test_malformed_principal_of_a_request(value: Any) -> None:
    with pytest.raises(RequestError) as caught:
        parse_principal(value)
    assert caught.value.field == "principal"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"action": "GetObject"}, "action"),
        ({"action": "s3:*"}, "action"),
        ({"action": ""}, "action"),
        ({"action": None}, "action"),
        ({"resource": ""}, "resource"),
        ({"resource": 1}, "resource"),
        ({"context": []}, "context"),
        ({"context": {"": 1}}, "context"),
        ({"context": {"a:b": {"c": 1}}}, "context.a:b"),
        ({"context": {"a:b": [None]}}, "context.a:b"),
        ({"context": {"a:b": 1, "A:B": 2}}, "context.A:B"),
        ({"account": "12"}, "account"),
        ({"account": 111122223333}, "account"),
    ],
)
def test_malformed_request(changes: dict[str, Any], field: str) -> None:
    values: dict[str, Any] = {"action": "s3:GetObject", "resource": "*", "context": {}, "account": None, **changes}
    with pytest.raises(RequestError) as caught:
        Request(USER, values["action"], values["resource"], values["context"], account=values["account"])
    assert caught.value.field == field
