"""Misconfigurations of one broker: certificates, listeners, settings; and a broker that does not run.

Each is put into the broker's own files, and the broker is rebooted through MSK's API, which starts it with them.
"""

from __future__ import annotations

import ipaddress
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from contracts.credentials import self_signed
from orchestrator.processes import wait_until
from tests.mutation.model import ELSEWHERE, Mutation
from tests.mutation.scene import SETTLE_S, Scene

Broken = Callable[[Scene], AbstractContextManager[object]]
#: The broker that is broken: no bootstrap server's first, so that probes meet it only when they look at every broker.
BROKER = 2


def _files(change: Callable[[Scene], Mapping[str, str]]) -> Broken:
    """Write other files for the broker, reboot it, and take both back."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        directory = scene.broker_directory(BROKER)
        new = change(scene)
        before = {name: (directory / name).read_text() for name in new}
        for name, text in new.items():
            (directory / name).write_text(text)
        try:
            scene.reboot(BROKER)
            yield
        finally:
            for name, text in before.items():
                (directory / name).write_text(text)
            scene.reboot(BROKER)

    return broken


def certificate(*, host: str = "localhost", days: float = 30, bits: int = 0) -> Broken:
    """Let the broker show a certificate that it signed itself.

    Args:
        host: whose name it bears; `localhost` stands for 127.0.0.1, too.
        days: how long from now it is valid; less than zero: it was.
        bits: the size of an RSA key; 0 makes an elliptic-curve one.
    """

    def make(_scene: Scene) -> dict[str, str]:
        key = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "b-2")])
        names: list[x509.GeneralName] = [x509.DNSName(host)]
        if host == "localhost":
            names.append(x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")))
        now = datetime.now(UTC)
        signed = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=90))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        return {"server.pem": private + signed.public_bytes(serialization.Encoding.PEM).decode()}

    return _files(make)


def settings(changes: Mapping[str, str]) -> Callable[[str], str]:
    """Return a change of properties; what is not there is added."""

    def change(text: str) -> str:
        lines = dict(line.split("=", 1) for line in text.splitlines() if line)
        lines |= changes
        return "".join(f"{name}={value}\n" for name, value in lines.items())

    return change


def properties(change: Callable[[str], str]) -> Broken:
    """Change the broker's properties."""
    return _files(
        lambda s: {"server.properties": change((s.broker_directory(BROKER) / "server.properties").read_text())}
    )


def advertised(change: Callable[[str, int], str]) -> Callable[[str], str]:
    """Return a change of the address that the broker advertises on the SCRAM listener, given the one that it has."""

    def rewrite(text: str) -> str:
        def one(line: str) -> str:
            if not line.startswith("advertised.listeners="):
                return line
            return re.sub(r"SCRAM://([\d.]+):(\d+)", lambda m: f"SCRAM://{change(m[1], int(m[2]))}", line)

        return "".join(one(line) + "\n" for line in text.splitlines())

    return rewrite


def elsewhere(text: str) -> str:
    """Bind every client listener to every address, and advertise one that the certificate does not name."""
    return advertised(lambda _host, port: f"127.0.0.2:{port}")(
        re.sub(r"(?m)^listeners=.*$", lambda m: m[0].replace("SCRAM://127.0.0.1", "SCRAM://0.0.0.0"), text)
    )


def _pid(scene: Scene) -> int | None:
    where = str(scene.broker_directory(BROKER))
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "kafka.Kafka" in command and any(where in word for word in command):
            return int(process.pid)
    return None


@contextmanager
def down(scene: Scene) -> Iterator[None]:
    """Kill the broker; a property that it cannot start with keeps MSK from healing it."""
    file = scene.broker_directory(BROKER) / "server.properties"
    before = file.read_text()
    pid = _pid(scene)
    assert pid is not None
    file.write_text(settings({"log.retention.ms": "soon"})(before))
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not psutil.pid_exists(pid), deadline_s=SETTLE_S)
    try:
        yield
    finally:
        file.write_text(before)
        assert wait_until(lambda: _pid(scene) is not None, deadline_s=SETTLE_S)
        scene.wait_active()


#: A broker that cannot be used lets nothing be said about all brokers.
_ANYTHING = ("*",)
_PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_old="password";'
_SCRAM_MTLS = ("orders-producer", "orders-service", "orders-bridge")


def of_all(*endings: str) -> tuple[str, ...]:
    """Return the contracts of the principals that ACLs rule."""
    return tuple(f"acl.{who}.{ending}" for who in _SCRAM_MTLS for ending in endings)


MUTATIONS = (
    Mutation(
        "certificate-self-signed",
        "a broker shows a certificate that it signed itself",
        certificate(),
        ("listener.tls.chain", "listener.advertised"),
        blocked=_ANYTHING,
    ),
    Mutation(
        "certificate-expired",
        "a broker's certificate has expired",
        certificate(days=-1),
        ("listener.tls.chain", "listener.tls.expiry", "listener.advertised"),
        blocked=_ANYTHING,
    ),
    Mutation(
        "certificate-short",
        "a broker's certificate ends before the lease",
        certificate(days=0.01),
        ("listener.tls.chain", "listener.tls.expiry", "listener.advertised"),
        blocked=_ANYTHING,
    ),
    Mutation(
        "certificate-name",
        "a broker's certificate bears another name",
        certificate(host="b-2.old.example"),
        ("listener.tls.chain", "listener.tls.hostname", "listener.advertised"),
        blocked=_ANYTHING,
    ),
    Mutation(
        "certificate-key",
        "a broker's certificate has a small key",
        certificate(bits=1024),
        ("listener.tls.chain", "listener.tls.key-size", "listener.advertised"),
        blocked=_ANYTHING,
    ),
    Mutation(
        "advertised-port",
        "a broker advertises a port that nobody listens on",
        properties(advertised(lambda host, _: f"{host}:1")),
        ("listener.advertised",),
        blocked=_ANYTHING,
    ),
    Mutation(
        "advertised-host",
        "a broker advertises a name that its certificate lacks",
        properties(elsewhere),
        ("listener.advertised", "listener.tls.hostname"),
        blocked=_ANYTHING,
    ),
    Mutation(
        "mechanism-plain",
        "a broker offers PLAIN on the SCRAM listener",
        properties(
            settings(
                {
                    "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
                    "listener.name.scram.plain.sasl.jaas.config": _PLAIN,
                }
            )
        ),
        ("auth.mechanisms.least",),
    ),
    Mutation(
        "mtls-optional",
        "a broker's mTLS listener asks for no certificate",
        properties(settings({"listener.name.mtls.ssl.client.auth": "requested"})),
        ("auth.mtls.no-certificate.refused",),
    ),
    Mutation(
        "mtls-other-authority",
        "a broker's mTLS listener trusts another authority",
        _files(lambda s: {"../client-ca.pem": self_signed("another authority").certificate_pem}),
        ("auth.mtls.accepts",),
        blocked=("acl.orders-bridge.*", "listener.*", "auth.*", "iam.views.agree"),
    ),
    Mutation(
        "super-user",
        "an application is a super user of a broker",
        properties(lambda text: re.sub(r"(?m)^super.users=(.*)$", r"super.users=\1;User:orders-producer", text)),
        ("acl.orders-producer.deny.*",),
        blocked=("iam.views.agree",),
    ),
    Mutation(
        "allow-everyone",
        "a broker allows everybody what no ACL speaks of",
        properties(settings({"allow.everyone.if.no.acl.found": "true"})),
        of_all("deny.other-topic", "deny.group"),
    ),
    Mutation(
        "auto-create",
        "a broker creates topics that are only asked for",
        properties(settings({"auto.create.topics.enable": "true"})),
        ("broker.settings.as-declared",),
    ),
    Mutation(
        "broker-in-sync",
        "a broker takes records that one replica has",
        properties(settings({"min.insync.replicas": "1"})),
        ("broker.settings.as-declared",),
    ),
    Mutation(
        "broker-down",
        "a broker does not run",
        down,
        ("network.listener.reachable", "listener.advertised"),
        blocked=_ANYTHING,
        leaves_out=(*ELSEWHERE, "client.*", "clients.*", "production.*"),
    ),
)
