"""AWS Signature Version 4: reading what a request presents, and checking it against a secret.

The rules are those of "Create a signed AWS API request" (IAM User Guide) and of "Authenticating Requests (AWS
Signature Version 4)" (Amazon S3 API Reference). Nothing here knows where secrets are kept.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, unquote

from orchestrator.embedded.gateway.http import split_query

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"

#: How far a request's clock may be from ours, in either direction.
MAX_SKEW = timedelta(minutes=15)
#: The longest life of a presigned URL, in seconds: seven days.
MAX_EXPIRES_S = 604_800

ProblemKind = Literal[
    "incomplete", "mismatch", "skewed", "expired", "unknown-key", "bad-token", "expired-token", "unsigned-header"
]


class SignatureError(Exception):
    """Why a signature is not accepted.

    Args:
        kind: the class of the fault, from which each service's own error code is made.
        message: what is wrong; never the right signature or the secret.
    """

    def __init__(self, kind: ProblemKind, message: str) -> None:
        super().__init__(message)
        self.kind: ProblemKind = kind
        self.message = message


@dataclass(frozen=True)
class Presented:
    """What a request claims about its signer.

    Attributes:
        access_key_id: the key that signed.
        date: the scope's day, `YYYYMMDD`.
        region: the scope's region.
        service: the scope's service (its signing name).
        signed_headers: lower-case names, in the order given.
        signature: 64 hexadecimal digits.
        moment: when it was signed.
        timestamp: the same, as it was written.
        expires_s: seconds that a presigned URL lives, None for a signature in a header.
        session_token: for temporary credentials.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    moment: datetime
    timestamp: str
    expires_s: int | None = None
    session_token: str | None = None

    @property
    def scope(self) -> str:
        """The credential scope without the access key."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"

    @property
    def presigned(self) -> bool:
        """Whether the signature stands in the query string."""
        return self.expires_s is not None


def present(headers: Mapping[str, str], query: Mapping[str, str]) -> Presented | None:
    """Read the signature of a request from its header or its query string.

    Args:
        headers: by lower-case name.
        query: decoded.

    Returns:
        None when the request carries no Signature Version 4 at all.

    Raises:
        SignatureError: it carries one that is incomplete or malformed.
    """
    authorization = headers.get("authorization", "")
    if authorization.startswith(ALGORITHM):
        return _from_header(authorization, headers)
    if query.get("X-Amz-Algorithm") == ALGORITHM:
        return _from_query(query)
    if authorization.startswith("AWS4-") or "X-Amz-Algorithm" in query:
        raise SignatureError("incomplete", f"The only supported signing algorithm is {ALGORITHM}.")
    return None


def _from_header(authorization: str, headers: Mapping[str, str]) -> Presented:
    fields: dict[str, str] = {}
    for part in authorization[len(ALGORITHM) :].replace(",", " ").split():
        name, _, value = part.partition("=")
        fields[name] = value
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not fields.get(name):
            raise SignatureError("incomplete", f"Authorization header requires '{name}' parameter.")
    timestamp = headers.get("x-amz-date") or headers.get("date") or ""
    return _presented(
        fields["Credential"],
        fields["SignedHeaders"],
        fields["Signature"],
        timestamp,
        None,
        headers.get("x-amz-security-token"),
    )


def _from_query(query: Mapping[str, str]) -> Presented:
    for name in ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires"):
        if not query.get(name):
            raise SignatureError("incomplete", f"Query-string authentication requires the {name} parameter.")
    try:
        expires = int(query["X-Amz-Expires"])
    except ValueError:
        expires = -1
    if not 0 <= expires <= MAX_EXPIRES_S:
        raise SignatureError("incomplete", f"X-Amz-Expires must be a number between 0 and {MAX_EXPIRES_S} seconds.")
    return _presented(
        query["X-Amz-Credential"],
        query["X-Amz-SignedHeaders"],
        query["X-Amz-Signature"],
        query["X-Amz-Date"],
        expires,
        query.get("X-Amz-Security-Token"),
    )


def _presented(
    credential: str, signed_headers: str, signature: str, timestamp: str, expires_s: int | None, token: str | None
) -> Presented:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        raise SignatureError("incomplete", "Credential must be access-key/date/region/service/aws4_request.")
    try:
        moment = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise SignatureError("incomplete", "The request's date must be like 20260131T235959Z.") from error
    if parts[1] != timestamp[:8]:
        raise SignatureError(
            "mismatch", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date."
        )
    names = tuple(signed_headers.lower().split(";"))
    if "host" not in names:
        raise SignatureError("incomplete", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    return Presented(
        access_key_id=parts[0],
        date=parts[1],
        region=parts[2],
        service=parts[3],
        signed_headers=names,
        signature=signature,
        moment=moment,
        timestamp=timestamp,
        expires_s=expires_s,
        session_token=token,
    )


def check_time(presented: Presented, now: datetime) -> None:
    """Refuse a request from too long ago, from the future, or past its expiry.

    Raises:
        SignatureError: kind `skewed` or `expired`.
    """
    if presented.moment - now > MAX_SKEW:
        raise SignatureError("skewed", "The difference between the request time and the current time is too large.")
    if presented.expires_s is not None:
        if now > presented.moment + timedelta(seconds=presented.expires_s):
            raise SignatureError("expired", "Request has expired")
    elif now - presented.moment > MAX_SKEW:
        raise SignatureError("skewed", "The difference between the request time and the current time is too large.")


def check_signature(
    presented: Presented,
    secret: str,
    *,
    method: str,
    raw_path: str,
    raw_query: str,
    headers: Mapping[str, str],
    payload_hash: str,
    omit_query: frozenset[str] = frozenset(),
) -> None:
    """Compare the presented signature with the one that the secret makes, in constant time.

    Args:
        presented: from `present`.
        secret: the secret access key.
        method: the HTTP method.
        raw_path: the path as sent.
        raw_query: the query string as sent.
        headers: by lower-case name, as sent.
        payload_hash: SHA-256 of the payload in hexadecimal, or one of the constants that stand for it.
        omit_query: query parameters that were added after signing.

    Raises:
        SignatureError: kind `mismatch`.
    """
    canonical = canonical_request(
        presented,
        method=method,
        raw_path=raw_path,
        raw_query=raw_query,
        headers=headers,
        payload_hash=payload_hash,
        omit_query=omit_query,
    )
    text = "\n".join((ALGORITHM, presented.timestamp, presented.scope, _sha256(canonical)))
    key = signing_key(secret, presented.date, presented.region, presented.service)
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), presented.signature.encode()):
        raise SignatureError(
            "mismatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method.",
        )


def canonical_request(
    presented: Presented,
    *,
    method: str,
    raw_path: str,
    raw_query: str,
    headers: Mapping[str, str],
    payload_hash: str,
    omit_query: frozenset[str] = frozenset(),
) -> str:
    """Build the canonical form that is hashed; S3's path is encoded once, every other service's twice."""
    omitted = omit_query | {"X-Amz-Signature"} if presented.presigned else omit_query
    pairs = sorted((_encode(name), _encode(value)) for name, value in split_query(raw_query) if name not in omitted)
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in presented.signed_headers]
    return "\n".join(
        (
            method,
            canonical_path(raw_path, presented.service),
            "&".join(f"{name}={value}" for name, value in pairs),
            *lines,
            "",
            ";".join(presented.signed_headers),
            payload_hash,
        )
    )


def canonical_path(raw_path: str, service: str) -> str:
    """Return the canonical URI of a path as it was sent."""
    if service in {"s3", "s3express", "s3-outposts"}:
        return quote(unquote(raw_path, errors="surrogateescape"), safe="/-_.~", errors="surrogateescape") or "/"
    return quote(_normalized(raw_path), safe="/-_.~")


def _normalized(path: str) -> str:
    """Remove empty, `.` and `..` segments (RFC 3986, section 5.2.4), as every service but S3 does."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in {"", "."}:
            kept.append(segment)
    trailing = "/" if path.endswith("/") and kept else ""
    return "/" + "/".join(kept) + trailing


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")


def _sha256(text: str) -> str:
    # Header values arrive as ISO 8859-1 text; the bytes that were signed are the same ones.
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError:
        data = text.encode()
    return hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=256)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Derive the key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
