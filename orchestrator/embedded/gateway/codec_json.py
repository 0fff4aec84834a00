"""The JSON protocols (rest-json and json-1.x): requests to Python values and back, driven by the service's model."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.utils import parse_timestamp

from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse


class MalformedInputError(Exception):
    """A request cannot be read as its operation's input; the message says which member and why."""


def parse_rest_json(operation: OperationModel, request: HttpRequest, labels: Mapping[str, str]) -> dict[str, Any]:
    """Collect the members of a rest-json operation's input from path, query, headers and body.

    Raises:
        MalformedInputError: a value has the wrong type or the body is not JSON.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    params: dict[str, Any] = {}
    document: Any = None
    payload = shape.serialization.get("payload")
    if payload is None and any("location" not in m.serialization for m in shape.members.values()):
        document = _object(request.body)
    for name, member in shape.members.items():
        traits = member.serialization
        where, wire = traits.get("location"), traits.get("name", name)
        if name == payload:
            if member.type_name == "blob":
                params[name] = request.body
            elif request.body:
                params[name] = from_json(member, _object(request.body), name)
        elif where == "uri":
            if name in labels:
                params[name] = from_text(member, labels[name], name)
        elif where == "querystring":
            _from_query(params, name, member, wire, request)
        elif where == "header":
            if wire.lower() in request.headers:
                params[name] = from_text(member, request.headers[wire.lower()], name)
        elif where is None and document is not None and document.get(wire) is not None:
            params[name] = from_json(member, document[wire], name)
    return params


def _from_query(params: dict[str, Any], name: str, member: Shape, wire: str, request: HttpRequest) -> None:
    values = [value for key, value in request.query_items if key == wire]
    if not values:
        return
    if isinstance(member, ListShape):
        params[name] = [from_text(member.member, value, name) for value in values]
    else:
        params[name] = from_text(member, values[0], name)


def parse_json(operation: OperationModel, request: HttpRequest) -> dict[str, Any]:
    """Read the input of a json-1.x operation.

    Raises:
        MalformedInputError: a value has the wrong type or the body is not JSON.
    """
    shape = operation.input_shape
    return {} if shape is None else from_json(shape, _object(request.body), "")


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedInputError("The request body is not valid JSON.") from error
    if not isinstance(document, dict):
        raise MalformedInputError("The request body must be a JSON object.")
    return document


def from_text(shape: Shape, text: str, path: str) -> Any:
    """Convert a value of a path, a query string, a header or a form."""
    kind = shape.type_name
    try:
        if kind in {"integer", "long"}:
            return int(text)
        if kind in {"float", "double"}:
            return float(text)
        if kind == "timestamp":
            return parse_timestamp(text)
    except ValueError as error:
        raise MalformedInputError(f"{path}: {text!r} is not a valid {kind}.") from error
    if kind == "boolean":
        if text.lower() not in {"true", "false"}:
            raise MalformedInputError(f"{path}: {text!r} is not a valid boolean.")
        return text.lower() == "true"
    if kind == "blob":
        return _blob(text, path)
    return text


def _blob(text: str, path: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedInputError(f"{path}: not valid base64.") from error


_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}


def from_json(shape: Shape, value: Any, path: str) -> Any:
    """Convert a JSON value to the Python value of a shape; members that the model does not have are ignored.

    Raises:
        MalformedInputError: the value has the wrong type.
    """
    if isinstance(shape, StructureShape):
        _expect(value, dict, "object", path)
        result = {}
        for name, member in shape.members.items():
            item = value.get(member.serialization.get("name", name))
            if item is not None:
                result[name] = from_json(member, item, f"{path}.{name}" if path else name)
        return result
    if isinstance(shape, ListShape):
        _expect(value, list, "list", path)
        return [from_json(shape.member, item, f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(shape, MapShape):
        _expect(value, dict, "object", path)
        return {key: from_json(shape.value, item, f"{path}.{key}") for key, item in value.items() if item is not None}
    if shape.type_name == "timestamp":
        try:
            return parse_timestamp(value)
        except (ValueError, TypeError) as error:
            raise MalformedInputError(f"{path}: not a valid time.") from error
    if shape.type_name == "blob":
        _expect(value, str, "base64 text", path)
        return _blob(value, path)
    types = _SCALARS.get(shape.type_name, (object,))
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types and object not in types):
        raise MalformedInputError(f"{path}: expected {shape.type_name}, not {type(value).__name__}.")
    return value


def _expect(value: Any, kind: type, called: str, path: str) -> None:
    if not isinstance(value, kind):
        raise MalformedInputError(f"{path or 'The request'}: expected {called}, not {type(value).__name__}.")


def to_json(shape: Shape, value: Any) -> Any:
    """Convert a Python value of a shape to what is written as JSON.

    Raises:
        KeyError: a structure has a member that the model does not have, which is a fault of the service.
    """
    if isinstance(shape, StructureShape):
        document = {}
        for name, item in value.items():
            member = shape.members[name]
            if item is not None:
                document[member.serialization.get("name", name)] = to_json(member, item)
        return document
    if isinstance(shape, ListShape):
        return [to_json(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: to_json(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return format_time(value, shape.serialization.get("timestampFormat", "unixTimestamp"))
    if shape.type_name == "blob":
        return base64.b64encode(value if isinstance(value, bytes) else str(value).encode()).decode()
    return value


def format_time(moment: datetime, form: str) -> str | float:
    """Write a time as a model's `timestampFormat` has it."""
    moment = moment.astimezone(UTC)
    if form == "iso8601":
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    if form == "rfc822":
        return format_datetime(moment, usegmt=True)
    return round(moment.timestamp(), 3)


def serialize_rest_json(operation: OperationModel, result: Mapping[str, Any]) -> HttpResponse:
    """Write the output of a rest-json operation."""
    response = HttpResponse(int(operation.http.get("responseCode", 200)))
    shape = operation.output_shape
    document: Any = {}
    payload = shape.serialization.get("payload") if shape else None
    for name, value in result.items():
        if value is None or shape is None:
            continue
        member = shape.members[name]
        where = member.serialization.get("location")
        if name == payload:
            document = value if member.type_name == "blob" else to_json(member, value)
        elif where == "header":
            response.headers.append((member.serialization["name"], str(to_json(member, value))))
        elif where == "statusCode":
            response.status = int(value)
        else:
            document[member.serialization.get("name", name)] = to_json(member, value)
    response.headers.append(("Content-Type", "application/json"))
    response.body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return response


def serialize_json(operation: OperationModel, result: Mapping[str, Any]) -> HttpResponse:
    """Write the output of a json-1.x operation."""
    shape = operation.output_shape
    version = operation.service_model.metadata.get("jsonVersion", "1.1")
    document = to_json(shape, {k: v for k, v in result.items() if v is not None}) if shape else {}
    return HttpResponse(200, [("Content-Type", f"application/x-amz-json-{version}")], json.dumps(document).encode())
