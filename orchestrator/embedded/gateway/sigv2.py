"""AWS Signature Version 2 in the query string of S3 URLs, which SDKs still presign with for custom endpoints.

The rules are those of "Signing and authenticating REST requests (AWS signature version 2)" (Amazon S3 User Guide).
The header form is not accepted: no current SDK sends it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from orchestrator.embedded.gateway.http import split_query
from orchestrator.embedded.gateway.sigv4 import SignatureError

#: Query parameters that are part of the signed resource.
_SUBRESOURCES = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    }
)


@dataclass(frozen=True)
class PresentedV2:
    """What a presigned URL claims: the key, the signature, the expiry in seconds since the epoch, the token."""

    access_key_id: str
    signature: str
    expires: int
    session_token: str | None


def present(query: Mapping[str, str]) -> PresentedV2 | None:
    """Read a presigned URL's parameters; None when there are none.

    Raises:
        SignatureError: they are incomplete.
    """
    if "AWSAccessKeyId" not in query:
        return None
    try:
        return PresentedV2(
            query["AWSAccessKeyId"], query["Signature"], int(query["Expires"]), query.get("x-amz-security-token")
        )
    except (KeyError, ValueError) as error:
        raise SignatureError(
            "incomplete", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        ) from error


def check(
    presented: PresentedV2,
    secret: str,
    *,
    method: str,
    raw_path: str,
    raw_query: str,
    headers: Mapping[str, str],
    now: datetime,
) -> None:
    """Check expiry and signature.

    Raises:
        SignatureError: kind `expired` or `mismatch`.
    """
    if now > datetime.fromtimestamp(presented.expires, UTC):
        raise SignatureError("expired", "Request has expired")
    amz = {name: value.strip() for name, value in headers.items() if name.startswith("x-amz-")}
    if presented.session_token is not None:
        amz["x-amz-security-token"] = presented.session_token
    resource = raw_path
    signed = sorted((name, value, raw) for name, value, raw in _pairs(raw_query) if name in _SUBRESOURCES)
    if signed:
        resource += "?" + "&".join(f"{name}={value}" if "=" in raw else name for name, value, raw in signed)
    text = "\n".join(
        (
            method,
            headers.get("content-md5", "").strip(),
            headers.get("content-type", "").strip(),
            str(presented.expires),
            *(f"{name}:{amz[name]}" for name in sorted(amz)),
            resource,
        )
    )
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    if not hmac.compare_digest(base64.b64encode(digest), presented.signature.encode()):
        raise SignatureError(
            "mismatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )


def _pairs(raw_query: str) -> list[tuple[str, str, str]]:
    raw = [part for part in raw_query.split("&") if part]
    return [(name, value, part) for (name, value), part in zip(split_query(raw_query), raw, strict=True)]
