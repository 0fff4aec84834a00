"""Asking the gateway where the workers of a connector are, while they come and go."""

from __future__ import annotations

import io
import json
import urllib.request
from email.message import Message
from urllib.error import HTTPError

import pytest

from orchestrator.embedded.connector_rest import await_connector_rest
from orchestrator.errors import EphkError

URL = "http://127.0.0.1:4566/_ephk/connectors/4711/rest"
DOCUMENT = {"urls": ["https://127.0.0.1:8083"], "ca_pem": "pem", "secret_arn": "arn"}


class Gateway:
    """Answers with these statuses in turn, the last for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.asked = list(statuses), 0

    def __call__(self, url: str, timeout: float) -> io.BytesIO:
        assert url == URL
        self.asked += 1
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status != 200:
            raise HTTPError(url, status, "refused", Message(), None)
        return io.BytesIO(json.dumps(DOCUMENT).encode())


def asked_with(monkeypatch: pytest.MonkeyPatch, *statuses: int) -> Gateway:
    gateway = Gateway(*statuses)
    monkeypatch.setattr(urllib.request, "urlopen", gateway)
    return gateway


def test_a_worker_that_died_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = asked_with(monkeypatch, 404, 404, 200)
    assert await_connector_rest(URL, poll_s=0.001) == DOCUMENT
    assert gateway.asked == 3


def test_a_worker_that_never_runs_is_an_error_that_says_what_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_with(monkeypatch, 404)
    with pytest.raises(EphkError, match=r"no worker of the connector at \S+/4711/rest has run") as raised:
        await_connector_rest(URL, deadline_s=0.01, poll_s=0.001)
    assert "log group" in str(raised.value.next_step)


def test_any_other_refusal_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = asked_with(monkeypatch, 500)
    with pytest.raises(HTTPError):
        await_connector_rest(URL)
    assert gateway.asked == 1
