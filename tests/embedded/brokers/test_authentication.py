"""Who is let in, by listener, and how the others are refused."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import psutil
import pytest
from confluent_kafka import KafkaError

from orchestrator.embedded.brokers import BrokerCluster
from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.errors import EphkError

from . import clients
from .authority import KEYS, Authority, iam_token


def test_scram_user_is_accepted_by_the_broker(cluster: BrokerCluster) -> None:
    cluster.put_scram_user("alice", "right")
    assert "alice" in cluster.list_scram_users()
    assert set(clients.admin(clients.scram(cluster, "alice", "right")).list_topics(timeout=60).brokers) == {1}


def test_scram_wrong_password_is_refused(cluster: BrokerCluster) -> None:
    cluster.put_scram_user("alice", "right")
    code, text = clients.refusal(clients.scram(cluster, "alice", "wrong"))
    assert code == KafkaError._AUTHENTICATION, text


def test_scram_password_changes_and_user_goes(cluster: BrokerCluster) -> None:
    cluster.put_scram_user("changing", "first")
    cluster.put_scram_user("changing", "second")
    assert clients.admin(clients.scram(cluster, "changing", "second")).list_topics(timeout=60).brokers
    assert clients.refusal(clients.scram(cluster, "changing", "first"))[0] == KafkaError._AUTHENTICATION
    cluster.delete_scram_user("changing")
    cluster.delete_scram_user("changing")
    assert "changing" not in cluster.list_scram_users()
    assert clients.refusal(clients.scram(cluster, "changing", "second"))[0] == KafkaError._AUTHENTICATION


@pytest.mark.parametrize("name", ["", "ephk-internal", "arn:aws:sts::123456789012:assumed-role/operator/session"])
def test_scram_names_of_other_kinds_of_identity_are_refused(cluster: BrokerCluster, name: str) -> None:
    with pytest.raises(EphkError, match="not allowed"):
        cluster.put_scram_user(name, "password")


def test_plain_oauthbearer_and_other_mechanisms_are_not_offered_by_scram_listener(cluster: BrokerCluster) -> None:
    for mechanism in ("PLAIN", "SCRAM-SHA-256"):
        config = clients.scram(cluster, "alice", "right") | {"sasl.mechanism": mechanism}
        code, text = clients.refusal(config)
        assert code in {KafkaError._AUTHENTICATION, KafkaError.UNSUPPORTED_SASL_MECHANISM}, text
        assert "SCRAM-SHA-512" in text


def test_mtls_with_certificate_of_the_client_ca(cluster: BrokerCluster, client_ca: CertificateAuthority) -> None:
    assert clients.admin(clients.mtls(cluster, client_ca.issue("bob"))).list_topics(timeout=60).brokers


def test_mtls_without_certificate_is_refused(cluster: BrokerCluster) -> None:
    _, text = clients.refusal(clients.mtls(cluster, None))
    assert "certificate" in text.lower(), text


def test_mtls_certificate_of_another_ca_is_refused(cluster: BrokerCluster) -> None:
    _, text = clients.refusal(clients.mtls(cluster, CertificateAuthority("strangers").issue("bob")))
    assert "SSL" in text, text


def test_client_that_does_not_know_the_ca_refuses_the_broker(cluster: BrokerCluster) -> None:
    config = clients.scram(cluster, "alice", "right") | {"ssl.ca.pem": CertificateAuthority("strangers").pem}
    assert "certificate verify failed" in clients.refusal(config, wanted=KafkaError._SSL)[1]


def test_iam_token_of_awss_signer_is_accepted(cluster: BrokerCluster) -> None:
    config = clients.iam(cluster, lambda: iam_token("AKIAOPERATOR"))
    assert set(clients.admin(config).list_topics(timeout=60).brokers) == {1}


def _tampered() -> tuple[str, float]:
    token, expiry = iam_token("AKIAOPERATOR")
    last = "A" if token[40] != "A" else "B"
    return token[:40] + last + token[41:], expiry


def _tampered_signature() -> tuple[str, float]:
    token, expiry = iam_token("AKIAOPERATOR")
    url = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    head, signature_and_rest = url.split("X-Amz-Signature=")
    flipped = ("0" if signature_and_rest[0] != "0" else "1") + signature_and_rest[1:]
    return base64.urlsafe_b64encode(f"{head}X-Amz-Signature={flipped}".encode()).decode().rstrip("="), expiry


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(_tampered, id="tampered"),
        pytest.param(_tampered_signature, id="tampered signature"),
        pytest.param(lambda: iam_token("AKIAOPERATOR", "wrong-secret"), id="wrong secret"),
        pytest.param(lambda: iam_token("AKIAOPERATOR", region="eu-west-1"), id="wrong region"),
        pytest.param(lambda: ("bm90IGEgdXJs", iam_token("AKIAOPERATOR")[1]), id="no URL"),
    ],
)
def test_iam_token_that_is_not_right_is_refused(cluster: BrokerCluster, token) -> None:
    code, text = clients.refusal(clients.iam(cluster, token))
    assert code == KafkaError._AUTHENTICATION, text
    assert "invalid_token" in text


NOW = "%Y%m%dT%H%M%SZ"


def _claims(**changes: str | None) -> dict[str, str]:
    """The parameters of a token with the right form (and no valid signature), with some changed or left out."""
    now = datetime.now(UTC)
    claims: dict[str, str | None] = {
        "Action": "kafka-cluster:Connect",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"AKIAOPERATOR/{now:%Y%m%d}/us-east-1/kafka-cluster/aws4_request",
        "X-Amz-Date": now.strftime(NOW),
        "X-Amz-Expires": "900",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "0" * 64,
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return {name: value for name, value in claims.items() if value is not None}


def _dated(moment: datetime) -> dict[str, str]:
    return {
        "X_Amz_Date": moment.strftime(NOW),
        "X_Amz_Credential": f"AKIAOPERATOR/{moment:%Y%m%d}/us-east-1/kafka-cluster/aws4_request",
    }


def _scope(region: str, service: str, end: str = "aws4_request") -> dict[str, str]:
    return {"X_Amz_Credential": f"AKIAOPERATOR/{datetime.now(UTC):%Y%m%d}/{region}/{service}/{end}"}


@pytest.mark.parametrize(
    ("base", "changes", "reason"),
    [
        (None, lambda: {}, "signature does not match"),
        (None, lambda: _dated(datetime.now(UTC) - timedelta(seconds=901)), "the token has expired"),
        (None, lambda: _dated(datetime.now(UTC) + timedelta(minutes=6)), "signed in the future"),
        (None, lambda: {"X_Amz_Date": "yesterday"}, "credential scope is malformed"),
        (None, lambda: {"X_Amz_Expires": "901"}, "not between 1 and 900"),
        (None, lambda: {"X_Amz_Expires": "0"}, "not between 1 and 900"),
        (None, lambda: {"X_Amz_Expires": "1e3"}, "malformed"),
        (None, lambda: {"X_Amz_Signature": None}, "no X-Amz-Signature"),
        (None, lambda: {"X_Amz_SignedHeaders": "accept"}, "does not cover exactly the host header"),
        (None, lambda: {"X_Amz_Algorithm": "none"}, "not signed with AWS4-HMAC-SHA256"),
        (None, lambda: {"Action": "kafka-cluster:ReadData"}, "not for kafka-cluster:Connect"),
        (None, lambda: _scope("eu-west-1", "kafka-cluster"), "another region than us-east-1"),
        (None, lambda: _scope("us-east-1", "s3"), "another service than kafka-cluster"),
        (None, lambda: _scope("us-east-1", "kafka-cluster", "aws5"), "credential scope is malformed"),
        ("https://kafka.us-east-1.amazonaws.com/?Action=a&", lambda: {}, "a parameter twice"),
        ("https://kafka.eu-west-1.amazonaws.com/?", lambda: {}, "not for https://kafka.us-east-1"),
        ("https://kafka.us-east-1.amazonaws.com.example.org/?", lambda: {}, "not for https://kafka.us-east-1"),
        ("http://kafka.us-east-1.amazonaws.com/?", lambda: {}, "not for https://kafka.us-east-1"),
        ("https://kafka.us-east-1.amazonaws.com:444/?", lambda: {}, "a port, a user or a path"),
        ("https://kafka.us-east-1.amazonaws.com/v1?", lambda: {}, "a port, a user or a path"),
    ],
)
def test_each_claim_of_a_token_is_checked(
    cluster: BrokerCluster, base: str | None, changes: Callable[[], dict[str, str | None]], reason: str
) -> None:
    url = (base or "https://kafka.us-east-1.amazonaws.com/?") + urlencode(_claims(**changes()))
    token = base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
    log = cluster.log_path(1)
    before = log.stat().st_size
    clients.refusal(clients.iam(cluster, lambda: (token, time.time() + 900)))
    with log.open() as lines:
        lines.seek(before)
        assert any("IAM authentication refused" in line and reason in line for line in lines)


def test_log_of_a_refusal_names_the_reason_and_no_token(cluster: BrokerCluster) -> None:
    clients.refusal(clients.iam(cluster, lambda: iam_token("AKIAOPERATOR", "wrong-secret")))
    log = cluster.log_path(1).read_text()
    assert "IAM authentication refused: signature does not match" in log
    assert "X-Amz-Signature=" not in log
    assert "X-Amz-Credential=" not in log
    assert iam_token("AKIAOPERATOR")[0][:60] not in log


def test_brokers_show_the_authority_their_token(cluster: BrokerCluster, authority: Authority) -> None:
    clients.admin(clients.iam(cluster, lambda: iam_token("AKIAOPERATOR"))).list_topics(timeout=60)
    assert authority.wrong_tokens == 0


def test_no_listener_speaks_plaintext_and_none_leaves_loopback(cluster: BrokerCluster) -> None:
    pid = cluster.nodes()[0].pid
    listening = [c for c in psutil.Process(pid).net_connections(kind="tcp") if c.status == psutil.CONN_LISTEN]
    assert len(listening) == 5
    for connection in listening:
        assert connection.laddr.ip == "127.0.0.1"
        # ApiVersions in plaintext: a TLS server answers with an alert (record type 21) or hangs up.
        with socket.create_connection(connection.laddr, timeout=5) as plain:
            plain.sendall(bytes.fromhex("0000000a001200000000000100000000"))
            assert plain.recv(1) in {b"", b"\x15"}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="Python's own ssl cannot offer TLS 1.1; needs openssl")
@pytest.mark.parametrize("listener", ["scram", "iam", "mtls"])
def test_certificate_is_for_localhost_and_old_tls_is_refused(cluster: BrokerCluster, listener: str) -> None:
    host, port = cluster.bootstrap()[listener].split(":")
    context = ssl.create_default_context(cadata=cluster.ca_pem())
    with (
        socket.create_connection((host, int(port)), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        assert tls.version() == "TLSv1.3"
        assert ("DNS", "localhost") in tls.getpeercert()["subjectAltName"]
    old = subprocess.run(
        ["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        timeout=10,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert old.returncode != 0
    assert "alert protocol version" in old.stderr or "protocol version" in old.stderr


def test_secrets_are_readable_by_the_owner_only_and_not_in_argv(cluster: BrokerCluster) -> None:
    directory = cluster.config.directory
    assert directory.stat().st_mode & 0o777 == 0o700
    for name in ("internal.pem", "authority-token", "broker-1/server.pem", "broker-1/server.properties"):
        assert (directory / name).stat().st_mode & 0o777 == 0o600, name
    arguments = " ".join(psutil.Process(cluster.nodes()[0].pid).cmdline())
    assert cluster.config.authority_token not in arguments
    assert "authority-token" not in arguments
    assert all(secret not in arguments for secret, _ in KEYS.values())
