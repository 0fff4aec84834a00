"""The registry's door: it answers, over TLS that can be trusted, and only those whom it knows."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from contracts import certificates, tls
from contracts.access import ANSWER_S, Access
from contracts.diagnosis import explain
from contracts.listeners import judge_old_versions, offer
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.schemas.registry_access import Answer, address_of, ask, own_user, registry_of
from contracts.wire import ConnectError, TlsRefusedError

_OLD_VERSIONS = ("TLSv1.0", "TLSv1.1")
_REFUSED = (401, 403)
_SCHEMA = {"schema": '{"type": "string"}'}


def judge_answer(answer: Answer) -> Outcome:
    """Judge what the registry answered to its own user who asked for the subjects."""
    evidence = {"status": answer.status}
    if answer.status in _REFUSED:
        return Failed(f"the registry refuses the environment's own user (HTTP {answer.status})", evidence)
    subjects = answer.document()
    if answer.status != 200 or not isinstance(subjects, list):
        return Failed(f"what answers is no schema registry (HTTP {answer.status})", evidence)
    return Verified(evidence | {"subjects": len(subjects)})


@contract(
    "schema.registry.reachable",
    title="The schema registry answers",
    risk="Producers stop when they cannot register a schema, consumers when they cannot look one up",
    statement="The schema registry answers the environment's own user",
    remediation="Start the registry, open the way to it, or correct its URL and its secret",
    documentation="Confluent documentation, Schema Registry API Reference",
    needs=("schema-registry",),
)
def reachable(access: Access, watch: Watch) -> Outcome:
    """Ask for the list of subjects."""
    try:
        answer = ask(access, watch, "GET", "/subjects", own_user(access, watch))
    except (ConnectError, TlsRefusedError) as error:
        diagnosis = explain(error)
        return Failed(diagnosis.sentence(), {"diagnosis": diagnosis.code, "url": registry_of(access).url})
    outcome = judge_answer(answer)
    return Verified({"url": registry_of(access).url, **outcome.evidence}) if isinstance(outcome, Verified) else outcome


@contract(
    "schema.registry.tls",
    title="The schema registry has TLS that can be trusted",
    risk="Whoever is on the way reads the registry's password, or hands out schemas of their own",
    statement="The registry's certificate verifies, bears its name, outlives the lease; TLS 1.0 and 1.1 are refused",
    remediation="Serve HTTPS alone, with a certificate of the CA that clients are given, and TLS 1.2 or newer",
    documentation="RFC 8996; RFC 6125, section 6",
    needs=("schema-registry",),
)
def registry_tls(access: Access, watch: Watch) -> Outcome:
    """Read the certificate without trusting it, verify it, and offer old versions."""
    registry = registry_of(access)
    if not registry.url.startswith("https://"):
        return Failed("the registry is used without TLS", {"url": registry.url})
    address = address_of(registry)
    watch.waiting(f"the certificate of {address}")
    try:
        seen = tls.read_certificate(address.host, address.port, registry.ca_pem, watch.remaining(ANSWER_S))
    except TlsRefusedError as error:
        return Failed(f"{address} offers no TLS that a client of today accepts: {error}")
    survey = {address: seen}
    now, end = datetime.now(access.environment.expires_at.tzinfo), access.environment.expires_at
    outcomes = (
        certificates.judge_chain(survey),
        certificates.judge_names(survey),
        certificates.judge_expiry(survey, now, end),
        certificates.judge_keys(survey),
    )
    for outcome in outcomes:
        if not isinstance(outcome, Verified):
            return outcome
    replies = {}
    for version in _OLD_VERSIONS:
        watch.waiting(f"{address} to refuse {version}")
        hello = tls.client_hello(version, address.host, os.urandom(32))
        replies[str(address), version] = tls.parse_reply(offer(address, hello, watch, f"answered nothing to {version}"))
    old = judge_old_versions(replies)
    if not isinstance(old, Verified):
        return old
    fingerprint = f"{seen.subject}, SHA-256 {seen.fingerprint}"
    return Verified({"negotiated": seen.tls_version, "certificate": fingerprint, "old": dict(old.evidence)})


def judge_auth(strangers: Mapping[str, int], own: int) -> Outcome:
    """Judge the door by HTTP status.

    Args:
        strangers: the status that each kind of stranger got.
        own: the status that the environment's own user got.
    """
    evidence: dict[str, Any] = {"strangers": dict(strangers), "own user": own}
    for who, status in strangers.items():
        if 200 <= status < 300:
            return Failed(f"the registry serves {who} (HTTP {status})", evidence)
    if own != 200:
        return Failed(f"the registry refuses the environment's own user (HTTP {own})", evidence)
    for who, status in strangers.items():
        if status not in _REFUSED:
            raise ProbeError(f"the registry answered {who} with HTTP {status}, which is no refusal", evidence)
    return Verified(evidence)


@contract(
    "schema.registry.auth.required",
    title="The schema registry asks who is there",
    risk="Anybody in the network changes or deletes the schemas that all consumers rely on",
    statement="The registry refuses to read or to write for nobody, for a wrong password and for an unknown user",
    remediation="Switch the registry's authentication on for every path, for reading too",
    documentation="Apicurio Registry documentation, Configuring Apicurio Registry security options",
    needs=("schema-registry", "writes"),
)
def auth_required(access: Access, watch: Watch) -> Outcome:
    """Try the door with no name, a wrong password and a wrong name, then with the right ones."""
    own = own_user(access, watch)
    wrong = secrets.token_urlsafe(18)
    name = own[0] if own else "registry"
    strange = f"/subjects/{access.probe_topic_name}-stranger-value"
    strangers = {
        "nobody who reads": ask(access, watch, "GET", "/subjects", None).status,
        "nobody who writes": ask(access, watch, "POST", f"{strange}/versions", None, _SCHEMA).status,
        "a wrong password": ask(access, watch, "GET", "/subjects", (name, wrong)).status,
        "an unknown user": ask(access, watch, "GET", "/subjects", (f"ephk-{wrong[:6]}", wrong)).status,
    }
    if strangers["nobody who writes"] == 200:  # it took what it should not have: leave nothing
        for permanent in ("", "?permanent=true"):
            ask(access, watch, "DELETE", strange + permanent, own)
    return judge_auth(strangers, ask(access, watch, "GET", "/subjects", own).status)
