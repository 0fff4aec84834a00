"""The workers' REST interface: reachable, closed to strangers, and TLS only."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from contracts import tls
from contracts.access import Access
from contracts.connect_access import ANSWER_S, endpoint, rest, with_rest
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.tls import Alert, ServerHello
from orchestrator.connect_rest import ConnectRest, ConnectRestError

_DOCUMENTATION = "Apache Kafka documentation, Kafka Connect: REST API; KIP-285, Connect REST extension plugin"
_UNAUTHORIZED = 401


@contract(
    "connect.rest.reachable",
    title="The Connect workers' REST interface answers",
    risk="Deployments of connectors, and whoever watches over them, cannot reach the workers",
    statement="Every worker answers over REST and names the cluster that it works for",
    remediation="Look at the worker's log; restart the connector",
    documentation=_DOCUMENTATION,
    needs=("connect", "connect.rest"),
)
def reachable(access: Access, watch: Watch) -> Outcome:
    """Ask every worker who it is."""
    evidence: dict[str, Any] = {}
    for connector in with_rest(access.environment):
        for number, url in enumerate(endpoint(connector).urls):
            watch.waiting(f"{url} to answer")
            try:
                answer = rest(access, connector, watch, number).call("GET", "/", timeout_s=watch.remaining(ANSWER_S))
            except ConnectRestError as error:
                return Failed(f"worker {number + 1} of {connector.name}: {error.message}", evidence)
            evidence[f"{connector.name} {url}"] = {name: answer.get(name) for name in ("version", "kafka_cluster_id")}
    clusters = {seen["kafka_cluster_id"] for seen in evidence.values()}
    if len(clusters) != 1:
        return Failed("workers of one environment work for different clusters", evidence)
    return Verified(evidence)


def judge_strangers(answers: Mapping[str, int]) -> Outcome:
    """Judge the statuses that strangers got, by who asked whom: only 401 is a refusal."""
    evidence = {"answers": dict(answers)}
    for who, status in answers.items():
        if 200 <= status < 300:
            return Failed(f"{who} was answered with {status}", evidence)
    for who, status in answers.items():
        if status != _UNAUTHORIZED:
            raise ProbeError(f"{who} got {status}, which refuses something else than the identity", evidence)
    return Verified(evidence)


@contract(
    "connect.rest.auth.required",
    title="The REST interface asks who you are",
    risk="Whoever reaches a worker can read connector configurations, and run code of their choice as the connector",
    statement="Without credentials, and with a wrong password, every worker answers 401",
    remediation="Enable BasicAuthSecurityRestExtension (or a proxy that authenticates) on every worker",
    documentation=_DOCUMENTATION,
    needs=("connect", "connect.rest"),
)
def auth_required(access: Access, watch: Watch) -> Outcome:
    """Ask for the connectors as nobody, and as the right user with a wrong password."""
    answers: dict[str, int] = {}
    for connector in with_rest(access.environment):
        place = endpoint(connector)
        for url in place.urls:
            for who, client in (
                ("nobody", ConnectRest(url, place.ca_pem)),
                ("a wrong password", ConnectRest(url, place.ca_pem, "ephk", "not-" + os.urandom(8).hex())),
            ):
                watch.waiting(f"{url} to refuse {who}")
                try:
                    status, _ = client.request("GET", "/connectors", timeout_s=watch.remaining(ANSWER_S))
                    answers[f"{who} at {url}"] = status
                except ConnectRestError as error:
                    raise ProbeError(error.message, {"answers": answers}) from error
                finally:
                    client.close()
    return judge_strangers(answers)


def judge_tls(negotiated: Mapping[str, str], plain: Mapping[str, bytes], old: Mapping[str, Any]) -> Outcome:
    """Judge what workers agreed to.

    Args:
        negotiated: the TLS version by URL, with the certificate checked.
        plain: what plain HTTP was answered with, by URL; empty when the connection was closed.
        old: the reply to TLS 1.1, by URL.
    """
    evidence = {
        "negotiated": dict(negotiated),
        "plain_http": {url: "answered" if answer.startswith(b"HTTP/") else "refused" for url, answer in plain.items()},
        "tls_1_1": {url: _say(reply) for url, reply in old.items()},
    }
    for url, version in negotiated.items():
        if version not in ("TLSv1.2", "TLSv1.3"):
            return Failed(f"{url} negotiated {version}", evidence)
    for url, answer in plain.items():
        if answer.startswith(b"HTTP/"):
            return Failed(f"{url} answers plain HTTP", evidence)
    for url, reply in old.items():
        if isinstance(reply, ServerHello):
            return Failed(f"{url} agreed to {reply.version} when offered TLSv1.1", evidence)
        if not isinstance(reply, Alert):
            raise ProbeError(f"{url} answered TLS 1.1 with {_say(reply)}", evidence)
    return Verified(evidence)


def _say(reply: Any) -> str:
    if isinstance(reply, Alert):
        return f"alert {reply.description}"
    return f"agreed to {reply.version}" if isinstance(reply, ServerHello) else type(reply).__name__


@contract(
    "connect.rest.tls",
    title="The REST interface speaks TLS only",
    risk="Passwords of connectors, which are part of their configuration, are read on the way",
    statement="Every worker negotiates TLS 1.2 or 1.3 with a certificate that is trusted, and answers no plain HTTP",
    remediation="Set listeners=https://... with a key store, and listeners.https.ssl.enabled.protocols=TLSv1.2,TLSv1.3",
    documentation="Apache Kafka documentation, Kafka Connect: REST API (listeners.https.*); RFC 8996",
    needs=("connect", "connect.rest"),
)
def tls_only(access: Access, watch: Watch) -> Outcome:
    """Shake hands with the certificate checked, try plain HTTP, offer an old version."""
    negotiated: dict[str, str] = {}
    plain: dict[str, bytes] = {}
    old: dict[str, Any] = {}
    for connector in with_rest(access.environment):
        place = endpoint(connector)
        for url in place.urls:
            address = urlsplit(url)
            host, port = str(address.hostname), int(address.port or 443)
            watch.waiting(f"{url} to shake hands")
            try:
                negotiated[url] = _version(host, port, tls.trust(place.ca_pem), watch)
            except ssl.SSLError as error:
                return Failed(f"{url}: {error.reason or error}", {"negotiated": negotiated})
            plain[url] = _plain(host, port, watch)
            hello = tls.client_hello("TLSv1.1", host, os.urandom(32))
            old[url] = tls.parse_reply(tls.offer(host, port, hello, watch.remaining(ANSWER_S)))
    return judge_tls(negotiated, plain, old)


def _version(host: str, port: int, context: ssl.SSLContext, watch: Watch) -> str:
    with (
        socket.create_connection((host, port), timeout=watch.remaining(ANSWER_S)) as raw,
        context.wrap_socket(raw, server_hostname=host) as secure,
    ):
        return secure.version() or "none"


def _plain(host: str, port: int, watch: Watch) -> bytes:
    with socket.create_connection((host, port), timeout=watch.remaining(ANSWER_S)) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        try:
            return connection.recv(64)
        except (TimeoutError, ConnectionError):
            return b""
