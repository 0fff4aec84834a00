"""One reading of a request: what is authorized is what is carried out.

moto looks for a parameter in a form, in the query string, in the body read as a form, in its JSON and in the headers,
and takes the first that it finds; it finds the operation in as many places. Whoever could make the gateway read one of
them and moto another would be allowed the one and get the other. So a request is written anew, before it is decided,
with nothing but the members of its operation, in the one place that its protocol has for them ("AWS JSON 1.1 protocol",
"AWS Query protocol" and "AWS restJson1 protocol", Smithy documentation). AWS ignores what a model does not have, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from urllib.parse import quote, urlencode

from orchestrator.embedded.gateway.http import HttpRequest, split_query
from orchestrator.embedded.gateway.models import Target, rpc_fields, service_model

#: Parameters of the query protocol itself.
_OF_THE_PROTOCOL = frozenset({"Action", "Version"})
#: A parameter that no operation has: with it moto neither reads a body as a form nor headers as parameters.
_NOTHING = "_="
_HOST = "127.0.0.1"


def canonical(request: HttpRequest, target: Target) -> HttpRequest:
    """Return the request as its operation's model has it.

    Args:
        request: authenticated, with its body unwrapped.
        target: what it was found to ask for.
    """
    if not target.service or target.operation is None:
        return request
    request = _without(request, *(name for name in request.headers if _is_ambiguous(name)))
    match target.protocol:
        case "query" | "ec2":
            known = _member_names(target.service, target.operation)
            fields = {
                name: value
                for name, value in rpc_fields(request).items()
                if name in _OF_THE_PROTOCOL or name.partition(".")[0] in known
            }
            return _written(
                request, "application/x-www-form-urlencoded", "", urlencode(fields, quote_via=quote).encode()
            )
        case "json":
            given = request.headers.get("content-type", "")
            kind = given if given.startswith("application/x-amz-json-1.") else "application/x-amz-json-1.1"
            return _written(request, kind, _NOTHING)
        case "cbor":
            return _without(_written(request, "application/cbor", _NOTHING), "x-amz-target")
        case "rest-json":
            # A query string of ours would become a part of the names that moto reads from the address.
            named = _without(request, *_member_headers(target.service, target.operation))
            return _written(named, "application/json", _query(request, target), _no_form(named, target))
        case "rest-xml" | "s3":
            # The path names the bucket by now; moto would take another one from the host's name.
            headers = {**request.headers, "host": _HOST}
            return replace(request, raw_query=_query(request, target), headers=headers)


def _is_ambiguous(name: str) -> bool:
    """Tell whether WSGI would take a header for another one, whose hyphens it writes as underscores.

    An object's own metadata may have such names (see `MotoService`); nothing is decided by it.
    """
    return "_" in name and not name.startswith("x-amz-meta-")


def _no_form(request: HttpRequest, target: Target) -> bytes:
    """Return a JSON body that is no form as well: an ampersand can be written in another way ("Strings", RFC 8259)."""
    shape = service_model(target.service).operation_model(target.operation or "").input_shape
    payload = shape.members.get(shape.serialization.get("payload", "")) if shape else None
    is_document = payload is None or payload.type_name != "blob"
    return request.body.replace(b"&", b"\\u0026") if is_document else request.body


def _written(request: HttpRequest, content_type: str, raw_query: str, body: bytes | None = None) -> HttpRequest:
    return replace(
        request,
        raw_query=raw_query,
        body=request.body if body is None else body,
        headers={**request.headers, "content-type": content_type},
    )


def _without(request: HttpRequest, *names: str) -> HttpRequest:
    return replace(request, headers={name: value for name, value in request.headers.items() if name not in names})


def _query(request: HttpRequest, target: Target) -> str:
    """Return the query string with the operation's own parameters alone, as they were sent."""
    known = _query_names(target.service, target.operation or "")
    parts = [part for part in request.raw_query.split("&") if part]
    return "&".join(part for part in parts if "*" in known or split_query(part)[0][0] in known)


@lru_cache(maxsize=512)
def _member_names(service: str, operation: str) -> frozenset[str]:
    """Return how forms may call an operation's members: by name, by the model's wire name, or EC2's spelling of it."""
    shape = service_model(service).operation_model(operation).input_shape
    names: set[str] = set()
    for name, member in (shape.members if shape else {}).items():
        traits: Mapping[str, str] = member.serialization
        wire = traits.get("name", name)
        names |= {name, wire, wire[:1].upper() + wire[1:], traits.get("queryName", wire)}
    return frozenset(names)


@lru_cache(maxsize=512)
def _member_headers(service: str, operation: str) -> tuple[str, ...]:
    """Return the headers that moto would take for members of a REST operation, where there is nothing else to read."""
    shape = service_model(service).operation_model(operation).input_shape
    members = shape.members if shape else {}
    wires = {str(member.serialization.get("name", name)).lower() for name, member in members.items()}
    own = {
        str(member.serialization.get("name", name)).lower()
        for name, member in members.items()
        if member.serialization.get("location") == "header"
    }
    return tuple((wires | {name.lower() for name in members}) - own)


@lru_cache(maxsize=512)
def _query_names(service: str, operation: str) -> frozenset[str]:
    """Return the names of the query parameters of a REST operation; `*` when it takes any (a map)."""
    model = service_model(service).operation_model(operation)
    names = {name for name, _ in split_query(model.http["requestUri"].partition("?")[2])}
    for name, member in (model.input_shape.members if model.input_shape else {}).items():
        if member.serialization.get("location") == "querystring":
            names.add("*" if member.type_name == "map" else member.serialization.get("name", name))
    return frozenset(names)
