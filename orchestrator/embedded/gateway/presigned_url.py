"""Presigned URLs that are not requests to us: a URL alone, such as an MSK IAM token, read and checked."""

from __future__ import annotations

from urllib.parse import urlsplit

from orchestrator.embedded.gateway import sigv4
from orchestrator.embedded.gateway.http import split_query


def present_url(url: str) -> sigv4.Presented | None:
    """Read the signature of a presigned URL; see `sigv4.present`."""
    return sigv4.present({}, dict(split_query(urlsplit(url).query)))


def check_url_signature(
    presented: sigv4.Presented, secret: str, url: str, *, omit_query: frozenset[str] = frozenset()
) -> None:
    """Check the signature of a presigned GET URL whose payload is empty and whose only signed header is Host.

    An MSK IAM token is such a URL; its signer appends `User-Agent` after signing, which is to be omitted.

    Raises:
        SignatureError: kind `mismatch`.
    """
    parts = urlsplit(url)
    sigv4.check_signature(
        presented,
        secret,
        method="GET",
        raw_path=parts.path or "/",
        raw_query=parts.query,
        headers={"host": parts.netloc},
        payload_hash=sigv4.EMPTY_SHA256,
        omit_query=omit_query,
    )
