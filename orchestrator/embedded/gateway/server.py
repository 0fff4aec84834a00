"""The two HTTP servers of the gateway, HTTPS and plain, both on the loopback interface only."""

from __future__ import annotations

import contextlib
import errno
import logging
import ssl
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from cheroot import server as cheroot_server
from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter

from orchestrator.embedded.gateway.http import HttpRequest, HttpResponse
from orchestrator.errors import EphkError

_log = logging.getLogger(__name__)
_HOST = "127.0.0.1"
#: Requests worked on at once, by each of the two servers. A latency of a scenario holds one of them.
_THREADS = 32
#: Seconds that an idle connection is kept.
_IDLE_S = 30
_MAX_HEADER_BYTES = 256 * 1024

Handler = Callable[[HttpRequest], HttpResponse]


class _LazyTls(BuiltinSSLAdapter):
    """TLS whose handshake happens in the worker: a client that says nothing must not keep others from connecting."""

    def wrap(self, sock: Any) -> tuple[Any, dict[str, str]]:
        """Wrap an accepted socket; the first read does the handshake."""
        wrapped = self.context.wrap_socket(sock, do_handshake_on_connect=False, server_side=True)
        return wrapped, {"wsgi.url_scheme": "https"}


class _Gateway(wsgi.Gateway):
    """Between cheroot's request and ours: nothing is decoded that a signature covers."""

    def __init__(self, req: Any) -> None:
        self.req = req

    def respond(self) -> None:
        """Read the request whole, let it be handled, write the response whole."""
        req = self.req
        path, _, query = req.uri.decode("latin-1").partition("?")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in req.inheaders.items()}
        secure = req.server.ssl_adapter is not None
        # cheroot reads a body of a known length to its end only when asked for that length.
        body = req.rfile.read() if req.chunked_read else req.rfile.read(int(headers.get("content-length") or 0))
        request = HttpRequest(
            req.method.decode("latin-1"), path, query, headers, body, secure, req.conn.remote_addr or _HOST
        )
        response = req.server.handler(request)
        if response.drop:
            req.close_connection = True
            req.sent_headers = True
            with contextlib.suppress(OSError):
                req.conn.socket.shutdown(2)
            return
        self._write(response)

    def _write(self, response: HttpResponse) -> None:
        req = self.req
        try:
            phrase = HTTPStatus(response.status).phrase
        except ValueError:
            phrase = "Status"
        req.status = f"{response.status} {phrase}".encode("latin-1")
        no_body = req.method == b"HEAD" or response.status in {204, 304}
        names = {name.lower() for name, _ in response.headers}
        for name, value in response.headers:
            if name.lower() == "content-length" and not no_body:
                continue
            if name.lower() not in {"transfer-encoding", "date", "server"}:
                req.outheaders.append((name.encode("latin-1"), _header_bytes(value)))
        if not no_body or (req.method == b"HEAD" and "content-length" not in names):
            req.outheaders.append((b"Content-Length", str(len(response.body)).encode()))
        req.ensure_headers_sent()
        if not no_body and response.body:
            req.write(response.body)


def _header_bytes(value: str) -> bytes:
    try:
        data = value.encode("latin-1")
    except UnicodeEncodeError:
        data = value.encode()
    return data.replace(b"\r", b" ").replace(b"\n", b" ")


class _Server(cheroot_server.HTTPServer):
    def __init__(self, port: int, handler: Handler) -> None:
        super().__init__((_HOST, port), gateway=_Gateway, minthreads=_THREADS, maxthreads=_THREADS)
        self.handler = handler
        self.timeout = _IDLE_S
        self.shutdown_timeout = 2
        self.max_request_header_size = _MAX_HEADER_BYTES
        self.keep_alive_conn_limit = 512
        self.reuse_port = False

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """Send cheroot's messages to our log; its default writes to standard error."""
        _log.log(level, "%s", msg, exc_info=traceback and level >= logging.ERROR)


class Servers:
    """Both servers, bound when constructed, so that the ports are known before anything is served.

    Args:
        handler: answers a request; called from many threads.
        certificate: the server certificate's file.
        key: its private key's file.
        port: the HTTPS port, 0 for a free one.
        http_port: the plain HTTP port, 0 for a free one.

    Raises:
        EphkError: a port is taken.
    """

    def __init__(self, handler: Handler, *, certificate: Path, key: Path, port: int = 0, http_port: int = 0) -> None:
        self._tls = _Server(port, handler)
        self._plain = _Server(http_port, handler)
        adapter = _LazyTls(str(certificate), str(key))
        adapter.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls.ssl_adapter = adapter
        self._threads: list[threading.Thread] = []
        for server, wanted in ((self._tls, port), (self._plain, http_port)):
            try:
                server.prepare()
            except OSError as error:
                self.stop()
                raise _cannot_bind(wanted, error) from error

    @property
    def port(self) -> int:
        """The HTTPS port."""
        return int(self._tls.bind_addr[1])

    @property
    def http_port(self) -> int:
        """The plain HTTP port."""
        return int(self._plain.bind_addr[1])

    def start(self) -> None:
        """Serve, in threads of their own."""
        for server, name in ((self._tls, "https"), (self._plain, "http")):
            thread = threading.Thread(target=server.serve, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop both servers and close their ports."""
        for server in (self._tls, self._plain):
            with contextlib.suppress(Exception):
                server.stop()
        for thread in self._threads:
            thread.join(timeout=3)


def _cannot_bind(port: int, error: OSError) -> EphkError:
    taken = error.errno == errno.EADDRINUSE or "in use" in str(error)
    if taken and port:
        return EphkError(
            f"Port {port} of this machine is taken, so the embedded cloud cannot listen on it.",
            next_step=f"See who holds it with `ss -ltnp 'sport = :{port}'`, or choose another port, or none.",
        )
    return EphkError(f"The embedded cloud cannot listen on 127.0.0.1:{port}: {error}.")
