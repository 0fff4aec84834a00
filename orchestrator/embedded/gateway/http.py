"""A request and a response as plain values, so that everything behind the server can be tested without one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote, unquote_plus, unquote_to_bytes


@dataclass
class HttpRequest:
    """One request, its body read.

    Attributes:
        method: in capitals.
        raw_path: the path as it was sent, percent-encoded.
        raw_query: the query string as it was sent, without `?`.
        headers: values by lower-case name, as sent (ISO 8859-1 text), repeated ones joined by commas.
        body: the whole body, the transfer encoding removed.
        secure: whether it came over TLS.
        source_ip: the peer's address.
    """

    method: str
    raw_path: str
    raw_query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    secure: bool = True
    source_ip: str = "127.0.0.1"

    @cached_property
    def query(self) -> dict[str, str]:
        """The decoded query parameters; the first of a repeated one, an empty text for one without value."""
        decoded: dict[str, str] = {}
        for name, value in self.query_items:
            decoded.setdefault(name, value)
        return decoded

    @cached_property
    def query_items(self) -> list[tuple[str, str]]:
        """The decoded query parameters in order, repeated ones kept."""
        return split_query(self.raw_query)

    @cached_property
    def path(self) -> str:
        """The decoded path."""
        return unquote(self.raw_path)

    @cached_property
    def form(self) -> dict[str, str]:
        """The decoded form body of a query-protocol request (empty for other content types)."""
        if not self.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
            return {}
        fields: dict[str, str] = {}
        for part in self.body.decode("utf-8", "replace").split("&"):
            name, _, value = part.partition("=")
            if name:
                fields.setdefault(unquote_plus(name), unquote_plus(value))
        return fields

    def environ(self, *, host: str, port: int, input_stream: Any) -> dict[str, Any]:
        """Build the WSGI environment of this request, for an application that is called in process."""
        scheme = "https" if self.secure else "http"
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(self.raw_path).decode("latin-1"),
            "QUERY_STRING": self.raw_query,
            "RAW_URI": self.raw_path + ("?" + self.raw_query if self.raw_query else ""),
            "REQUEST_URI": self.raw_path + ("?" + self.raw_query if self.raw_query else ""),
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self.source_ip,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scheme,
            "wsgi.input": input_stream,
            "wsgi.errors": None,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "CONTENT_LENGTH": str(len(self.body)),
        }
        for name, value in self.headers.items():
            if name == "content-type":
                environ["CONTENT_TYPE"] = value
            elif name not in {"content-length", "transfer-encoding"}:
                environ["HTTP_" + name.upper().replace("-", "_")] = value
        return environ


@dataclass
class HttpResponse:
    """One response, complete.

    Attributes:
        status: the HTTP status.
        headers: in order, names as they are to be sent.
        body: the whole body.
        drop: close the connection instead of answering.
    """

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    drop: bool = False

    def header(self, name: str) -> str | None:
        """Return the first header called `name` in whatever case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


def split_query(raw_query: str) -> list[tuple[str, str]]:
    """Decode a query string into names and values, in order; `+` stays `+`, as AWS's signing rules have it."""
    pairs = []
    for part in raw_query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((unquote(name), unquote(value)))
    return pairs


def lower_headers(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Collect headers by lower-case name, repeated ones joined by a comma."""
    collected: dict[str, str] = {}
    for name, value in items:
        key = name.lower()
        collected[key] = f"{collected[key]},{value}" if key in collected else value
    return collected
