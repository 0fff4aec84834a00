"""The engine's calls (gRPC), answered by the tables of the catalogue.

This speaks the provider protocol directly rather than through the SDK's experimental base class, because that one can
report neither a resource that was half created nor an unknown value.
"""

from __future__ import annotations

from typing import Any, NoReturn

import grpc  # type: ignore[import-untyped]  # has no types
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from orchestrator.embedded.provider import catalogue
from orchestrator.embedded.provider.call import DEFAULT_DEADLINE_S, Call, Clients, ResourceError, explain
from orchestrator.embedded.provider.codec import Properties, decode, encode
from orchestrator.embedded.provider.model import Change, ResourceType, Values, check, diff, observed_inputs

#: Provider settings that mean the same here as to the official provider, or that need no doing here.
_CONFIGURATION = frozenset({"region", "version"})

_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def type_of(urn: str) -> str:
    """Return the type's token in a URN (`urn:pulumi:stack::project::parent$type::name`)."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


class _StatusWithDetails(grpc.Status):  # type: ignore[misc]  # grpc has no types
    """A gRPC status with a serialised google.rpc.Status in its trailing metadata."""

    def __init__(self, code: grpc.StatusCode, details: str, serialised: bytes) -> None:
        self.code = code
        self.details = details
        self.trailing_metadata = (("grpc-status-details-bin", serialised),)


class ProviderServicer(provider_pb2_grpc.ResourceProviderServicer):
    """Serves the engine; every call runs in a thread of its own.

    Args:
        version: the version that the plugin says it has: the official provider's, whose schema it follows.
        clients: where the AWS API is.
    """

    def __init__(self, version: str, clients: Clients) -> None:
        self._version = version
        self._clients = clients
        self._cancelled = clients.cancelled

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's name
        """Say which version this is."""
        return plugin_pb2.PluginInfo(version=self._version)

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's name
        """End what waits; calls under way finish their API call first."""
        self._cancelled.set()
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's name
        """Refuse provider settings that are not implemented."""
        news = decode(request.news)
        failures = [
            provider_pb2.CheckFailure(
                property=name,
                reason=f"the embedded target's provider does not implement the provider setting '{name}'",
            )
            for name in sorted(news.values.keys() - _CONFIGURATION)
            if not name.startswith("__")
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's name
        """Say that settings never force a replacement."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's name
        """Begin to load the clients; the address and the keys come from the environment."""
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=False, acceptResources=False)

    def Invoke(self, request: Any, context: Any) -> NoReturn:  # noqa: N802 - the protocol's name
        """Refuse: no function is implemented."""
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"the embedded target's provider does not implement the function {request.tok}",
        )
        raise AssertionError

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - the protocol's name
        """Refuse a type, or an input property, that is not implemented."""
        token = type_of(request.urn)
        resource = catalogue.find(token)
        if resource is None:
            reason = f"the embedded target's provider does not implement the type {token}"
            return provider_pb2.CheckResponse(failures=[provider_pb2.CheckFailure(property="", reason=reason)])
        news = decode(request.news)
        refusals = check(resource, news.values)
        return provider_pb2.CheckResponse(
            inputs=encode(news.values, news.secrets | (resource.secret_properties & news.values.keys())),
            failures=[provider_pb2.CheckFailure(property=item.property, reason=item.reason) for item in refusals],
        )

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Compare inputs, property by property."""
        resource = self._find(request.urn, context)
        olds = decode(request.old_inputs if request.old_inputs.fields else request.olds).values
        ignored = tuple(request.ignoreChanges)
        changes = [change for change in diff(resource, olds, decode(request.news).values) if change.path not in ignored]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=[change.path for change in changes if change.replace],
            diffs=sorted({change.path.split(".", 1)[0] for change in changes}),
            detailedDiff={change.path: _property_diff(change) for change in changes},
            hasDetailedDiff=True,
            deleteBeforeReplace=True,  # names are given, so the new one cannot exist beside the old one
        )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Create, then read back what AWS made of it."""
        resource, news, call = self._find(request.urn, context), decode(request.properties), self._call(request)
        try:
            resource_id = call.created(resource.create(call, news.values))
            state = self._read_back(resource, call, resource_id, news.values)
        except Exception as error:  # noqa: BLE001 - whatever happened, the engine has to be told
            self._fail(context, resource, call, news, error)
        return provider_pb2.CreateResponse(id=resource_id, properties=_state(resource, state, news))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Look the resource up; an empty answer says that it is gone."""
        resource, call = self._find(request.urn, context), self._call(request)
        olds, inputs = decode(request.properties), decode(request.inputs)
        try:
            seen = resource.read(call, request.id, olds.values)
        except Exception as error:  # noqa: BLE001 - whatever happened, the engine has to be told
            context.abort(grpc.StatusCode.UNKNOWN, explain(error))
        if seen is None:
            return provider_pb2.ReadResponse()
        kept = {
            item.name: olds.values[item.name] for item in resource.fields if item.local and item.name in olds.values
        }
        observed = observed_inputs(resource, inputs.values, seen)
        secrets = inputs.secrets | olds.secrets
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=_state(resource, {**kept, **seen, **observed}, Properties({}, secrets)),
            inputs=encode(observed, (secrets | resource.secret_properties) & observed.keys()),
        )

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Change in place, then read back."""
        resource, call = self._find(request.urn, context), self._call(request)
        olds, news = decode(request.olds), decode(request.news)
        before = decode(request.old_inputs).values or olds.values
        changed = frozenset(change.path for change in diff(resource, before, news.values))
        call.resource_id = request.id
        try:
            if resource.update is not None:
                resource.update(call, request.id, olds.values, news.values, changed)
            state = self._read_back(resource, call, request.id, news.values)
        except Exception as error:  # noqa: BLE001 - whatever happened, the engine has to be told
            self._fail(context, resource, call, news, error)
        return provider_pb2.UpdateResponse(properties=_state(resource, state, news))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Delete; what is gone already counts as deleted."""
        resource, call = self._find(request.urn, context), self._call(request)
        try:
            resource.delete(call, request.id, decode(request.properties).values)
        except Exception as error:  # noqa: BLE001 - whatever happened, the engine has to be told
            context.abort(grpc.StatusCode.UNKNOWN, explain(error))
        return empty_pb2.Empty()

    def _find(self, urn: str, context: Any) -> ResourceType:
        resource = catalogue.find(type_of(urn))
        if resource is None:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"the embedded target's provider does not implement the type {type_of(urn)}",
            )
            raise AssertionError
        return resource

    def _call(self, request: Any) -> Call:
        return Call(self._clients, self._cancelled, float(getattr(request, "timeout", 0.0)) or DEFAULT_DEADLINE_S)

    def _read_back(self, resource: ResourceType, call: Call, resource_id: str, inputs: Values) -> Values:
        seen = resource.read(call, resource_id, inputs)
        if seen is None:
            raise ResourceError(f"{resource.token} {resource_id} cannot be read although it was just written")
        # The inputs win: what AWS spells differently but means the same must not look like a change.
        return {**seen, **inputs}

    def _fail(self, context: Any, resource: ResourceType, call: Call, news: Properties, error: Exception) -> NoReturn:
        """Report a failure; when something exists already, with its id, so that the state keeps it."""
        reason = explain(error)
        if call.resource_id is None:
            context.abort(grpc.StatusCode.UNKNOWN, reason)
            raise AssertionError
        detail = provider_pb2.ErrorResourceInitFailed(
            id=call.resource_id,
            properties=_state(resource, news.values, news),
            inputs=encode(news.values, news.secrets),
            reasons=[reason],
        )
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason)
        status.details.add().Pack(detail)
        context.abort_with_status(_StatusWithDetails(grpc.StatusCode.UNKNOWN, reason, status.SerializeToString()))
        raise AssertionError


def _property_diff(change: Change) -> Any:
    return provider_pb2.PropertyDiff(kind=_KINDS[change.verb, change.replace], inputDiff=True)


def _state(resource: ResourceType, values: Values, inputs: Properties) -> Any:
    """Write a state; a property whose input was secret, or that is secret always, is secret in the state."""
    full = dict(values)
    if "tags" in full:
        full["tagsAll"] = full["tags"]
    secrets = (inputs.secrets | resource.secret_properties) & full.keys()
    return encode(full, frozenset(secrets))
