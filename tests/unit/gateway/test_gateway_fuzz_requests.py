"""Malformed and unsigned requests against the gateway in process: nothing crashes it, nothing is let in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.embedded.gateway.http import HttpRequest, lower_headers, split_query
from tests.unit.gateway.conftest import PORT, Desk, allow
from tests.unit.gateway.fuzzing import CRASH, FUZZ, TEXT, let_in

HOST = f"127.0.0.1:{PORT}"
METHODS = st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"])
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
