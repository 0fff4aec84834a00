"""The way of a request through the gateway: host, signature, scenario, decision, service."""

from __future__ import annotations

import hmac
import json
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from orchestrator.embedded.context import CloudContext
from orchestrator.embedded.gateway import errors, memory, payload, policy_documents, pretence, sigv2, sigv4
from orchestrator.embedded.gateway.access_analyzer import AccessAnalyzerBackend
from orchestrator.embedded.gateway.authority import Authority
from orchestrator.embedded.gateway.backends import Backends
from orchestrator.embedded.gateway.canonical import canonical
from orchestrator.embedded.gateway.credentials import CredentialStore
from orchestrator.embedded.gateway.endpoints import endpoint_of
from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse
from orchestrator.embedded.gateway.identities import Identities
from orchestrator.embedded.gateway.models import Protocol, Target, identify, rpc_fields
from orchestrator.embedded.gateway.moto_service import MotoService
from orchestrator.embedded.gateway.policy_gate import PolicyGate
from orchestrator.embedded.gateway.policy_simulator import SIMULATIONS, PolicySimulatorBackend
from orchestrator.embedded.gateway.service import AwsError, Caller, ServiceBackend
from orchestrator.embedded.gateway.sigv4 import SignatureError
from orchestrator.embedded.gateway.sts import StsBackend
from orchestrator.embedded.gateway.tagging import TaggingBackend
from orchestrator.embedded.scenario import Outcome

_log = logging.getLogger(__name__)

#: STS calls that carry their proof in the request itself.
_UNSIGNED_ACTIONS = frozenset({"AssumeRoleWithWebIdentity"})
#: Names that can only mean this machine (RFC 6761 for `.localhost`): a rebound DNS name is none of them.
_OWN_HOST = re.compile(r"(?:(?P<bucket>[a-z0-9.-]+)\.)?localhost|127\.0\.0\.1|\d{12}\.(?:localhost|127\.0\.0\.1)")
_USED_BY_ALL = ("ec2", "iam", "s3", "kms", "secretsmanager", "logs")
#: What is served here of services that moto keeps otherwise.
_OVERLAID = {"iam": SIMULATIONS}
#: The header that asks for the inventory of the cloud's memory.
INVENTORY_HEADER = "x-ephk-inventory-token"
_CONNECTOR_PATH = re.compile(r"/_ephk/connectors/([A-Za-z0-9-]{1,64})/(credentials|token|rest)")
_CA_PATH = re.compile(r"/_ephk/clusters/([A-Za-z0-9-]{1,64})/ca\.pem")


class Gateway:
    """Handles requests. Safe to use from many threads.

    Args:
        context: the cloud.
        store: the credentials.
        backends: services of our own beside STS and tagging, for tests; None for all.
    """

    def __init__(
        self, context: CloudContext, store: CredentialStore, *, backends: dict[str, ServiceBackend] | None = None
    ) -> None:
        self._context, self._store = context, store
        identities = Identities(context.moto)
        self.backends: Backends
        self._gate = PolicyGate(
            identities, context.moto, lambda: self.backends.existing(), enforced=context.scenario.enforces_iam
        )
        self._moto = MotoService()
        own: dict[str, ServiceBackend] = {
            "sts": StsBackend(store, identities, self._gate, context.directory),
            "iam": PolicySimulatorBackend(identities, context.account_id),
            "accessanalyzer": AccessAnalyzerBackend(context.account_id),
            "resourcegroupstaggingapi": TaggingBackend(context.moto, lambda: self.backends.existing()),
        }
        self.backends = Backends(context, own | (backends or {}), None if backends is None else {})
        self._authority = Authority(
            store,
            identities,
            token=context.authority_token,
            region=context.region,
            account_id=context.account_id,
            enforced=context.scenario.enforces_iam,
            tags=self._gate.tag_keys,
            cluster_policy=self._gate.cluster_policy,
        )
        self._ports: frozenset[int] = frozenset()
        self._lock = threading.Lock()
        self._in_flight = 0

    def listen_on(self, *ports: int) -> None:
        """Say which ports a Host header may name."""
        self._ports = frozenset(ports)

    def warm_up(self) -> None:
        """Import the services that every environment uses, in a thread beside the first requests."""
        threading.Thread(target=self._moto.warm_up, args=(_USED_BY_ALL,), name="warm-up", daemon=True).start()

    @property
    def in_flight(self) -> int:
        """How many AWS requests are being worked on."""
        return self._in_flight

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; never raises."""
        own_host = self._own_host(request.headers.get("host", ""))
        if own_host is None:
            return _plain(421, "This address is served under its own loopback name only.")
        if request.raw_path.startswith("/_ephk/"):
            return self._internal(request)
        with self._lock:
            self._in_flight += 1
        try:
            return self._aws(request, own_host["bucket"])
        finally:
            with self._lock:
                self._in_flight -= 1

    def _own_host(self, host: str) -> re.Match[str] | None:
        name, _, port = host.lower().partition(":")
        if not port.isdigit() or int(port) not in self._ports:
            return None
        return _OWN_HOST.fullmatch(name)

    # AWS

    def _aws(self, request: HttpRequest, bucket: str | None) -> HttpResponse:
        target: Target | None = None
        protocol: Protocol = _guess_protocol(request)
        try:
            presented = sigv4.present(request.headers, request.query)
            v2 = sigv2.present(request.query) if presented is None else None
            service = presented.service if presented else _service_of_unsigned(request, protocol, signed=v2 is not None)
            on_path = _with_path_style(request, bucket) if service == "s3" and bucket else request
            target = identify(on_path, service)
            protocol = target.protocol
            caller, body = self._authenticate(request, presented, v2, target)
            sent = replace(on_path, body=body.body, headers=_clean_headers(on_path.headers, body))
            seen = canonical(sent, target)
            if target.service == "s3":
                payload.check_integrity(seen.headers, seen.body)
            outcome = self._rehearse(target)
            if outcome.drop:
                return HttpResponse(0, drop=True)
            if outcome.pretend:
                return pretence.empty_answer(target)
            region = presented.region if presented else self._context.region
            caller = replace(caller, endpoint=endpoint_of(request, presented, target, self._context.moto, region))
            date = presented.date if presented else datetime.now(UTC).strftime("%Y%m%d")
            answer = self._serve(seen, target, caller, region, date)
            return HttpResponse(0, drop=True) if outcome.lose else answer
        except SignatureError as problem:
            return self._refuse(errors.signature_error(problem, protocol), protocol, target, request)
        except AwsError as error:
            return self._refuse(error, protocol, target, request)
        except Exception as error:  # noqa: BLE001 - a fault of ours is a 500 in the client's protocol, never a dead thread
            _log.exception("the gateway failed: %s %s", request.method, request.raw_path)
            fault = errors.internal(f"The embedded cloud failed: {type(error).__name__}.", protocol)
            return self._refuse(fault, protocol, target, request)

    def _refuse(self, error: AwsError, protocol: Protocol, target: Target | None, request: HttpRequest) -> HttpResponse:
        return errors.render(error, protocol, service=target.service if target else "", method=request.method)

    def _authenticate(
        self, request: HttpRequest, presented: sigv4.Presented | None, v2: sigv2.PresentedV2 | None, target: Target
    ) -> tuple[Caller, payload.Payload]:
        """Find out who signed, check it, and take the body out of its chunks."""
        now = datetime.now(UTC)
        if presented is None and v2 is None:
            if target.service != "s3" and target.operation not in _UNSIGNED_ACTIONS:
                raise errors.not_signed(target.protocol)
            body = payload.unwrap(request.headers, request.body, None, None)
            return self._complete(Caller("anonymous", "*", ""), request), body
        if v2 is not None:
            credential = self._store.authenticated(v2.access_key_id, v2.session_token, now)
            sigv2.check(
                v2,
                credential.secret,
                method=request.method,
                raw_path=request.raw_path,
                raw_query=request.raw_query,
                headers=request.headers,
                now=now,
            )
            return self._complete(credential.caller, request), payload.Payload(request.body)
        assert presented is not None  # noqa: S101 - one of the two is there
        credential = self._store.authenticated(presented.access_key_id, presented.session_token, now)
        sigv4.check_time(presented, now)
        if target.service == "s3":
            _refuse_unsigned_headers(request, presented)
        digest = payload.payload_hash(request.headers, request.query, request.body, presented)
        sigv4.check_signature(
            presented,
            credential.secret,
            method=request.method,
            raw_path=request.raw_path,
            raw_query=request.raw_query,
            headers=request.headers,
            payload_hash=digest,
        )
        body = payload.unwrap(request.headers, request.body, presented, credential.secret)
        return self._complete(credential.caller, request), body

    def _complete(self, caller: Caller, request: HttpRequest) -> Caller:
        return replace(
            caller,
            secure=request.secure,
            source_ip=request.source_ip,
            user_agent=request.headers.get("user-agent", ""),
        )

    def _rehearse(self, target: Target) -> Outcome:
        """Wait and refuse as the scenario wants; returns what else it wants."""
        outcome = self._context.scenario.outcome(target.service or target.signing_name, target.operation or "")
        if outcome.latency_s:
            time.sleep(outcome.latency_s)
        if outcome.error is not None:
            raise AwsError(outcome.error.code, outcome.error.message, outcome.error.status)
        return outcome

    def _serve(self, request: HttpRequest, target: Target, caller: Caller, region: str, date: str) -> HttpResponse:
        if not target.service or target.operation is None:
            raise errors.not_available(target.signing_name, target.requested, target.protocol)
        self._gate.check(request, target, caller, region)
        policy_documents.check(request, target)
        if target.service in self.backends and target.operation in _OVERLAID.get(target.service, {target.operation}):
            return self.backends.call(request, target, caller)
        key = caller.access_key_id or self._store.administrator.access_key_id
        return self._moto.call(request, target, access_key_id=key, region=region, date=date)

    # Inside

    def _internal(self, request: HttpRequest) -> HttpResponse:
        """Answer what the cloud's own processes ask; not a part of AWS.

        Health and the brokers' CA are no secret and are answered on both ports, the rest in plain HTTP alone.
        """
        if request.path == "/_ephk/health" and request.method == "GET":
            return HttpResponse(200, [("Content-Type", "application/json")], b'{"status": "ok"}')
        cluster = _CA_PATH.fullmatch(request.path)
        if request.secure and not cluster:
            return _plain(404, "Not here.")
        try:
            if request.path.startswith("/_ephk/authority/"):
                return self._authority.handle(request.path.rsplit("/", 1)[1], request)
            if request.path == "/_ephk/inventory" and request.method == "GET":
                return self._inventory(request)
            if cluster and request.method == "GET":
                return self._cluster_ca(cluster[1])
            connector = _CONNECTOR_PATH.fullmatch(request.path)
            if connector and request.method == "GET":
                return self._connector(request, connector[1], connector[2])
        except Exception:  # noqa: BLE001 - a broker treats every answer but 200 as a refusal
            _log.exception("an internal request failed: %s", request.path)
            return _plain(500, "Failed.")
        return _plain(404, "Not here.")

    def _inventory(self, request: HttpRequest) -> HttpResponse:
        """Answer what is in this cloud's memory, to whoever can read the cloud's own files."""
        shown = request.headers.get(INVENTORY_HEADER, "")
        if not hmac.compare_digest(shown.encode("utf-8", "replace"), self._context.inventory_token.encode()):
            return _plain(403, "The inventory's token is missing or wrong.")
        objects = memory.snapshot(self._context.moto, self.backends)
        document = {"objects": objects, "injected": self._context.scenario.injected}
        return HttpResponse(200, [("Content-Type", "application/json")], json.dumps(document).encode())

    def _cluster_ca(self, uuid: str) -> HttpResponse:
        backend: Any = self.backends.get("kafka")
        read: Callable[[str], str] = backend.ca_pem
        try:
            pem = read(uuid)
        except (KeyError, AwsError):
            return _plain(404, "There is no such cluster, or it has no brokers yet.")
        return HttpResponse(200, [("Content-Type", "application/x-pem-file")], pem.encode())

    def _connector(self, request: HttpRequest, uuid: str, what: str) -> HttpResponse:
        """Answer a connector's worker, or whoever asks where the workers' REST interface is."""
        backend: Any = self.backends.get("kafkaconnect")
        if what != "rest":
            answer: HttpResponse = backend.internal(request, uuid, what)
            return answer
        document = backend.rest_document(uuid)
        if document is None:
            return _plain(404, "There is no such connector, or it has no workers.")
        return HttpResponse(200, [("Content-Type", "application/json")], json.dumps(document).encode())


def _guess_protocol(request: HttpRequest) -> Protocol:
    """Choose how errors are written while the service is not known yet."""
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "cbor"
    if request.headers.get("x-amz-target"):
        return "json"
    if "Action" in rpc_fields(request):
        return "query"
    return "s3"


def _service_of_unsigned(request: HttpRequest, protocol: Protocol, *, signed: bool) -> str:
    """Name the service of a request without a Version 4 signature: STS with a web identity, else Amazon S3."""
    if signed or protocol == "s3":
        return "s3"
    if rpc_fields(request).get("Action") in _UNSIGNED_ACTIONS:
        return "sts"
    raise errors.not_signed(protocol)


def _refuse_unsigned_headers(request: HttpRequest, presented: sigv4.Presented) -> None:
    """S3 wants every x-amz- header signed, so that nobody on the way can add one."""
    for name in request.headers:
        if name.startswith("x-amz-") and name not in presented.signed_headers:
            message = f"There were headers present in the request which were not signed: {name}"
            raise SignatureError("unsigned-header", message)


def _with_path_style(request: HttpRequest, bucket: str) -> HttpRequest:
    """Rewrite a virtual-hosted request (`bucket.localhost`) to path style; the signature is checked on the original."""
    return replace(request, raw_path=f"/{bucket}{request.raw_path}")


def _clean_headers(headers: Any, body: payload.Payload) -> dict[str, str]:
    """Return the headers of the unwrapped body: trailers in, the marks of chunking out."""
    if not body.chunked:
        return dict(headers)
    clean = {n: v for n, v in headers.items() if n not in {"x-amz-decoded-content-length", "x-amz-trailer"}}
    encodings = [e.strip() for e in clean.pop("content-encoding", "").split(",")]
    kept = ",".join(e for e in encodings if e and e != "aws-chunked")
    if kept:
        clean["content-encoding"] = kept
    clean["x-amz-content-sha256"] = sigv4.UNSIGNED_PAYLOAD
    return clean | dict(body.trailers)


def _plain(status: int, text: str) -> HttpResponse:
    return HttpResponse(status, [("Content-Type", "text/plain; charset=utf-8")], text.encode())
