"""The services that the embedded cloud implements itself: made when they are first used, spoken to by protocol."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from botocore.model import OperationModel
from botocore.validate import ParamValidator

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway import codec_json, codec_query, errors
from orchestrator.embedded.gateway.codec_json import MalformedInputError
from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse
from orchestrator.embedded.gateway.models import Protocol, Target, service_model
from orchestrator.embedded.gateway.service import AwsError, Caller, ServiceBackend

_log = logging.getLogger(__name__)

#: Where each service's backend is: `module:class`, constructed with the cloud's context.
BACKENDS: dict[str, str] = {
    "ce": "orchestrator.embedded.pricing:CostExplorerBackend",
    "kafka": "orchestrator.embedded.msk:KafkaBackend",
    "pricing": "orchestrator.embedded.pricing:PriceListBackend",
    "kafkaconnect": "orchestrator.embedded.kafkaconnect:KafkaConnectBackend",
}
_VALIDATION_ERRORS: dict[Protocol, str] = {"rest-json": "BadRequestException", "query": "ValidationError"}


class Backends:
    """Our own services, by botocore's name of the service. Safe to use from many threads.

    Args:
        context: what a backend is constructed with.
        ready: backends that exist already (STS, tagging).
        classes: where the others are.
    """

    def __init__(
        self,
        context: CloudContext,
        ready: Mapping[str, ServiceBackend],
        classes: Mapping[str, str] | None = None,
    ) -> None:
        self._context = replace(context, peer=self.get)
        self._made: dict[str, ServiceBackend] = dict(ready)
        self._classes = dict(BACKENDS if classes is None else classes)
        self._lock = threading.Lock()

    def __contains__(self, service: str) -> bool:
        """Tell whether a service is implemented here."""
        return service in self._made or service in self._classes

    def get(self, service: str) -> ServiceBackend:
        """Return a service's backend, made if need be; raises KeyError."""
        with self._lock:
            if service not in self._made:
                module, _, name = self._classes[service].partition(":")
                self._made[service] = getattr(importlib.import_module(module), name)(self._context)
            return self._made[service]

    def existing(self) -> list[ServiceBackend]:
        """Return the backends that have been used so far."""
        with self._lock:
            return list(self._made.values())

    def close(self) -> None:
        """End everything that the services run; a failure of one does not keep the others running."""
        for backend in self.existing():
            try:
                backend.close()
            except Exception:  # noqa: BLE001 - logged, and the others must stop too
                _log.exception("the service %s did not stop cleanly", backend.service)

    def call(self, request: HttpRequest, target: Target, caller: Caller) -> HttpResponse:
        """Read the input, invoke the operation, write the output.

        Raises:
            AwsError: the input is not valid, or the service refuses.
        """
        if target.operation is None:
            raise errors.not_available(target.signing_name, target.requested, target.protocol)
        operation = service_model(target.service).operation_model(target.operation)
        params = parse(operation, request, target)
        try:
            result = self.get(target.service).invoke(target.operation, params, caller)
        except NotImplementedError:
            raise errors.not_available(target.signing_name, target.operation, target.protocol) from None
        return serialize(operation, target.protocol, result)


def parse(operation: OperationModel, request: HttpRequest, target: Target) -> dict[str, Any]:
    """Read and validate an operation's input.

    Raises:
        AwsError: a member is missing or has the wrong type or length.
    """
    code = _VALIDATION_ERRORS.get(target.protocol, "ValidationException")
    try:
        if target.protocol in {"query", "ec2"}:
            params = codec_query.parse_query(operation, request)
        elif target.protocol == "json":
            params = codec_json.parse_json(operation, request)
        else:
            params = codec_json.parse_rest_json(operation, request, target.labels)
    except MalformedInputError as error:
        raise AwsError(code, str(error)) from error
    if operation.input_shape is not None:
        report = ParamValidator().validate(params, operation.input_shape)
        if report.has_errors():
            raise AwsError(code, report.generate_report())
    return params


def serialize(operation: OperationModel, protocol: Protocol, result: Mapping[str, Any]) -> HttpResponse:
    """Write an operation's output in the request's protocol."""
    request_id = str(uuid4())
    if protocol in {"query", "ec2"}:
        response = codec_query.serialize_query(operation, result, request_id)
    elif protocol == "json":
        response = codec_json.serialize_json(operation, result)
    else:
        response = codec_json.serialize_rest_json(operation, result)
    response.headers.append(("x-amzn-RequestId", request_id))
    return response
