"""Listeners: TLS versions, no plaintext, and advertised addresses that lead to the brokers."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import Any

from contracts import tls
from contracts.access import ANSWER_S, Access, Address
from contracts.certificates import survey
from contracts.diagnosis import explain
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.tls import Alert, Closed, NotTls, Reply, ServerHello
from contracts.wire import BrokerConnection, SaslRefusedError, TlsRefusedError, WireError, codec, requests

#: Seconds for an answer to bytes that a listener should not like.
_BAD_BYTES_S = 4.0
_OLD_VERSIONS = ("TLSv1.0", "TLSv1.1")
_GOOD_VERSIONS = ("TLSv1.2", "TLSv1.3")


def judge_old_versions(replies: Mapping[tuple[str, str], Reply]) -> Outcome:
    """Judge what listeners answered to old versions, by (address, version).

    Only the alert `protocol_version` refuses a version; another alert refuses something else.
    """
    evidence = {f"{address} {version}": say(reply) for (address, version), reply in replies.items()}
    for (address, version), reply in replies.items():
        if isinstance(reply, ServerHello):
            return Failed(f"{address} agreed to {reply.version} when offered {version}", evidence)
        if isinstance(reply, NotTls):
            return Failed(f"{address} does not speak TLS", evidence)
    for (address, version), reply in replies.items():
        if reply != Alert("protocol_version"):
            raise ProbeError(f"{address} refused {version} with {say(reply)}, not for the version", evidence)
    return Verified(evidence)


def say(reply: Reply) -> str:
    """Say a listener's answer in words."""
    if isinstance(reply, Alert):
        return f"alert {reply.description}"
    if isinstance(reply, ServerHello):
        return f"agreed to {reply.version}"
    return "closed without an alert" if isinstance(reply, Closed) else f"answered {reply.beginning}"


@contract(
    "listener.tls.version",
    title="TLS 1.2 or newer, older versions refused",
    risk="A client that may fall back to TLS 1.0 or 1.1 can be read or changed on the way",
    statement="Every listener of every broker negotiates TLS 1.2 or 1.3 and refuses TLS 1.0 and 1.1 by an alert",
    remediation="Set ssl.enabled.protocols=TLSv1.2,TLSv1.3 on the brokers",
    documentation="RFC 8996, Deprecating TLS 1.0 and TLS 1.1",
    needs=("listeners",),
)
def tls_version(access: Access, watch: Watch) -> Outcome:
    """Offer old versions by hand-made handshakes, and look at what a modern client gets."""
    negotiated = {str(address): seen.tls_version for address, seen in survey(access, watch).items()}
    replies: dict[tuple[str, str], Reply] = {}
    for address in access.every_address(watch):
        for version in _OLD_VERSIONS:
            watch.waiting(f"{address} to refuse {version}")
            hello = tls.client_hello(version, address.host, os.urandom(32))
            answer = offer(address, hello, watch, f"answered nothing to {version}")
            replies[str(address), version] = tls.parse_reply(answer)
    if weak := {where: version for where, version in negotiated.items() if version not in _GOOD_VERSIONS}:
        return Failed(f"{next(iter(weak))} negotiated {next(iter(weak.values()))}", {"negotiated": negotiated})
    outcome = judge_old_versions(replies)
    if isinstance(outcome, Verified):
        return Verified({"negotiated": negotiated, "old": dict(outcome.evidence)})
    return outcome


def offer(address: Address, data: bytes, watch: Watch, silence: str) -> bytes:
    """Send bytes and return the answer; raises ProbeError with `silence` when nothing comes and nothing closes."""
    try:
        return tls.offer(address.host, address.port, data, watch.remaining(_BAD_BYTES_S))
    except TimeoutError:
        raise ProbeError(f"{address} {silence} and kept the connection open") from None


def plaintext_request() -> bytes:
    """Return an ApiVersions request as a client without TLS sends it first."""
    return codec.blob(codec.int16(18) + codec.int16(0) + codec.int32(77) + codec.string("ephk-probe"))


def judge_plaintext(answers: Mapping[str, bytes], advertised_plaintext: str | None) -> Outcome:
    """Judge what came back on a plaintext request, by address.

    Args:
        answers: bytes received; empty means that the listener closed.
        advertised_plaintext: what the control plane says the plaintext bootstrap servers are.
    """
    evidence: dict[str, Any] = {}
    spoke = []
    for address, answer in answers.items():
        reply = tls.parse_reply(answer)
        evidence[address] = say(reply)
        if isinstance(reply, NotTls | ServerHello):
            spoke.append(address)
    if spoke:
        return Failed(f"{', '.join(spoke)} answered a client without TLS", evidence)
    if advertised_plaintext:
        return Failed(f"the control plane offers plaintext bootstrap servers: {advertised_plaintext}", evidence)
    return Verified(evidence)


@contract(
    "listener.plaintext.refused",
    title="No plaintext listener",
    risk="Records and credentials cross the network in clear",
    statement="No listener answers a Kafka client that does not use TLS, and the cluster offers no plaintext listener",
    remediation="Set encryption in transit to TLS only (client_broker = TLS)",
    documentation="Amazon MSK Developer Guide, Amazon MSK encryption in transit",
    needs=("listeners",),
)
def plaintext_refused(access: Access, watch: Watch) -> Outcome:
    """Send a real ApiVersions request in clear to every port."""
    answers = {}
    for address in access.every_address(watch):
        watch.waiting(f"{address} to refuse plaintext")
        answers[str(address)] = offer(address, plaintext_request(), watch, "answered nothing to plaintext")
    offered = None
    if access.environment.flavour == "msk":
        watch.waiting("the control plane's bootstrap servers")
        answer = access.client("kafka").get_bootstrap_brokers(ClusterArn=access.environment.cluster.arn)
        offered = answer.get("BootstrapBrokerString")
    return judge_plaintext(answers, offered)


def judge_advertised(
    expected: int, advertised: Mapping[str, Mapping[int, str]], problems: Mapping[str, str]
) -> Outcome:
    """Judge advertised addresses.

    Args:
        expected: how many brokers the cluster has.
        advertised: address by broker id, by listener.
        problems: why an address could not be used, by address.
    """
    evidence = {listener: {str(k): v for k, v in brokers.items()} for listener, brokers in advertised.items()}
    if problems:
        return Failed("; ".join(problems.values()), evidence)
    for listener, brokers in advertised.items():
        if len(brokers) != expected:
            return Failed(f"{len(brokers)} of {expected} brokers advertise themselves on {listener}", evidence)
        if len(set(brokers.values())) != len(brokers):
            return Failed(f"brokers share an address on {listener}", evidence)
    return Verified(evidence)


@contract(
    "listener.advertised",
    title="Advertised addresses lead to the brokers",
    risk="Clients bootstrap, then hang, because the brokers send them to addresses that they cannot reach",
    statement="Every broker advertises one address on each listener, which is reachable with a valid certificate",
    remediation="Correct advertised.listeners, DNS and the certificate's subject alternative names",
    documentation="Apache Kafka documentation, advertised.listeners; KIP-103",
    needs=("listeners",),
)
def advertised(access: Access, watch: Watch) -> Outcome:
    """Ask each listener who is there and connect to every address with full verification."""
    seen: dict[str, dict[int, str]] = {}
    problems: dict[str, str] = {}
    for listener in access.environment.cluster.bootstrap:
        principal = access.identity(listener)
        brokers = access.brokers(principal, watch)
        seen[listener] = {number: str(address) for number, address in brokers.items()}
        for address in brokers.values():
            try:
                connection = access.connection(principal, address, watch)
                watch.waiting(f"{address} to answer")
                requests.api_versions(connection)
            except WireError as error:
                if _refuses_the_client(error):
                    raise  # the address leads to a broker, which does not want this identity: another contract's risk
                problems[str(address)] = explain(error).cause
    return judge_advertised(access.environment.cluster.brokers, seen, problems)


def _refuses_the_client(error: WireError) -> bool:
    """Tell whether a broker refused who connected, and not the other way round."""
    if isinstance(error, TlsRefusedError):
        return not isinstance(error.__cause__, ssl.SSLCertVerificationError)
    return isinstance(error, SaslRefusedError)


def try_tls(access: Access, address: Address, watch: Watch, pair: Any = None) -> TlsRefusedError | None:
    """Connect without SASL and ask for ApiVersions; return the TLS refusal, or None when it was answered.

    With TLS 1.3 the client's handshake is complete before the broker has looked at its certificate, so
    only the first answer shows whether it was accepted (RFC 8446, section 4.4.2).

    Raises:
        WireError: the broker could not be asked, or its own certificate does not verify.
    """
    watch.waiting(f"{address} to judge the client certificate")
    try:
        with BrokerConnection(
            address.host, address.port, access.context(watch, pair), timeout_s=watch.remaining(ANSWER_S)
        ) as connection:
            requests.api_versions(connection)
    except TlsRefusedError as error:
        if not _refuses_the_client(error):
            raise  # it is this side that does not accept the broker's certificate
        return error
    return None
