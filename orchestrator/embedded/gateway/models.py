"""AWS's own service models, as botocore ships them: which operation a request is, by protocol.

Requests of the RPC protocols name their operation; those of the REST protocols are matched against the
model's URI templates, with the query parameters and headers that an operation requires.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import unquote

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from orchestrator.embedded.gateway.http import HttpRequest, split_query

Protocol = Literal["s3", "rest-xml", "rest-json", "json", "query", "ec2", "cbor"]

#: Signing names that differ from botocore's name of the service.
_BY_SIGNING_NAME = {
    "access-analyzer": "accessanalyzer",
    "elasticfilesystem": "efs",
    "elasticloadbalancing": "elbv2",
    "elasticmapreduce": "emr",
    "email": "ses",
    "eventbridge": "events",
    "execute-api": "apigateway",
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
_loader = Loader()


@dataclass(frozen=True)
class Target:
    """What a request asks for.

    Attributes:
        service: botocore's name of the service (`cloudwatch`), empty when there is no such service.
        signing_name: the name in the credential scope (`monitoring`).
        protocol: how errors are to be written.
        operation: the operation's name, None when the model has none for this request.
        labels: decoded parts of the path, by the model's member names (REST protocols only).
        requested: what the request seemed to ask for, for messages about unknown operations.
    """

    service: str
    signing_name: str
    protocol: Protocol
    operation: str | None
    labels: dict[str, str]
    requested: str


@lru_cache(maxsize=64)
def service_model(service: str) -> ServiceModel:
    """Load a service's model; raises botocore.exceptions.UnknownServiceError."""
    return ServiceModel(_loader.load_service_model(service, "service-2"), service)


@lru_cache(maxsize=1)
def known_services() -> frozenset[str]:
    """Return every service name that botocore has a model of."""
    return frozenset(_loader.list_available_services("service-2"))


def service_name(signing_name: str) -> str:
    """Return botocore's name for a signing name, or an empty text when there is no such service."""
    name = _BY_SIGNING_NAME.get(signing_name, signing_name)
    return name if name in known_services() else ""


def identify(request: HttpRequest, signing_name: str) -> Target:
    """Find out which operation a request is, without reading more of its body than a form's."""
    service = service_name(signing_name)
    if signing_name == "s3" and request.raw_path.startswith("/v20180820/"):
        service = "s3control"
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        operation = request.raw_path.rpartition("/operation/")[2]
        return _rpc(service, signing_name, "cbor", operation)
    target = request.headers.get("x-amz-target")
    if target and service != "s3":
        return _rpc(service, signing_name, "json", target.rpartition(".")[2])
    action = rpc_fields(request).get("Action")
    if action and service not in {"s3", "s3control"}:
        return _rpc(service, signing_name, "ec2" if service == "ec2" else "query", action)
    requested = f"{request.method} {request.path}"
    protocol: Protocol = "s3" if service == "s3" else "rest-json"
    if not service:
        return Target("", signing_name, protocol, None, {}, requested)
    if service != "s3" and service_model(service).protocol == "rest-xml":
        protocol = "rest-xml"
    operation_name, labels = router(service).match(request)
    return Target(service, signing_name, protocol, operation_name, labels, operation_name or requested)


def rpc_fields(request: HttpRequest) -> dict[str, str]:
    """Return the parameters of a query-protocol request: its form's, or its query string's where the form has none."""
    return request.form if "Action" in request.form else request.query


def _rpc(service: str, signing_name: str, protocol: Protocol, operation: str) -> Target:
    known = bool(service) and operation in service_model(service).operation_names
    return Target(service, signing_name, protocol, operation if known else None, {}, operation)


@dataclass(frozen=True)
class _Route:
    operation: str
    pattern: re.Pattern[str]
    labels: tuple[str, ...]
    literals: tuple[tuple[str, str | None], ...]
    headers: tuple[str, ...]
    literal_length: int
    deprecated: bool

    @property
    def rank(self) -> tuple[int, int, bool]:
        """The most specific route first: constraints, then literal characters, current before deprecated."""
        return (-len(self.literals) - len(self.headers), -self.literal_length, self.deprecated)

    def accepts(self, request: HttpRequest) -> bool:
        for name, value in self.literals:
            if name not in request.query or (value is not None and request.query[name] != value):
                return False
        return all(header in request.headers for header in self.headers)


class RestRouter:
    """Matches method, path, query and headers against a REST service's operations.

    Args:
        model: the service's model.
    """

    def __init__(self, model: ServiceModel) -> None:
        self._routes: dict[str, list[_Route]] = {}
        for name in model.operation_names:
            operation = model.operation_model(name)
            self._routes.setdefault(operation.http["method"], []).append(_route(operation))
        for routes in self._routes.values():
            routes.sort(key=lambda route: route.rank)

    def match(self, request: HttpRequest) -> tuple[str | None, dict[str, str]]:
        """Return the operation's name and the decoded labels of its path; `(None, {})` when none matches."""
        for path in dict.fromkeys((request.raw_path, request.raw_path.rstrip("/") or "/")):
            for route in self._routes.get(request.method, ()):
                found = route.pattern.fullmatch(path)
                if found and route.accepts(request):
                    values = (unquote(value) for value in found.groups())
                    return route.operation, dict(zip(route.labels, values, strict=True))
        return None, {}


@lru_cache(maxsize=16)
def router(service: str) -> RestRouter:
    """Return the router of a REST service, made once."""
    return RestRouter(service_model(service))


_LABEL = re.compile(r"\{([^}]+)\}")


def _route(operation: OperationModel) -> _Route:
    path, _, query = operation.http["requestUri"].partition("?")
    pattern, labels, at = "", [], 0
    for label in _LABEL.finditer(path):
        pattern += re.escape(path[at : label.start()])
        greedy = label[1].endswith("+")
        # An ARN in a path is one label, its slashes percent-encoded; some clients leave them as they are.
        last = label.end() == len(path)
        pattern += (
            "(.+)" if greedy else "([^/]+)" if not last or operation.service_model.service_name == "s3" else "(.+?)"
        )
        labels.append(_member_of_label(operation, label[1].rstrip("+")))
        at = label.end()
    pattern += re.escape(path[at:])
    literals: list[tuple[str, str | None]] = [(n, v if "=" in query else None) for n, v in split_query(query)]
    headers: list[str] = []
    shape = operation.input_shape
    for member in shape.required_members if shape else ():
        traits: dict[str, Any] = shape.members[member].serialization
        where = traits.get("location")
        if where == "querystring":
            literals.append((traits["name"], None))
        elif where == "header" and operation.service_model.service_name == "s3":
            headers.append(traits["name"].lower())
    return _Route(
        operation.name,
        re.compile(pattern, re.DOTALL),
        tuple(labels),
        tuple(literals),
        tuple(headers),
        len(_LABEL.sub("", path)),
        operation.deprecated,
    )


def _member_of_label(operation: OperationModel, label: str) -> str:
    shape = operation.input_shape
    for name, member in (shape.members if shape else {}).items():
        if member.serialization.get("location") == "uri" and member.serialization.get("name", name) == label:
            return str(name)
    return label
