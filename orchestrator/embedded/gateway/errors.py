"""Errors as each AWS protocol writes them. An SDK sees its service's own exception, never an HTML page."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from orchestrator.embedded.gateway.http import HttpResponse
from orchestrator.embedded.gateway.models import Protocol, service_model
from orchestrator.embedded.gateway.service import AwsError
from orchestrator.embedded.gateway.sigv4 import ProblemKind, SignatureError

#: Error code and HTTP status by kind of fault and protocol; a protocol that is not named uses "json"'s code with 403.
#: Sources: "Common errors" of the IAM, STS and EC2 API references, "Error responses" of the Amazon S3 API Reference.
_SIGNATURE: dict[ProblemKind, dict[str, tuple[str, int]]] = {
    "unknown-key": {
        "s3": ("InvalidAccessKeyId", 403),
        "query": ("InvalidClientTokenId", 403),
        "ec2": ("AuthFailure", 401),
        "json": ("UnrecognizedClientException", 400),
    },
    "mismatch": {
        "s3": ("SignatureDoesNotMatch", 403),
        "query": ("SignatureDoesNotMatch", 403),
        "ec2": ("SignatureDoesNotMatch", 403),
        "json": ("InvalidSignatureException", 400),
    },
    "skewed": {
        "s3": ("RequestTimeTooSkewed", 403),
        "query": ("SignatureDoesNotMatch", 403),
        "ec2": ("RequestExpired", 400),
        "json": ("InvalidSignatureException", 400),
    },
    "expired": {
        "s3": ("AccessDenied", 403),
        "query": ("SignatureDoesNotMatch", 403),
        "ec2": ("RequestExpired", 400),
        "json": ("InvalidSignatureException", 400),
    },
    "bad-token": {
        "s3": ("InvalidToken", 400),
        "query": ("InvalidClientTokenId", 403),
        "ec2": ("AuthFailure", 401),
        "json": ("UnrecognizedClientException", 400),
    },
    "expired-token": {
        "s3": ("ExpiredToken", 400),
        "query": ("ExpiredToken", 403),
        "ec2": ("RequestExpired", 400),
        "json": ("ExpiredTokenException", 400),
    },
    "incomplete": {
        "s3": ("AuthorizationHeaderMalformed", 400),
        "query": ("IncompleteSignature", 400),
        "ec2": ("IncompleteSignature", 400),
        "json": ("IncompleteSignatureException", 400),
    },
    "unsigned-header": {"s3": ("AccessDenied", 403), "json": ("InvalidSignatureException", 400)},
}
_NOT_SIGNED = {
    "s3": ("AccessDenied", 403),
    "query": ("MissingAuthenticationToken", 403),
    "ec2": ("MissingAuthenticationToken", 403),
    "json": ("MissingAuthenticationTokenException", 400),
}
_DENIED = {
    "s3": ("AccessDenied", 403),
    "query": ("AccessDenied", 403),
    "ec2": ("UnauthorizedOperation", 403),
    "json": ("AccessDeniedException", 400),
}
_INTERNAL = {"s3": "InternalError", "ec2": "InternalError", "query": "InternalFailure"}
_XML_PROTOCOLS = {"s3", "query", "ec2", "rest-xml"}


def _choose(table: dict[str, tuple[str, int]], protocol: Protocol) -> tuple[str, int]:
    if protocol in table:
        return table[protocol]
    if protocol == "rest-xml":
        return table.get("query", table["json"])
    code, status = table["json"]
    return code, 403 if protocol == "rest-json" else status


def signature_error(problem: SignatureError, protocol: Protocol) -> AwsError:
    """Turn a fault of the signature into the service's own error."""
    code, status = _choose(_SIGNATURE[problem.kind], protocol)
    return AwsError(code, problem.message, status)


def not_signed(protocol: Protocol) -> AwsError:
    """Return the refusal of a request without a signature."""
    code, status = _choose(_NOT_SIGNED, protocol)
    return AwsError(code, "Request is missing Authentication Token" if protocol != "s3" else "Access Denied", status)


def denied(message: str, protocol: Protocol) -> AwsError:
    """Return the refusal of an action that no policy allows, or that one denies."""
    code, status = _choose(_DENIED, protocol)
    return AwsError(code, message, status)


def internal(message: str, protocol: Protocol) -> AwsError:
    """Return the answer to a fault of our own."""
    return AwsError(_INTERNAL.get(protocol, "InternalFailure"), message, 500)


def not_available(service: str, operation: str, protocol: Protocol) -> AwsError:
    """Return the answer to an operation that the embedded cloud does not have: 501, which SDKs do not retry."""
    code = "NotImplemented" if protocol == "s3" else "UnknownOperationException"
    message = f"The operation {operation} of the service {service} is not available in the embedded cloud."
    return AwsError(code, message, 501)


def render(error: AwsError, protocol: Protocol, *, service: str = "", method: str = "GET") -> HttpResponse:
    """Write an error as the protocol has it.

    Args:
        error: what to say.
        protocol: the request's protocol.
        service: botocore's service name, to name the members of a modelled error.
        method: the request's method; a HEAD is answered without a body.
    """
    request_id = str(uuid4())
    if protocol in _XML_PROTOCOLS:
        body = _xml(error, protocol, request_id)
        content_type = "application/xml" if protocol == "s3" else "text/xml"
    elif protocol == "cbor":
        body = _cbor_map({"__type": error.code, "message": error.message})
        content_type = "application/cbor"
    else:
        document: dict[str, Any] = {"message": error.message}
        if protocol == "json":
            document = {"__type": error.code, **document}
        document.update(_wire_members(error, service))
        body = json.dumps(document).encode()
        content_type = "application/json" if protocol == "rest-json" else "application/x-amz-json-1.1"
    response = HttpResponse(error.status, [("Content-Type", content_type)], b"" if method == "HEAD" else body)
    response.headers.append(("x-amz-request-id" if protocol == "s3" else "x-amzn-RequestId", request_id))
    if protocol not in _XML_PROTOCOLS:
        response.headers.append(("x-amzn-ErrorType", error.code))
    if protocol == "cbor":
        response.headers.append(("smithy-protocol", "rpc-v2-cbor"))
    return response


def _wire_members(error: AwsError, service: str) -> dict[str, Any]:
    if not error.members:
        return {}
    names: dict[str, str] = {}
    if service:
        for shape in service_model(service).error_shapes:
            if error.code in {shape.name, shape.error_code}:
                names = {name: member.serialization.get("name", name) for name, member in shape.members.items()}
    return {names.get(name, name): value for name, value in error.members.items() if value is not None}


def _xml(error: AwsError, protocol: Protocol, request_id: str) -> bytes:
    code, message = escape(error.code), escape(error.message)
    extra = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in error.members.items())
    if protocol == "s3":
        text = (
            f"<Error><Code>{code}</Code><Message>{message}</Message>{extra}"
            f"<RequestId>{request_id}</RequestId><HostId>embedded</HostId></Error>"
        )
    elif protocol == "ec2":
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    else:
        side = "Receiver" if error.status >= 500 else "Sender"
        text = (
            f"<ErrorResponse><Error><Type>{side}</Type><Code>{code}</Code><Message>{message}</Message>{extra}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode()


def _cbor_map(values: dict[str, str]) -> bytes:
    """Write a small map of texts as CBOR (RFC 8949): a map header, then each text with its length."""

    def text(value: str) -> bytes:
        data = value.encode()
        size = len(data)
        if size < 24:
            return bytes([0x60 + size]) + data
        return bytes([0x79]) + min(size, 0xFFFF).to_bytes(2, "big") + data[:0xFFFF]

    return bytes([0xA0 + len(values)]) + b"".join(text(key) + text(value) for key, value in values.items())
