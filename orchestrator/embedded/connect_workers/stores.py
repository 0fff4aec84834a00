"""Key and trust stores in the format that Java's TLS reads."""

from __future__ import annotations

import warnings
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.utils import CryptographyDeprecationWarning

from orchestrator.embedded.brokers.certificates import Identity
from orchestrator.files import write_private

#: Trust stores hold no secret, and Java wants a password for them all the same.
TRUST_PASSWORD = "changeit"  # noqa: S105 - Java's own default
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def write_keystore(path: Path, identity: Identity, ca_pem: str, password: str) -> None:
    """Write a key, its certificate and the CA as PKCS #12."""
    key = serialization.load_pem_private_key(identity.key_pem.encode(), None)
    certificate = x509.load_pem_x509_certificate(identity.certificate_pem.encode())
    authority = x509.load_pem_x509_certificate(ca_pem.encode())
    content = pkcs12.serialize_key_and_certificates(
        b"rest",
        key,  # type: ignore[arg-type]  # the cluster's own keys are elliptic curves
        certificate,
        [authority],
        serialization.BestAvailableEncryption(password.encode()),
    )
    write_private(path, content)


def write_truststore(path: Path, *pems: str, public: bool = False) -> None:
    """Write certificates that a JVM is to trust.

    Args:
        path: the file.
        pems: certificates in PEM form, one or more each.
        public: add the public authorities, which a connector's other hosts may have.
    """
    found = [certificate for text in pems for certificate in x509.load_pem_x509_certificates(text.encode())]
    found += _public_authorities() if public else []
    entries = [pkcs12.PKCS12Certificate(certificate, f"ca-{i}".encode()) for i, certificate in enumerate(found)]
    encryption = serialization.BestAvailableEncryption(TRUST_PASSWORD.encode())
    write_private(path, pkcs12.serialize_java_truststore(entries, encryption))


def _public_authorities() -> list[x509.Certificate]:
    """Return the public authorities, without those whose certificates are not as RFC 5280 wants them."""
    found = []
    for block in certifi.contents().split(_END):
        if _BEGIN not in block:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            try:
                found.append(x509.load_pem_x509_certificate(f"{block}{_END}\n".encode()))
            except (ValueError, CryptographyDeprecationWarning):
                continue
    return found
