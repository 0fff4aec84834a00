"""The query protocol: forms to Python values, Python values to XML, driven by the service's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from orchestrator.embedded.gateway.codec_json import format_time, from_text
from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse


def parse_query(operation: OperationModel, request: HttpRequest) -> dict[str, Any]:
    """Collect an operation's input from the form (see `canonical`).

    Raises:
        MalformedInputError: a value has the wrong type.
    """
    fields = request.form
    shape = operation.input_shape
    if shape is None:
        return {}
    value = _read(shape, fields, "")
    return value if isinstance(value, dict) else {}


def _read(shape: Shape, fields: Mapping[str, str], prefix: str) -> Any:
    """Read what stands below a prefix such as `Tags.member.1`; None when there is nothing."""
    if isinstance(shape, StructureShape):
        result = {}
        for name, member in shape.members.items():
            wire = member.serialization.get("name", name)
            value = _read(member, fields, f"{prefix}.{wire}" if prefix else wire)
            if value is not None:
                result[name] = value
        return result if result or not prefix else None
    if isinstance(shape, ListShape):
        flat = shape.serialization.get("flattened")
        step = prefix if flat else f"{prefix}.{shape.member.serialization.get('name', 'member')}"
        items: list[Any] = []
        while (item := _read(shape.member, fields, f"{step}.{len(items) + 1}")) is not None:
            items.append(item)
        return items or None
    if isinstance(shape, MapShape):
        pairs: dict[str, Any] = {}
        while (key := fields.get(f"{prefix}.entry.{len(pairs) + 1}.key")) is not None:
            pairs[key] = _read(shape.value, fields, f"{prefix}.entry.{len(pairs) + 1}.value")
        return pairs or None
    text = fields.get(prefix)
    return None if text is None else from_text(shape, text, prefix)


def serialize_query(operation: OperationModel, result: Mapping[str, Any], request_id: str) -> HttpResponse:
    """Write an operation's output as the XML document that query-protocol clients read."""
    namespace = operation.service_model.metadata.get("xmlNamespace", "")
    body = ""
    shape = operation.output_shape
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result")
        body = f"<{wrapper}>{_write_members(shape, result)}</{wrapper}>"
    document = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{operation.name}Response xmlns="{namespace}">{body}'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation.name}Response>"
    )
    return HttpResponse(200, [("Content-Type", "text/xml")], document.encode())


def _write_members(shape: StructureShape, values: Mapping[str, Any]) -> str:
    return "".join(
        _write(shape.members[name].serialization.get("name", name), shape.members[name], value)
        for name, value in values.items()
        if value is not None
    )


def _write(tag: str, shape: Shape, value: Any) -> str:
    if isinstance(shape, StructureShape):
        return f"<{tag}>{_write_members(shape, value)}</{tag}>"
    if isinstance(shape, ListShape):
        name = shape.member.serialization.get("name", "member")
        return f"<{tag}>{''.join(_write(name, shape.member, item) for item in value)}</{tag}>"
    if shape.type_name == "timestamp":
        return f"<{tag}>{format_time(value, 'iso8601')}</{tag}>"
    if shape.type_name == "boolean":
        return f"<{tag}>{'true' if value else 'false'}</{tag}>"
    return f"<{tag}>{escape(str(value))}</{tag}>"
