"""A client of Kafka Connect's REST interface: JSON in and out, TLS checked, errors that say what the worker said."""

from __future__ import annotations

import json
import ssl
import urllib.parse
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from orchestrator.errors import EphkError

#: Workers answer 409 while they share out their tasks anew.
REBALANCING = 409


class ConnectRestError(EphkError):
    """A worker refused a request, or gave no answer.

    Attributes:
        status: the HTTP status; 0 when there was no answer.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ConnectRest:
    """One worker's REST interface. Safe to use from many threads.

    Args:
        url: its `https://host:port`.
        ca_pem: the CA of its certificate; None means the machine's trust store.
        username: who asks; None sends no credentials.
        password: a secret.
    """

    def __init__(self, url: str, ca_pem: str | None, username: str | None = None, password: str = "") -> None:
        context = ssl.create_default_context(cadata=ca_pem)
        self.url = url.rstrip("/")
        headers = {"Accept": "application/json"}
        if username is not None:
            headers |= urllib3.make_headers(basic_auth=f"{username}:{password}")
        self._pool = urllib3.PoolManager(ssl_context=context, headers=headers, retries=False, maxsize=4)

    def request(self, method: str, path: str, document: Any = None, *, timeout_s: float = 10.0) -> tuple[int, Any]:
        """Send one request and return its status with the JSON answer (None when there is none).

        Raises:
            ConnectRestError: no answer; its status is 0.
        """
        try:
            answer = self._pool.request(
                method, self.url + path, json=document, timeout=urllib3.Timeout(total=timeout_s)
            ) if document is not None else self._pool.request(
                method, self.url + path, timeout=urllib3.Timeout(total=timeout_s)
            )  # fmt: skip
        except HTTPError as error:
            raise ConnectRestError(f"{self.url} gives no answer: {_reason(error)}") from error
        try:
            return answer.status, json.loads(answer.data) if answer.data else None
        except ValueError:
            return answer.status, None

    def call(self, method: str, path: str, document: Any = None, *, timeout_s: float = 10.0) -> Any:
        """Send one request and return its answer.

        Raises:
            ConnectRestError: no answer, or one that is not of the 200s, with what the worker said.
        """
        status, answer = self.request(method, path, document, timeout_s=timeout_s)
        if 200 <= status < 300:
            return answer
        message = answer.get("message") if isinstance(answer, dict) else None
        raise ConnectRestError(message or f"{method} {path} was answered with {status}", status)

    def status(self, connector: str) -> Any:
        """Return `GET /connectors/NAME/status`."""
        return self.call("GET", f"/connectors/{urllib.parse.quote(connector, safe='')}/status")

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()


def _reason(error: HTTPError) -> str:
    cause = getattr(error, "reason", None) or error
    return f"{type(cause).__name__}: {cause}"


def first_cause(trace: str) -> str:
    """Return the first cause of a Java stack trace: the last `Caused by`, else its first line."""
    lines = [line.strip() for line in trace.strip().splitlines()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return (causes[-1] if causes else lines[0] if lines else "").strip()
