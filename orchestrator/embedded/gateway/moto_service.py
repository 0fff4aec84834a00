"""Requests for the services that moto keeps, in this process, with its failures turned into AWS's own errors."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from typing import Any

from orchestrator.embedded.gateway import errors, moto_fixes
from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse
from orchestrator.embedded.gateway.models import Target
from orchestrator.embedded.gateway.moto_state import moto_lock

_log = logging.getLogger(__name__)

#: Not for the application behind: transfer encodings are undone, and moto takes an account from a header of its own.
_HEADERS_KEPT_BACK = ("connection", "expect", "te", "trailer", "x-moto-account-id", "x-amz-trailer", "authorization")


class MotoService:
    """Dispatches to moto's applications, one for each service, made at the first request for it."""

    def __init__(self) -> None:
        self._dispatcher: Any = None
        self._apps: dict[str, Any] = {}

    def _app(self, environ: dict[str, Any], path: str) -> Any:
        """Return the application for a request, or None when moto does not have the service."""
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        if self._dispatcher is None:
            self._dispatcher = DomainDispatcherApplication(create_backend_app)
        host = self._dispatcher.infer_service_region_host(environ, path)
        backend = self._dispatcher.get_backend_for_host(host)
        if backend is None:
            return None
        return self._prepared(backend)

    def _prepared(self, backend: str) -> Any:
        from moto.moto_server.werkzeug_app import create_backend_app

        if backend not in self._apps:
            self._apps[backend] = create_backend_app(backend)
            moto_fixes.apply(backend)
        return self._apps[backend]

    def call(self, request: HttpRequest, target: Target, *, access_key_id: str, region: str, date: str) -> HttpResponse:
        """Serve one request that has been authenticated and authorized.

        Args:
            request: with its body unwrapped.
            target: what it asks for.
            access_key_id: who asks; moto finds its own users by it.
            region: the region of the credential scope.
            date: the day of the credential scope.
        """
        if moto_fixes.misunderstands(target.service, target.operation or ""):
            return self._not_available(request, target)
        environ = request.environ(host="127.0.0.1", port=443, input_stream=io.BytesIO(request.body))
        for name in _HEADERS_KEPT_BACK:
            environ.pop("HTTP_" + name.upper().replace("-", "_"), None)
        # moto reads service, region and account from this header, also for presigned and anonymous requests.
        environ["HTTP_AUTHORIZATION"] = (
            f"AWS4-HMAC-SHA256 Credential={access_key_id}/{date}/{region}/{target.signing_name}/aws4_request, "
            "SignedHeaders=host, Signature=0"
        )
        metadata = [name for name in request.headers if "_" in name and name.startswith("x-amz-meta-")]
        environ["moto.preserved_header_names"] = {_key(name): name for name in metadata}
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Any:
            started[:] = [int(status.split(" ", 1)[0]), headers]
            return lambda _data: None

        try:
            with moto_lock:
                app = self._app(environ, request.path)
                if app is None:
                    return self._not_available(request, target)
                result = app(environ, start_response)
                body = b"".join(result)
                if hasattr(result, "close"):
                    result.close()
        except NotImplementedError:
            return self._not_available(request, target)
        except Exception as error:  # noqa: BLE001 - whatever moto raises is a 500 to the client
            _log.exception("moto failed: %s %s", target.service, target.requested)
            problem = errors.internal(
                f"The emulation of {target.requested} failed: {type(error).__name__}.", target.protocol
            )
            return errors.render(problem, target.protocol, service=target.service, method=request.method)
        return self._answer(request, target, started[0], started[1], body)

    def warm_up(self, services: Iterable[str]) -> None:
        """Import services before they are asked for: EC2 alone takes over a second."""
        from moto.backends import get_backend

        for service in services:
            get_backend(service)  # the import, which is most of the time, without the lock
            with moto_lock:
                self._prepared(service)

    def _not_available(self, request: HttpRequest, target: Target) -> HttpResponse:
        problem = errors.not_available(target.signing_name, target.requested, target.protocol)
        return errors.render(problem, target.protocol, method=request.method)

    def _answer(
        self, request: HttpRequest, target: Target, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> HttpResponse:
        is_page = status in {404, 405, 500, 501} and body[:15].lower().startswith(b"<!doctype html")
        if is_page and status != 500:
            return self._not_available(request, target)
        if is_page:
            problem = errors.internal(f"The emulation of {target.requested} failed.", target.protocol)
            return errors.render(problem, target.protocol, method=request.method)
        # No page of any other origin may read an answer: moto's permissive CORS headers are dropped.
        kept = [(n, v) for n, v in headers if not n.lower().startswith("access-control-") and n.lower() != "connection"]
        return HttpResponse(status, kept, body)


def _key(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")
