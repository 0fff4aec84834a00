"""TLS as a probe sees it: old protocol versions offered on purpose, and certificates read without trust.

The ClientHello is written by hand, because the OpenSSL of a hardened machine refuses to offer TLS 1.1
at all, and "my own library would not try" proves nothing about the broker (RFC 4346, RFC 5246).
"""

from __future__ import annotations

import ssl
import struct
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from contracts.wire.connection import open_socket, open_tls

TLS_VERSIONS = {"TLSv1.0": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303}
#: Alert descriptions that a probe may meet (RFC 8446, section 6).
ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    40: "handshake_failure",
    42: "bad_certificate",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    50: "decode_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    112: "unrecognized_name",
    116: "certificate_required",
}
#: Suites that exist in TLS 1.0 and 1.1, for ECDSA and RSA keys, so that only the version can be refused.
_OLD_SUITES = (0xC009, 0xC00A, 0xC013, 0xC014, 0x002F, 0x0035, 0xC008, 0xC012, 0x000A, 0x00FF)

#: ECDSA and RSA with SHA-256 and stronger (RFC 8446, section 4.2.3).
_SIGNATURES = (0x0403, 0x0503, 0x0804, 0x0401, 0x0501)


@dataclass(frozen=True)
class ServerHello:
    """The server agreed to a protocol version."""

    version: str


@dataclass(frozen=True)
class Alert:
    """The server refused with a TLS alert."""

    description: str


@dataclass(frozen=True)
class Closed:
    """The server closed the connection without a word."""


@dataclass(frozen=True)
class NotTls:
    """The server said something that is no TLS record; `beginning` is hexadecimal."""

    beginning: str


Reply = ServerHello | Alert | Closed | NotTls


def client_hello(version: str, server_name: str, random: bytes, suites: tuple[int, ...] = _OLD_SUITES) -> bytes:
    """Return a ClientHello record that offers `version` as the highest (no supported_versions extension).

    Args:
        version: a key of TLS_VERSIONS.
        server_name: for the SNI extension.
        random: 32 bytes.
        suites: the cipher suites' registered numbers.
    """
    name = server_name.encode("idna")
    known = [
        (0, _vector16(b"\x00" + _vector16(name))),  # server_name
        (10, _vector16(struct.pack(">HHH", 23, 24, 25))),  # supported_groups: P-256, P-384, P-521
        (11, b"\x01\x00"),  # ec_point_formats: uncompressed
    ]
    if version == "TLSv1.2":  # without it, only SHA-1 signatures could be used (RFC 5246, section 7.4.1.4.1)
        known.append((13, _vector16(struct.pack(">5H", *_SIGNATURES))))
    extensions = b"".join(_extension(kind, data) for kind, data in known)
    number = TLS_VERSIONS[version]
    offered = b"".join(struct.pack(">H", suite) for suite in suites)
    body = struct.pack(">H", number) + random + b"\x00" + _vector16(offered) + b"\x01\x00" + _vector16(extensions)
    handshake = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + _vector16(handshake)


def _vector16(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _extension(kind: int, data: bytes) -> bytes:
    return struct.pack(">H", kind) + _vector16(data)


def parse_reply(data: bytes) -> Reply:
    """Read the first TLS record of what a server answered (empty: it closed the connection)."""
    if not data:
        return Closed()
    if len(data) >= 7 and data[0] == 21 and data[1] == 3:
        return Alert(ALERTS.get(data[6], f"alert {data[6]}"))
    if len(data) >= 11 and data[0] == 22 and data[1] == 3 and data[5] == 2:
        number = int.from_bytes(data[9:11], "big")
        names = {code: name for name, code in TLS_VERSIONS.items()}
        return ServerHello(names.get(number, f"0x{number:04x}"))
    return NotTls(data[:16].hex())


def offer(host: str, port: int, hello: bytes, timeout_s: float) -> bytes:
    """Send bytes to a port and return the beginning of the answer; empty when the server closes or resets.

    Raises:
        ConnectError: there is no TCP connection.
        TimeoutError: the server neither answered nor closed.
    """
    with open_socket(host, port, timeout_s) as connection:
        received = b""
        try:
            connection.sendall(hello)
            while len(received) < 11:
                piece = connection.recv(512)
                if not piece:
                    break
                received += piece
        except ConnectionError:
            return received  # a reset is a way of closing
        return received


@dataclass(frozen=True)
class ServerCertificate:
    """What a listener's own certificate says.

    Attributes:
        names: DNS names and IP addresses of the subject alternative name.
        tls_version: what the handshake agreed on.
        chain_error: why the chain does not verify against the trust store; empty when it does.
        key_type: `RSA`, `EC` or another algorithm's name.
        key_bits: the size of the key.
        fingerprint: SHA-256 of the certificate, hexadecimal.
    """

    subject: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    tls_version: str
    chain_error: str
    key_type: str
    key_bits: int
    fingerprint: str


def trust(ca_pem: str | None) -> ssl.SSLContext:
    """Return a client context that trusts `ca_pem` alone, or the system's trust store for None."""
    context = ssl.create_default_context(cadata=ca_pem) if ca_pem else ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def read_certificate(
    host: str, port: int, ca_pem: str | None, timeout_s: float, client: tuple[str, str] | None = None
) -> ServerCertificate:
    """Read a listener's certificate without trusting it, then once more against the trust store.

    Args:
        host: where to connect; also the SNI name.
        port: the listener's port.
        ca_pem: the only CA to trust; None is the system's store.
        timeout_s: seconds for each of the two handshakes.
        client: files (certificate, key) for a listener that asks for a client certificate.

    Raises:
        WireError: one of its kinds, when there is no TLS at all.
    """
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    blind.minimum_version = ssl.TLSVersion.TLSv1_2
    checking = trust(ca_pem)
    checking.check_hostname = False
    if client is not None:
        blind.load_cert_chain(*client)
        checking.load_cert_chain(*client)
    with open_tls(host, port, blind, timeout_s) as connection:
        der = connection.getpeercert(binary_form=True) or b""
        version = connection.version() or "none"
    leaf = x509.load_der_x509_certificate(der)
    key_type, key_bits = _key(leaf)
    return ServerCertificate(
        subject=leaf.subject.rfc4514_string(),
        names=_names(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        tls_version=version,
        chain_error=_chain_error(host, port, checking, timeout_s),
        key_type=key_type,
        key_bits=key_bits,
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
    )


def _key(certificate: x509.Certificate) -> tuple[str, int]:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "EC", key.key_size
    return type(key).__name__.removeprefix("_").removesuffix("PublicKey"), getattr(key, "key_size", 0)


def _chain_error(host: str, port: int, context: ssl.SSLContext, timeout_s: float) -> str:
    from contracts.wire.errors import TlsRefusedError

    try:
        open_tls(host, port, context, timeout_s).close()
    except TlsRefusedError as error:
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            return error.__cause__.verify_message
        raise
    return ""


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    dns = extension.get_values_for_type(x509.DNSName)
    addresses = [str(address) for address in extension.get_values_for_type(x509.IPAddress)]
    return tuple(dns + addresses)


def name_matches(host: str, names: tuple[str, ...]) -> bool:
    """Tell whether a host name is one that a certificate was issued for (RFC 6125, section 6.4).

    A wildcard stands for the whole left-most label and for nothing else.
    """
    wanted = host.lower().rstrip(".")
    for name in names:
        candidate = name.lower().rstrip(".")
        if candidate == wanted:
            return True
        head, _, rest = candidate.partition(".")
        if head == "*" and rest.count(".") >= 1 and wanted.partition(".")[2] == rest and wanted.partition(".")[0]:
            return True
    return False
