"""Stand-ins for the engine and for AWS."""

from __future__ import annotations

import threading
from typing import Any

from orchestrator.embedded.provider.call import Call, Clients


class AbortedError(Exception):
    """What a gRPC context raises when a call is aborted."""

    def __init__(self, code: Any, details: str, status: Any = None) -> None:
        super().__init__(details)
        self.code, self.details, self.status = code, details, status


class Context:
    """The two ways in which the servicer ends a call."""

    def abort(self, code: Any, details: str) -> None:
        raise AbortedError(code, details)

    def abort_with_status(self, status: Any) -> None:
        raise AbortedError(status.code, status.details, status)


class FakeClients(Clients):
    """Clients that are given."""

    def __init__(self, **clients: Any) -> None:
        super().__init__()
        self._clients = {name.replace("_", "-"): client for name, client in clients.items()}
        self._account = "123456789012"


def call(clients: Clients, *, deadline_s: float = 5.0) -> Call:
    return Call(clients, threading.Event(), deadline_s)
