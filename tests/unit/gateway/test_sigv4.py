from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from orchestrator.embedded.gateway import payload, presigned_url, sigv2, sigv4
from orchestrator.embedded.gateway.http import lower_headers, split_query
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.gateway.sigv4 import SignatureError

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEY = "AKIAIOSFODNN7EXAMPLE"


def signed(
    signer: type,
    service: str,
    url: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> tuple[str, str, dict[str, str]]:
    """Sign with botocore; return raw path, raw query and headers as a server sees them."""
    request = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    signer(Credentials(KEY, SECRET), service, "us-east-1").add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    seen = lower_headers((k, v if isinstance(v, str) else v.decode()) for k, v in prepared.headers.items())
    seen.setdefault("host", parts.netloc)
    return parts.path or "/", parts.query, seen


def check(
    path: str, query: str, headers: dict[str, str], *, method: str = "GET", body: bytes = b"", secret: str = SECRET
) -> None:
    decoded = dict(split_query(query))
    presented = sigv4.present(headers, decoded)
    assert presented is not None
    sigv4.check_time(presented, datetime.now(UTC))
    digest = payload.payload_hash(headers, decoded, body, presented)
    sigv4.check_signature(
        presented, secret, method=method, raw_path=path, raw_query=query, headers=headers, payload_hash=digest
    )


CASES = [
    (SigV4Auth, "kafka", "https://127.0.0.1:1/v1/clusters/arn%3Aaws%3Akafka%3Aus-east-1%3A1%3Acluster%2Fa%2Fb"),
    (SigV4Auth, "kafka", "https://127.0.0.1:1/v1/clusters?maxResults=5&nextToken=a%2Bb%3D"),
    (SigV4Auth, "iam", "https://127.0.0.1:1/"),
    (SigV4Auth, "ec2", "https://127.0.0.1:1//a/./b/../c/"),
    (S3SigV4Auth, "s3", "https://127.0.0.1:1/bucket/a%20b/%C3%BC%2Bc.txt"),
    (S3SigV4Auth, "s3", "https://127.0.0.1:1/bucket//double//../slash"),
    (S3SigV4Auth, "s3", "https://127.0.0.1:1/bucket?list-type=2&prefix=a%2Fb&delimiter="),
    (S3SigV4Auth, "s3", "https://127.0.0.1:1/bucket?policy"),
]


@pytest.mark.parametrize(("signer", "service", "url"), CASES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_accepts_what_botocore_signs(signer: type, service: str, url: str, method: str) -> None:
    body = b"Action=x" if method == "POST" else b""
    path, query, headers = signed(signer, service, url, method=method, body=body)
    check(path, query, headers, method=method, body=body)


@pytest.mark.parametrize(("signer", "service", "url"), CASES)
def test_refuses_another_secret(signer: type, service: str, url: str) -> None:
    path, query, headers = signed(signer, service, url)
    with pytest.raises(SignatureError) as caught:
        check(path, query, headers, secret=SECRET[:-1])
    assert caught.value.kind == "mismatch"
    assert SECRET not in caught.value.message


@pytest.mark.parametrize("change", ["path", "query", "header", "method", "body"])
def test_refuses_any_change(change: str) -> None:
    path, query, headers = signed(
        SigV4Auth, "kms", "https://h/a?b=c", method="POST", body=b"{}", headers={"X-Amz-Target": "T.A"}
    )
    body, method = b"{}", "POST"
    if change == "path":
        path = "/other"
    elif change == "query":
        query = "b=d"
    elif change == "header":
        headers["x-amz-target"] = "T.B"
    elif change == "method":
        method = "PUT"
    else:
        body = b"{ }"
    with pytest.raises(SignatureError, match="does not match"):
        check(path, query, headers, method=method, body=body)


def test_accepts_a_presigned_url_and_refuses_a_longer_life() -> None:
    request = AWSRequest(method="GET", url="https://h/bucket/key", params={"a": "b c"})
    SigV4QueryAuth(Credentials(KEY, SECRET, "token+/="), "sts", "us-east-1", expires=60).add_auth(request)
    url = request.prepare().url
    presented = presigned_url.present_url(url)
    assert presented is not None
    assert (presented.expires_s, presented.session_token) == (60, "token+/=")
    presigned_url.check_url_signature(presented, SECRET, url)
    longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    with pytest.raises(SignatureError):
        presigned_url.check_url_signature(presigned_url.present_url(longer), SECRET, longer)  # type: ignore[arg-type]


def test_what_was_appended_after_signing_is_omitted_only_when_asked() -> None:
    request = AWSRequest(method="GET", url="https://h/")
    SigV4QueryAuth(Credentials(KEY, SECRET), "kafka-cluster", "us-east-1", expires=60).add_auth(request)
    url = request.prepare().url + "&User-Agent=signer%2F1"
    presented = presigned_url.present_url(url)
    assert presented is not None
    presigned_url.check_url_signature(presented, SECRET, url, omit_query=frozenset({"User-Agent"}))
    with pytest.raises(SignatureError):
        presigned_url.check_url_signature(presented, SECRET, url)


@pytest.mark.parametrize(
    ("age", "kind"),
    [(timedelta(minutes=16), "skewed"), (-timedelta(minutes=16), "skewed"), (timedelta(minutes=14), None)],
)
def test_clock(age: timedelta, kind: str | None) -> None:
    _, _, headers = signed(SigV4Auth, "sts", "https://h/")
    presented = sigv4.present(headers, {})
    assert presented is not None
    moment = presented.moment + age
    if kind is None:
        sigv4.check_time(presented, moment)
        return
    with pytest.raises(SignatureError) as caught:
        sigv4.check_time(presented, moment)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3/aws4_request, SignedHeaders=host",
        "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3/aws4_request, SignedHeaders=x-amz-date, Signature=0",
        "AWS4-ECDSA-P256-SHA256 Credential=A/20260101/s3/aws4_request, SignedHeaders=host, Signature=0",
    ],
)
def test_malformed(authorization: str) -> None:
    with pytest.raises(SignatureError) as caught:
        sigv4.present({"authorization": authorization, "x-amz-date": "20260101T000000Z"}, {})
    assert caught.value.kind == "incomplete"


def test_no_signature_is_not_an_error() -> None:
    assert sigv4.present({}, {}) is None
    assert sigv4.present({"authorization": "Basic abc"}, {}) is None


# "Transferring Payload in Multiple Chunks", Amazon S3 API Reference: the published example and its signatures.
CHUNKED_HEADERS = {
    "host": "s3.amazonaws.com",
    "x-amz-date": "20130524T000000Z",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "content-encoding": "aws-chunked",
    "x-amz-decoded-content-length": "66560",
    "content-length": "66824",
    "authorization": (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
        "x-amz-decoded-content-length;x-amz-storage-class,"
        "Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    ),
}
CHUNKED_BODY = (
    b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
    + b"a" * 65536
    + b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n"
    + b"a" * 1024
    + b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
)


def test_the_published_chunked_upload() -> None:
    presented = sigv4.present(CHUNKED_HEADERS, {})
    assert presented is not None
    sigv4.check_signature(
        presented,
        SECRET,
        method="PUT",
        raw_path="/examplebucket/chunkObject.txt",
        raw_query="",
        headers=CHUNKED_HEADERS,
        payload_hash=payload.payload_hash(CHUNKED_HEADERS, {}, CHUNKED_BODY, presented),
    )
    found = payload.unwrap(CHUNKED_HEADERS, CHUNKED_BODY, presented, SECRET)
    assert found.body == b"a" * 66560
    assert found.chunked


def test_a_changed_chunk_is_refused() -> None:
    presented = sigv4.present(CHUNKED_HEADERS, {})
    with pytest.raises(SignatureError, match="chunk"):
        payload.unwrap(CHUNKED_HEADERS, CHUNKED_BODY.replace(b"\r\naaa", b"\r\naba", 1), presented, SECRET)


@pytest.mark.parametrize("cut", [10, 100, 66000])
def test_a_short_chunked_body_is_refused(cut: int) -> None:
    presented = sigv4.present(CHUNKED_HEADERS, {})
    with pytest.raises((AwsError, SignatureError)):
        payload.unwrap(CHUNKED_HEADERS, CHUNKED_BODY[:-cut], presented, SECRET)


def test_unsigned_chunks_with_a_trailer() -> None:
    headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "5"}
    found = payload.unwrap(headers, b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", None, None)
    assert (found.body, dict(found.trailers)) == (b"hello", {"x-amz-checksum-crc32": "NhCmhg=="})
    payload.check_integrity(dict(found.trailers), found.body)
    with pytest.raises(AwsError, match="CRC32"):
        payload.check_integrity(dict(found.trailers), b"hallo")


def test_a_payload_that_is_not_what_was_hashed() -> None:
    _, _, headers = signed(S3SigV4Auth, "s3", "https://h/b/k", method="PUT", body=b"one")
    headers["x-amz-content-sha256"] = hashlib.sha256(b"one").hexdigest()
    presented = sigv4.present(headers, {})
    assert presented is not None
    with pytest.raises(AwsError, match="XAmzContentSHA256Mismatch"):
        payload.payload_hash(headers, {}, b"two", presented)


def test_signature_version_2_in_a_query() -> None:
    import boto3

    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="https://127.0.0.1:1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )
    url = urlsplit(
        client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "a b", "VersionId": "v+1"})
    )
    presented = sigv2.present(dict(split_query(url.query)))
    assert presented is not None

    def verify(path: str, secret: str, now: datetime) -> None:
        sigv2.check(
            presented,
            secret,
            method="GET",
            raw_path=path,
            raw_query=url.query,
            headers={"host": "127.0.0.1:1"},
            now=now,
        )

    now = datetime.now(UTC)
    verify(url.path, SECRET, now)
    for path, secret, when, kind in (
        ("/b/other", SECRET, now, "mismatch"),
        (url.path, "wrong", now, "mismatch"),
        (url.path, SECRET, now + timedelta(hours=2), "expired"),
    ):
        with pytest.raises(SignatureError) as caught:
            verify(path, secret, when)
        assert caught.value.kind == kind
