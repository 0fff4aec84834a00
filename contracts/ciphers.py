"""Cipher suites: what a listener agrees to when a client offers nothing better."""

from __future__ import annotations

import os
from collections.abc import Mapping

from contracts import tls
from contracts.access import Access
from contracts.listeners import offer, say
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.tls import Alert, Closed, NotTls, Reply, ServerHello

#: No forward secrecy (RSA key exchange), 3DES, RC4, or no encryption at all: RFC 9325, section 4.1.
WEAK = {
    0x002F: "TLS_RSA_WITH_AES_128_CBC_SHA",
    0x009C: "TLS_RSA_WITH_AES_128_GCM_SHA256",
    0x000A: "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    0xC012: "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    0xC008: "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA",
    0xC011: "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    0xC010: "TLS_ECDHE_RSA_WITH_NULL_SHA",
    0x003B: "TLS_RSA_WITH_NULL_SHA256",
}
#: The same hello with these must be agreed to; else a refusal of the weak ones shows nothing.
_STRONG = (0xC02B, 0xC02F, 0xC02C, 0xC030)  # ECDHE with AES-GCM, ECDSA and RSA


def judge_weak_suites(weak: Mapping[str, Reply], strong: Mapping[str, Reply]) -> Outcome:
    """Judge what listeners answered, by address, to weak suites alone and to strong ones alone."""
    evidence = {address: f"weak: {say(reply)}; strong: {say(strong[address])}" for address, reply in weak.items()}
    for address, reply in weak.items():
        if isinstance(reply, ServerHello):
            return Failed(f"{address} agreed to a weak cipher suite", evidence)
        if isinstance(reply, NotTls):
            return Failed(f"{address} does not speak TLS", evidence)
    for address, reply in strong.items():
        if not isinstance(reply, ServerHello):
            raise ProbeError(
                f"{address} refuses strong suites in the same hello, so its refusal shows nothing", evidence
            )
    for address, reply in weak.items():
        if reply not in (Alert("handshake_failure"), Alert("insufficient_security"), Closed()):
            raise ProbeError(f"{address} refused with {say(reply)}, not for the suites", evidence)
    return Verified(evidence)


@contract(
    "listener.tls.cipher",
    title="Weak cipher suites are refused",
    risk="Whoever records the traffic and later gets the key reads everything",
    statement="Every listener refuses TLS 1.2 with suites that lack forward secrecy or use 3DES, RC4 or no encryption",
    remediation="Set ssl.cipher.suites on the brokers to suites with ECDHE and AES-GCM",
    documentation="RFC 9325, Recommendations for Secure Use of TLS, section 4",
    needs=("listeners",),
)
def weak_suites(access: Access, watch: Watch) -> Outcome:
    """Offer weak suites alone by a hand-made handshake, then strong ones in the same way."""
    answers: dict[str, dict[str, Reply]] = {"weak": {}, "strong": {}}
    for address in access.every_address(watch):
        for kind, suites in (("weak", tuple(WEAK)), ("strong", _STRONG)):
            watch.waiting(f"{address} to answer to {kind} suites")
            hello = tls.client_hello("TLSv1.2", address.host, os.urandom(32), suites)
            reply = offer(address, hello, watch, f"answered nothing to {kind} suites")
            answers[kind][str(address)] = tls.parse_reply(reply)
    return judge_weak_suites(answers["weak"], answers["strong"])
