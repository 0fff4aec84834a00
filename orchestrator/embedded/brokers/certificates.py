"""A certificate authority of the cluster's own, and the certificates that it signs.

The CA's key exists in memory only: nothing on disk can sign another certificate.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: An environment lives for hours; its certificates outlive the longest lease, and no more.
_VALIDITY = timedelta(days=30)
#: A clock that is a little behind must still accept a certificate of this minute.
_BACKDATE = timedelta(minutes=10)
_MAX_COMMON_NAME = 64


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key, both PEM (the key unencrypted PKCS #8, which Kafka's PEM keystore reads)."""

    certificate_pem: str
    key_pem: str = field(repr=False)


class CertificateAuthority:
    """Signs certificates for one cluster (EC P-256, SHA-256)."""

    def __init__(self, common_name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name(common_name)
        builder = (
            _builder(name, name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
        )
        self._certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> str:
        """The CA's certificate, which clients trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, common_name: str, *, dns: tuple[str, ...] = (), client: bool = False) -> Identity:
        """Issue a certificate.

        Args:
            common_name: the subject.
            dns: subject alternative names; "localhost" stands for 127.0.0.1, too. None makes a client certificate.
            client: whether it may authenticate a client as well.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH] if dns else []
        if client or not dns:
            usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
        builder = (
            _builder(_name(common_name), self._certificate.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if dns:
            names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns]
            if "localhost" in dns:
                names.append(x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")))
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Identity(
            certificate.public_bytes(serialization.Encoding.PEM).decode(),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode(),
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_MAX_COMMON_NAME])])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + _VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
