"""Malformed policies, tokens and payloads against the gateway in process: nothing crashes it, nothing is let in."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.wire.msk_iam import payload
from tests.unit.gateway.conftest import Desk, allow
from tests.unit.gateway.fuzzing import CRASH, FUZZ, TEXT, let_in
from tests.unit.gateway.test_authority import CLUSTER, ask, token_of


@dataclass(frozen=True)
class FuzzedRole:
    """A role that may call nothing, with a session of it."""

    name: str
    arn: str
    credentials: Credentials


@pytest.fixture(scope="session")
def role(desk: Desk) -> FuzzedRole:
    arn = desk.role("fuzz-policies", allow("none:Nothing"))
    return FuzzedRole("fuzz-policies", arn, desk.assume(arn))


@pytest.fixture(scope="session")
def bucket(desk: Desk) -> str:
    return desk.bucket()


@pytest.fixture(scope="session")
def signer(desk: Desk) -> Credentials:
    return desk.assume(desk.role("fuzz-signer", allow("kafka-cluster:Connect")))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
#: Everything that is no permission: another word for the effect, or no effect, or another element for the action.
NO_PERMISSION = st.fixed_dictionaries(
    {},
    optional={
        "Effect": st.one_of(st.sampled_from(["Deny", "allow", "ALLOW", "Allow ", ["Allow"], None, 1]), JSON),
        "Action": st.one_of(st.just("*"), JSON),
        "NotAction": st.one_of(st.just("none:*"), JSON),
        "Resource": st.one_of(st.just("*"), JSON),
        "Condition": st.one_of(st.just({"Bool": {"aws:SecureTransport": "true"}}), JSON),
        "Principal": st.one_of(st.just("*"), JSON),
        "Sid": JSON,
    },
).filter(lambda statement: statement.get("Effect") != "Allow")
POLICIES = st.one_of(
    TEXT,
    JSON.map(json.dumps),
    st.builds(
        lambda statement, version: json.dumps({"Version": version, "Statement": statement}),
        st.one_of(NO_PERMISSION, st.lists(NO_PERMISSION, max_size=3)),
        st.one_of(st.sampled_from(["2012-10-17", "2008-10-17"]), JSON),
    ),
)


@FUZZ
@given(text=POLICIES)
def test_a_policy_without_a_permission_permits_nothing(desk: Desk, role: FuzzedRole, text: str) -> None:
    """The texts go past the validation of PutRolePolicy, as those of another tool might."""
    backend = desk.context.moto.backend("iam", "aws")
    backend.get_role(role.name).policies["p"] = text
    for answer in (
        desk.form("iam", role.credentials, Action="ListUsers"),
        desk.send("s3", "GET", "/", credentials=role.credentials),
        desk.target("secretsmanager", "secretsmanager.ListSecrets", {}, role.credentials),
    ):
        assert answer.status != CRASH, answer.body
        assert not let_in(answer), answer.body


@FUZZ
@given(text=POLICIES)
@example('{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": [null]}}')
@example('{"a": ' * 3000)
def test_a_policy_that_is_put_crashes_nothing(desk: Desk, role: FuzzedRole, bucket: str, text: str) -> None:
    put = desk.form("iam", Action="PutRolePolicy", RoleName=role.name, PolicyName="p", PolicyDocument=text or "x")
    session = desk.form("sts", Action="AssumeRole", RoleArn=role.arn, RoleSessionName="me", Policy=text or "x")
    on_bucket = desk.send("s3", "PUT", f"/{bucket}?policy", body=text.encode())
    for answer in (put, session, on_bucket):
        assert answer.status != CRASH, answer.body
    assert not let_in(desk.send("s3", "GET", f"/{bucket}/key", sign=False))
    assert not let_in(desk.form("iam", role.credentials, Action="ListUsers"))


def mutated(text: str, edits: list[tuple[int, str]]) -> str:
    for at, put in edits:
        position = at % (len(text) + 1)
        text = text[:position] + put + text[position + 1 :]
    return text


EDITS = st.lists(
    st.tuples(st.integers(0, 3000), st.sampled_from(list('aB9_-.={}[]",:/%&\x00\n'))), min_size=1, max_size=4
)


@FUZZ
@given(edits=EDITS, made_up=st.one_of(st.none(), TEXT, JSON.map(json.dumps), st.binary(max_size=80).map(str)))
def test_tokens_and_payloads_that_were_changed_or_made_up(
    desk: Desk, signer: Credentials, edits: list[tuple[int, str]], made_up: str | None
) -> None:
    token, text = token_of(signer), payload(signer, "us-east-1", "127.0.0.1")
    for field, genuine in (("token", token), ("payload", text)):
        shown = mutated(genuine, edits) if made_up is None else made_up
        answer = ask(desk, "authenticate", {"cluster_arn": CLUSTER, field: shown})
        assert answer.status in {200, 400, 403}, answer.body
        if answer.status == 200:
            assert means_the_same(field, genuine, shown), shown


def means_the_same(field: str, genuine: str, shown: str) -> bool:
    """Tell whether an edit left what is signed as it was: the user agent is not, nor is JSON's white space."""
    if field == "payload":
        first, second = json.loads(genuine), json.loads(shown)
        return {**first, "user-agent": ""} == {**second, "user-agent": ""}

    def url(token: str) -> str:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().split("&User-Agent=")[0]

    return url(genuine) == url(shown)


@FUZZ
@given(document=st.one_of(JSON, st.fixed_dictionaries({"cluster_arn": JSON, "principal_arn": JSON, "requests": JSON})))
def test_questions_of_a_broker_that_make_no_sense(desk: Desk, document: Any) -> None:
    for endpoint in ("authenticate", "authorize"):
        answer = ask(desk, endpoint, json.dumps(document).encode())
        assert answer.status in {200, 400, 403}, answer.body
        if answer.status == 200:
            assert not any(json.loads(answer.body)["allowed"])
