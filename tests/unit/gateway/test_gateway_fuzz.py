"""Malformed requests, policies and tokens against the gateway in process: nothing crashes, nothing is let in.

The suite runs a few hundred examples; `make fuzz` runs 10,000 (EPHK_FUZZ_EXAMPLES for each property).
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts.wire.msk_iam import payload
from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse, lower_headers, split_query
from tests.unit.gateway.conftest import PORT, Desk, allow
from tests.unit.gateway.test_authority import CLUSTER, ask, token_of

EXAMPLES = os.environ.get("EPHK_FUZZ_EXAMPLES", "")
FUZZ = settings(
    max_examples=int(EXAMPLES or 50),
    derandomize=not EXAMPLES,  # the suite is the same every time; a fuzz run looks elsewhere each time
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
#: The answer to a fault of our own; an operation that is not there answers 501.
CRASH = 500

HOST = f"127.0.0.1:{PORT}"
METHODS = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"])
TEXT = st.text(st.characters(codec="latin-1"), max_size=40)
PATHS = st.one_of(
    st.sampled_from(
        ["/", "//", "/v1/clusters", "/api/v2/clusters", "/bucket/key", "/%00", "/%zz", "/..", "/_ephk/", "/?"]
    ),
    TEXT.map(lambda text: "/" + quote(text, safe="%/")),
)
QUERIES = st.one_of(
    st.just(""),
    st.sampled_from(
        ["policy", "acl", "Action=CreateUser&UserName=eve&Version=2010-05-08", "X-Amz-Expires=9", "a=%zz&&=;"]
    ),
    TEXT.map(lambda text: quote(text, safe="=&%")),
)
NAMES = st.sampled_from(
    [
        "authorization", "x-amz-date", "x-amz-target", "content-type", "x-amz-content-sha256", "x-amz-security-token",
        "x-amz-decoded-content-length", "content-encoding", "smithy-protocol", "x-amz-trailer", "expect", "date",
        "x-ephk-authority-token", "content-md5", "transfer-encoding", "range", "x-amz-acl",
    ]
)  # fmt: skip
VALUES = st.one_of(
    TEXT,
    st.sampled_from(
        [
            "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=", "Basic eDp5", "AWS a:b",
            "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=00",
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "UNSIGNED-PAYLOAD", "aws-chunked", "rpc-v2-cbor", "-1", "1e999",
            "application/x-www-form-urlencoded", "AWSEvents.PutRule", "20260101T000000Z", "bytes=0-", "public-read",
        ]
    ),
)  # fmt: skip
HEADERS = st.dictionaries(NAMES, VALUES, max_size=5)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"{", b"[]", b"{}", b"<a/>", b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"a" * 4000,
            b"Action=CreateUser&UserName=eve", b"Action=AssumeRoleWithWebIdentity&RoleArn=a&WebIdentityToken=b.c.d",
            b"5;chunk-signature=0\r\nhello\r\n0\r\n\r\n", b'{"Name":"eve"}', b"\x00\xff", b"[" * 3000,
        ]
    ),
)  # fmt: skip


def let_in(answer: HttpResponse) -> bool:
    return answer.status < 400


def census(desk: Desk) -> tuple[Any, ...]:
    """Return what there is: nothing of it may change by what is not let in."""
    iam = desk.context.moto.backend("iam", "aws")
    s3 = desk.context.moto.backend("s3", "aws")
    secrets = desk.context.moto.backend("secretsmanager").secrets
    return sorted(iam.users), sorted(iam.roles), sorted(s3.buckets), len(list(secrets)), len(desk.kafka.calls)


@FUZZ
@given(method=METHODS, path=PATHS, query=QUERIES, headers=HEADERS, body=BODIES, secure=st.booleans())
@example("POST", "/", "", {"content-type": "application/x-www-form-urlencoded"}, b"Action=CreateUser&UserName=e", True)
@example("GET", "/_ephk/authority/authorize", "", {}, b"{}", False)
@example("PUT", "/fuzzed-bucket", "", {"authorization": "AWS4-HMAC-SHA256"}, b"", True)
def test_a_request_without_a_signature(
    desk: Desk, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, secure: bool
) -> None:
    before = census(desk)
    answer = desk.gateway(HttpRequest(method, path, query, {"host": HOST, **headers}, body, secure))
    assert answer.status != CRASH, answer.body
    assert not let_in(answer), answer.status
    assert census(desk) == before


@pytest.fixture(scope="session")
def nobody(desk: Desk) -> Credentials:
    """A role that may call nothing."""
    return desk.assume(desk.role("fuzz-nobody", allow("none:Nothing")))


class FuzzedRole:
    """A role that may call nothing, with a session of it."""

    def __init__(self, desk: Desk, name: str) -> None:
        self.name = name
        self.arn = desk.role(name, allow("none:Nothing"))
        self.credentials = desk.assume(self.arn)


_made: dict[tuple[int, str], Any] = {}


def once(desk: Desk, what: str, make: Callable[[], Any]) -> Any:
    """Make something once for a desk, since a property runs many times within one test."""
    if (id(desk), what) not in _made:
        _made[id(desk), what] = make()
    return _made[id(desk), what]


def fuzzed_role(desk: Desk) -> FuzzedRole:
    role: FuzzedRole = once(desk, "role", lambda: FuzzedRole(desk, "fuzz-policies"))
    return role


def fuzzed_bucket(desk: Desk) -> str:
    return str(once(desk, "bucket", desk.bucket))


def fuzzed_signer(desk: Desk) -> Credentials:
    role = desk.role
    made: Credentials = once(
        desk, "signer", lambda: desk.assume(role("fuzz-signer", allow("kafka-cluster:Connect", "*")))
    )
    return made


FORM = "application/x-www-form-urlencoded"
SERVICES = st.sampled_from(
    ["iam", "s3", "kafka", "secretsmanager", "kms", "ec2", "logs", "sts", "tagging", "nothing", ""]
)
#: Whoever has valid credentials may ask who they are ("GetCallerIdentity", STS API Reference).
HARMLESS = ("GetCallerIdentity", "GetAccessKeyInfo", "GetSessionToken")


def sign(
    credentials: Credentials, service: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
) -> dict[str, str]:
    url = f"https://{HOST}{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    return lower_headers((name, str(value)) for name, value in request.headers.items()) | {"host": HOST}


@FUZZ
@given(service=SERVICES, method=METHODS, path=PATHS, query=QUERIES, headers=HEADERS, body=BODIES)
@example("kafka", "POST", "/v1/clusters", "", {}, b"[" * 3000)
@example("secretsmanager", "POST", "/", "", {"x-amz-target": "secretsmanager.ListSecrets"}, b"[" * 3000)
def test_a_signed_request_of_somebody_without_permissions(
    desk: Desk,
    nobody: Credentials,
    service: str,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
) -> None:
    before = census(desk)
    plain = {
        n: v for n, v in headers.items() if n not in {"authorization", "x-amz-date", "x-amz-security-token", "date"}
    }
    signed = sign(nobody, service, method, path, query, plain, body)
    answer = desk.gateway(HttpRequest(method, path, query, signed, body, True))
    assert answer.status != CRASH, answer.body
    assert not let_in(answer) or any(name.encode() in body + query.encode() for name in HARMLESS), answer.body
    assert census(desk) == before


def canonical(where: str, text: str) -> Any:
    """Return what a signature covers of a part: some differences are none ("Create a canonical request", IAM guide)."""
    if where == "path":
        return re.sub("/+", "/", text)
    if where == "query":
        return sorted(split_query(text))
    return text if where == "body" else " ".join(text.split()).replace(", ", ",").lower()


@FUZZ
@given(
    where=st.sampled_from(["path", "query", "body", "host", "x-amz-date", "authorization"]),
    at=st.integers(0, 200),
    put=st.sampled_from(list("aZ09/%&=;+ \x00\xe9")),
)
def test_a_signature_covers_what_is_signed(desk: Desk, where: str, at: int, put: str) -> None:
    body = b"Action=CreateUser&UserName=eve&Version=2010-05-08"
    headers = sign(desk.administrator, "iam", "POST", "/", "a=b", {"content-type": FORM}, body)
    parts = {"path": "/", "query": "a=b", "body": body.decode(), **headers}
    text = parts[where]
    position = at % (len(text) + 1) if where != "path" else 1
    parts[where] = text[:position] + put + text[position + 1 :]
    if canonical(where, parts[where]) == canonical(where, text):
        return
    changed = {name: parts[name] for name in headers}
    before = census(desk)
    answer = desk.gateway(
        HttpRequest("POST", parts["path"], parts["query"], changed, parts["body"].encode("latin-1"), True)
    )
    assert answer.status != CRASH, answer.body
    assert not let_in(answer), (where, parts[where], answer.body)
    assert census(desk) == before


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
def test_a_policy_without_a_permission_permits_nothing(desk: Desk, text: str) -> None:
    """The texts go past the validation of PutRolePolicy, as those of another tool might."""
    role = fuzzed_role(desk)
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
def test_a_policy_that_is_put_crashes_nothing(desk: Desk, text: str) -> None:
    role, bucket = fuzzed_role(desk), fuzzed_bucket(desk)
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
    desk: Desk, edits: list[tuple[int, str]], made_up: str | None
) -> None:
    signer = fuzzed_signer(desk)
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
