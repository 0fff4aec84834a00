"""Answers of deletions that did not happen: how a scenario rehearses a service that only says that it did its work."""

from __future__ import annotations

import uuid

from orchestrator.embedded.gateway.codec_json import serialize_json, serialize_rest_json
from orchestrator.embedded.gateway.codec_query import serialize_query
from orchestrator.embedded.gateway.http import HttpResponse
from orchestrator.embedded.gateway.models import Target, service_model


def empty_answer(target: Target) -> HttpResponse:
    """Return the successful answer without members of an operation, in its service's protocol.

    Args:
        target: a deletion; clients expect nothing of its answer.
    """
    operation = service_model(target.service).operation_model(target.operation or "")
    if target.protocol in ("s3", "rest-xml"):
        return HttpResponse(204)
    if target.protocol == "rest-json":
        return serialize_rest_json(operation, {})
    if target.protocol == "json":
        return serialize_json(operation, {})
    if target.protocol == "cbor":
        return HttpResponse(200, [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")], b"\xa0")
    request_id = str(uuid.uuid4())
    if target.protocol == "query":
        return serialize_query(operation, {}, request_id)
    body = f"<requestId>{request_id}</requestId><return>true</return>"
    namespace = operation.service_model.metadata.get("xmlNamespace", "")
    document = f'<{operation.name}Response xmlns="{namespace}">{body}</{operation.name}Response>'
    return HttpResponse(200, [("Content-Type", "text/xml")], document.encode())
