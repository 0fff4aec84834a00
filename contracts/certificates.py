"""Certificates of the listeners: chain, names and validity, of every broker on every listener."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from contracts import tls
from contracts.access import ANSWER_S, Access, Address
from contracts.model import Failed, Outcome, Verified, Watch
from contracts.registry import contract
from contracts.tls import ServerCertificate, name_matches
from orchestrator.tags import rfc3339

Survey = Mapping[Address, ServerCertificate]


def survey(access: Access, watch: Watch) -> dict[Address, ServerCertificate]:
    """Read the certificate of every address, once for all contracts."""
    return {
        address: access.once(("certificate", address), lambda a=address: _read(access, a, watch), watch)  # type: ignore[misc]
        for address in access.every_address(watch)
    }


def _read(access: Access, address: Address, watch: Watch) -> ServerCertificate:
    watch.waiting(f"the certificate of {address}")
    return tls.read_certificate(
        address.host, address.port, access.environment.cluster.ca_pem, watch.remaining(ANSWER_S)
    )


def judge_chain(seen: Survey) -> Outcome:
    """Judge whether every chain verified."""
    broken = {str(address): found.chain_error for address, found in seen.items() if found.chain_error}
    if broken:
        address, problem = next(iter(broken.items()))
        return Failed(f"{address} has a certificate that does not verify: {problem}", {"broken": broken})
    return Verified({str(a): f"{found.subject}, SHA-256 {found.fingerprint}" for a, found in seen.items()})


def judge_names(seen: Survey) -> Outcome:
    """Judge whether every certificate bears the name by which its broker is addressed."""
    evidence = {str(address): list(found.names) for address, found in seen.items()}
    for address, found in seen.items():
        if not name_matches(address.host, found.names):
            names = ", ".join(found.names) or "no name"
            return Failed(f"{address} has a certificate for {names}, not for {address.host}", evidence)
    return Verified(evidence)


def judge_expiry(seen: Survey, now: datetime, lease_end: datetime) -> Outcome:
    """Judge whether every certificate is valid from now until after the lease's end."""
    evidence: dict[str, Any] = {str(address): rfc3339(found.not_after) for address, found in seen.items()}
    for address, found in seen.items():
        if found.not_before > now:
            return Failed(f"{address} has a certificate that is valid only from {rfc3339(found.not_before)}", evidence)
        if found.not_after <= max(now, lease_end):
            return Failed(
                f"{address} has a certificate that ends at {rfc3339(found.not_after)}, "
                f"before the lease ({rfc3339(lease_end)})",
                evidence,
            )
    return Verified(evidence | {"lease_end": rfc3339(lease_end)})


#: Smallest keys of 112 bits of security and more (NIST SP 800-57 Part 1, table 2); Ed25519 has one size.
_SMALLEST = {"RSA": 2048, "EC": 224, "Ed25519": 0, "Ed448": 0}


def judge_keys(seen: Survey) -> Outcome:
    """Judge whether every certificate's key is of a known type and large enough."""
    evidence = {str(address): f"{found.key_type} {found.key_bits}".strip() for address, found in seen.items()}
    for address, found in seen.items():
        smallest = _SMALLEST.get(found.key_type)
        if smallest is None or found.key_bits < smallest:
            return Failed(
                f"{address} has a certificate with a key that is too weak: {evidence[str(address)]}", evidence
            )
    return Verified(evidence)


@contract(
    "listener.tls.chain",
    title="Certificates verify",
    risk="Clients switch verification off to get through, and talk to whoever answers",
    statement="Every broker's certificate on every listener verifies against the environment's CA",
    remediation="Sign the brokers' certificates with the CA that clients are given, and send intermediate certificates",
    documentation="RFC 5280, section 6; Amazon MSK Developer Guide, Amazon MSK encryption in transit",
    needs=("listeners",),
)
def chain(access: Access, watch: Watch) -> Outcome:
    """Shake hands against the environment's trust store alone."""
    return judge_chain(survey(access, watch))


@contract(
    "listener.tls.hostname",
    title="Certificates bear the brokers' names",
    risk="Clients switch host-name verification off, and any certificate of the CA passes for any broker",
    statement="Every broker's certificate names the host by which clients reach it",
    remediation="Issue certificates whose subject alternative names contain the advertised host names",
    documentation="RFC 6125, section 6; KIP-294",
    needs=("listeners",),
)
def hostname(access: Access, watch: Watch) -> Outcome:
    """Compare the subject alternative names with the address."""
    return judge_names(survey(access, watch))


@contract(
    "listener.tls.expiry",
    title="Certificates outlive the lease",
    risk="All clients stop at once when a certificate expires",
    statement="Every broker's certificate is valid now and past the end of the lease",
    remediation="Issue certificates that outlive the environment",
    documentation="RFC 5280, section 4.1.2.5",
    needs=("listeners",),
)
def expiry(access: Access, watch: Watch) -> Outcome:
    """Compare the validity with the lease's end."""
    environment = access.environment
    seen = survey(access, watch)
    return judge_expiry(seen, datetime.now(environment.expires_at.tzinfo), environment.expires_at)


@contract(
    "listener.tls.key-size",
    title="Certificates have strong keys",
    risk="A small key is factored, and whoever has it can be any broker",
    statement="Every broker's certificate has an RSA key of 2048 bits or an elliptic-curve key of 224 bits at least",
    remediation="Issue certificates with larger keys",
    documentation="NIST SP 800-57 Part 1, Recommendation for Key Management",
    needs=("listeners",),
)
def key_size(access: Access, watch: Watch) -> Outcome:
    """Look at the key of each certificate."""
    return judge_keys(survey(access, watch))
