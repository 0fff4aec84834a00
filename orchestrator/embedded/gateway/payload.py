"""What a request's body really is: payload hashes, S3's signed and unsigned chunks, and checksums.

The forms are those of "Signature Calculations for the Authorization Header: Transferring a Payload in Multiple
Chunks", "Including trailing headers" (Amazon S3 API Reference) and "Checking object integrity" (User Guide).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.embedded.gateway import sigv4
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.gateway.sigv4 import Presented, SignatureError

_STREAMING = "STREAMING-"
_SIGNED = frozenset({"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"})
_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
#: A trailer is no part of what was authorized, so it may say nothing but what the payload's checksum is.
_TRAILERS = ("x-amz-checksum-", "x-amz-trailer-signature")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class Payload:
    """A body without its wrapping.

    Attributes:
        body: what the client wants to send.
        trailers: the trailing headers by lower-case name.
        chunked: the body was wrapped in chunks of the signing protocol.
    """

    body: bytes
    trailers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False


def payload_hash(headers: Mapping[str, str], query: Mapping[str, str], body: bytes, presented: Presented) -> str:
    """Return what stands for the payload in the canonical request.

    Raises:
        AwsError: the body does not have the hash that the header claims (S3's XAmzContentSHA256Mismatch).
    """
    is_s3 = presented.service in {"s3", "s3express"}
    claimed = headers.get("x-amz-content-sha256") or query.get("X-Amz-Content-Sha256")
    if claimed is None:
        if presented.presigned and is_s3:
            return sigv4.UNSIGNED_PAYLOAD
        return hashlib.sha256(body).hexdigest()
    if claimed == sigv4.UNSIGNED_PAYLOAD or claimed.startswith(_STREAMING):
        if not is_s3 and claimed != sigv4.UNSIGNED_PAYLOAD:
            raise AwsError("InvalidRequest", f"{claimed} is only possible with Amazon S3.")
        return claimed
    if not _SHA256.fullmatch(claimed):
        raise AwsError(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD or a valid sha256 value.",
        )
    if not hmac.compare_digest(hashlib.sha256(body).hexdigest(), claimed.lower()):
        raise AwsError(
            "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed."
        )
    return claimed


def unwrap(headers: Mapping[str, str], body: bytes, presented: Presented | None, secret: str | None) -> Payload:
    """Take a body out of the chunks it was sent in, and check their signatures.

    Args:
        headers: by lower-case name.
        body: as sent.
        presented: the request's own signature; None for an anonymous request.
        secret: the signer's secret; None for an anonymous request.

    Raises:
        AwsError: the chunks are malformed or shorter than announced.
        SignatureError: a chunk or the trailer is not signed as it must be.
    """
    form = headers.get("x-amz-content-sha256", "")
    if not form.startswith(_STREAMING):
        return Payload(body)
    if form in _SIGNED:
        if presented is None or secret is None:
            raise SignatureError("incomplete", "A signed payload needs a signed request.")
        payload = _Chunks(body, _ChunkSigner(presented, secret)).read()
    elif form == _UNSIGNED_TRAILER:
        payload = _Chunks(body, None).read()
    else:
        raise AwsError("NotImplemented", f"The payload form {form} is not available in the embedded cloud.", 501)
    announced = headers.get("x-amz-decoded-content-length")
    if announced is not None and announced != str(len(payload.body)):
        raise AwsError("IncompleteBody", "The request body terminated unexpectedly")
    return payload


class _ChunkSigner:
    """The chain of signatures that begins with the request's own."""

    def __init__(self, presented: Presented, secret: str) -> None:
        self._key = sigv4.signing_key(secret, presented.date, presented.region, presented.service)
        self._presented = presented
        self._previous = presented.signature

    def check(self, kind: str, data: bytes, signature: str) -> None:
        digests = [hashlib.sha256(data).hexdigest()]
        if kind == "PAYLOAD":
            digests.insert(0, sigv4.EMPTY_SHA256)
        text = "\n".join(
            (
                f"{sigv4.ALGORITHM}-{kind}",
                self._presented.timestamp,
                self._presented.scope,
                self._previous,
                *digests,
            )
        )
        expected = hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise SignatureError("mismatch", "The signature of a chunk does not match the signature we calculated.")
        self._previous = expected


class _Chunks:
    """A reader of `size[;chunk-signature=...]` chunks and the trailing headers behind them."""

    def __init__(self, data: bytes, signer: _ChunkSigner | None) -> None:
        self._data, self._at, self._signer = data, 0, signer

    def _line(self) -> bytes:
        end = self._data.find(b"\n", self._at)
        if end < 0:
            line, self._at = self._data[self._at :], len(self._data)
        else:
            line, self._at = self._data[self._at : end], end + 1
        return line.rstrip(b"\r")

    def read(self) -> Payload:
        parts: list[bytes] = []
        while True:
            head, _, extension = self._line().partition(b";")
            try:
                size = int(head, 16)
            except ValueError as error:
                raise AwsError("IncompleteBody", "A chunk of the body has no valid size.") from error
            chunk = self._data[self._at : self._at + size]
            if size < 0 or len(chunk) != size:
                raise AwsError("IncompleteBody", "The request body terminated unexpectedly")
            self._at += size
            if self._signer is not None:
                name, _, signature = extension.partition(b"=")
                if name.strip() != b"chunk-signature":
                    raise SignatureError("incomplete", "A chunk carries no chunk-signature.")
                self._signer.check("PAYLOAD", chunk, signature.strip().decode("latin-1"))
            if size == 0:
                return Payload(b"".join(parts), self._trailers(), chunked=True)
            parts.append(chunk)
            self._line()  # the line end that closes the chunk

    def _trailers(self) -> dict[str, str]:
        trailers: dict[str, str] = {}
        while self._at < len(self._data):
            line = self._line()
            if line:
                name, _, value = line.decode("latin-1").partition(":")
                if not name.strip().lower().startswith(_TRAILERS):
                    raise AwsError(
                        "MalformedTrailerError",
                        "The request contained trailing data that was not well-formed or did not conform to our "
                        "published schema.",
                    )
                trailers[name.strip().lower()] = value.strip()
        signature = trailers.pop("x-amz-trailer-signature", None)
        if self._signer is not None and trailers:
            if signature is None:
                raise SignatureError("incomplete", "The trailing headers carry no x-amz-trailer-signature.")
            canonical = "".join(f"{name}:{value}\n" for name, value in trailers.items())
            self._signer.check("TRAILER", canonical.encode("latin-1"), signature)
        return trailers


def check_integrity(headers: Mapping[str, str], body: bytes) -> None:
    """Compare the body with the checksums that the headers (or trailers) give.

    CRC-32C and CRC-64/NVME are passed on unchecked: Python has neither, and computing them bytewise would make
    uploads slow.

    Raises:
        AwsError: S3's BadDigest or InvalidDigest.
    """
    md5 = headers.get("content-md5")
    if md5 is not None:
        try:
            claimed = base64.b64decode(md5, validate=True)
        except (binascii.Error, ValueError):
            claimed = b""
        if len(claimed) != 16:
            raise AwsError("InvalidDigest", "The Content-MD5 you specified is not valid.")
        if hashlib.md5(body, usedforsecurity=False).digest() != claimed:
            raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    for name, digest in (("crc32", _crc32), ("sha1", _sha1), ("sha256", _sha256)):
        value = headers.get(f"x-amz-checksum-{name}")
        if value is not None and base64.b64encode(digest(body)).decode() != value:
            raise AwsError("BadDigest", f"The {name.upper()} you specified did not match the calculated checksum.")


def _crc32(body: bytes) -> bytes:
    return zlib.crc32(body).to_bytes(4, "big")


def _sha1(body: bytes) -> bytes:
    return hashlib.sha1(body, usedforsecurity=False).digest()


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
