"""Certificates, storage, ports, logs and left-over processes."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from orchestrator.embedded.brokers import BrokerCluster
from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.embedded.brokers.logs import tail
from orchestrator.embedded.brokers.ports import free_ports
from orchestrator.embedded.brokers.process import BrokerProcess
from orchestrator.embedded.brokers.storage import format_node, keep_template, new_id
from orchestrator.processes import ProcessRecord, wait_until


def test_broker_certificate_names_localhost_and_is_signed_by_the_ca() -> None:
    authority = CertificateAuthority("ca")
    identity = authority.issue("b-1", dns=("localhost", "b-1.example"))
    certificate = x509.load_pem_x509_certificate(identity.certificate_pem.encode())
    ca = x509.load_pem_x509_certificate(authority.pem.encode())
    certificate.verify_directly_issued_by(ca)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "b-1.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert "PRIVATE KEY" not in repr(identity)


def test_client_certificate_cannot_serve_and_ca_is_accepted_by_openssl() -> None:
    authority = CertificateAuthority("ca")
    certificate = x509.load_pem_x509_certificate(authority.issue("alice").certificate_pem.encode())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    ssl.create_default_context(cadata=authority.pem)


def test_nodes_share_a_cluster_id_and_have_ids_of_their_own(tmp_path: Path) -> None:
    formatted = tmp_path / "formatted"
    formatted.mkdir()
    (formatted / "meta.properties").write_text("#x\nversion=1\nnode.id=1\n")
    (formatted / "bootstrap.checkpoint").write_bytes(b"\x00\x01")
    template = tmp_path / "template"
    keep_template(formatted, template)
    keep_template(formatted, template)  # a second process that lost the race
    cluster_id = new_id()
    metas = []
    for node_id in (1, 2):
        data = tmp_path / str(node_id)
        format_node(template, data, cluster_id=cluster_id, node_id=node_id)
        assert (data / "bootstrap.checkpoint").read_bytes() == b"\x00\x01"
        metas.append(dict(line.split("=") for line in (data / "meta.properties").read_text().splitlines()))
    assert [meta["node.id"] for meta in metas] == ["1", "2"]
    assert {meta["cluster.id"] for meta in metas} == {cluster_id}
    assert metas[0]["directory.id"] != metas[1]["directory.id"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "formatted", "template"]


def test_formatting_over_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        format_node(tmp_path, tmp_path, cluster_id=new_id(), node_id=1)


def test_template_of_an_unknown_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meta.properties").write_text("version=2\n")
    (tmp_path / "bootstrap.checkpoint").write_bytes(b"")
    with pytest.raises(ValueError, match="unexpected files"):
        keep_template(tmp_path, tmp_path / "template")


def test_ids_have_kafkas_form() -> None:
    ids = {new_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(len(text) == 22 and not text.startswith("-") for text in ids)


def test_free_ports_are_different_free_and_not_the_ones_left_out() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as server:
            server.bind(("127.0.0.1", port))
    everything_but = frozenset(range(20_000, 32_000)) - {ports[0]}
    with pytest.raises(OSError, match="no 2 free ports"):
        free_ports(2, taken=everything_but)


def test_tail_gives_the_last_lines_since_an_offset(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ()
    log.write_text("old\n\none\ntwo\nthree\n")
    assert tail(log, 2) == ("two", "three")
    assert tail(log, since=4) == ("one", "two", "three")


def sleeper(directory: Path, name: str) -> BrokerProcess:
    return BrokerProcess(
        name,
        [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read() or __import__('signal').pause()"],
        directory=directory,
        log=directory / "logs" / f"{name}.log",
        record=directory / "clusters" / f"{name}.pid.json",
    )


def test_process_is_recorded_while_it_runs_and_ended_as_a_group(tmp_path: Path) -> None:
    process = sleeper(tmp_path, "one")
    assert process.pid is None
    process.start()
    try:
        record = ProcessRecord.load(tmp_path / "clusters" / "one.pid.json")
        assert record is not None
        assert record.pid == process.pid
        assert process.running()
        assert process.resident_bytes() > 0
        assert wait_until(lambda: tail(tmp_path / "logs" / "one.log") == ("up",), deadline_s=30)
        assert (tmp_path / "logs" / "one.log").stat().st_mode & 0o777 == 0o600
    finally:
        process.stop(grace_s=0)
    assert not process.running()
    assert process.exit_status() is not None
    assert not (tmp_path / "clusters" / "one.pid.json").exists()
    process.stop(grace_s=0)


def test_leftovers_are_ended_and_strangers_are_not(tmp_path: Path) -> None:
    process = sleeper(tmp_path, "left")
    process.start()
    stranger = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
    try:
        reused = ProcessRecord(stranger.pid, 1.0, "broker 9")  # a pid that somebody else's process has now
        reused.save(tmp_path / "clusters" / "nine.pid.json")
        (tmp_path / "clusters" / "damaged.pid.json").write_text("{")
        assert BrokerCluster.end_leftovers(tmp_path) == 1
        assert not process.running()
        assert stranger.poll() is None
        assert not list(tmp_path.rglob("*.pid.json"))
        assert BrokerCluster.end_leftovers(tmp_path / "absent") == 0
    finally:
        stranger.kill()
        stranger.wait()
        process.stop(grace_s=0)


def test_credentials_of_the_caller_do_not_reach_a_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-javaagent:x")
    process = BrokerProcess(
        "env",
        [sys.executable, "-c", "import os; print(sorted(os.environ))"],
        directory=tmp_path,
        log=tmp_path / "log",
        record=tmp_path / "r.pid.json",
    )
    process.start()
    assert wait_until(lambda: process.exit_status() is not None, deadline_s=30)
    process.stop(grace_s=0)
    text = (tmp_path / "log").read_text()
    assert "PATH" in text
    assert "AWS_SECRET_ACCESS_KEY" not in text
    assert "JAVA_TOOL_OPTIONS" not in text
