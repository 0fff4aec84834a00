"""The schema contracts against real registries: one that is sound, one that is careless, one that invents schemas."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from contracts.model import Result
from contracts.runner import run
from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.embedded.brokers.ports import free_ports
from orchestrator.embedded.cloud import end_left_registries
from orchestrator.embedded.registry import RegistrySettings, start_registry
from orchestrator.environment import Environment, SchemaRegistry
from orchestrator.paths import leases_dir
from orchestrator.processes import ProcessRecord
from orchestrator.progress import SilentProgress
from orchestrator.spec_registry import SchemaRegistrySpec
from orchestrator.target import EmbeddedTarget
from tests.embedded.contracts.harness import Harness
from tests.embedded.contracts.harness_resources import tag_list

USER = ("registry", "a-password-of-the-test")


@dataclass(frozen=True)
class Registries:
    """Environments that differ in their registry, and the lease directories below which two of them run."""

    sound: Environment
    careless: Environment
    lease: Path
    state: Path


def environment_with(harness: Harness, registry: SchemaRegistry) -> Environment:
    return harness.environment.model_copy(update={"schema_registry": registry})


@pytest.fixture(scope="module")
def registries(harness: Harness, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registries]:
    secret = harness.session.client("secretsmanager").create_secret(
        Name="ephk-t3st-schema-registry",
        SecretString=json.dumps({"username": USER[0], "password": USER[1]}),
        Tags=tag_list(),
    )["ARN"]
    state = tmp_path_factory.mktemp("state")
    careless_lease = state / "ephk" / "leases" / "careless"
    sound_lease = tmp_path_factory.mktemp("lease")
    target = EmbeddedTarget()
    target.prepare_registry(SilentProgress(), SchemaRegistrySpec(kind="apicurio"))
    open_to_all = {
        "quarkus.http.auth.basic": "false",  # Apicurio asks nobody when no way to authenticate is on
        "quarkus.http.auth.permission.all.policy": "permit",
        "apicurio.config.dynamic.allow-all": "true",
    }
    settings = RegistrySettings(careless_lease / "registry", *USER, compatibility="NONE", properties=open_to_all)
    with ThreadPoolExecutor(2) as pool:
        sound = pool.submit(target.start_registry, sound_lease, USER, "BACKWARD", threading.Event())
        careless = pool.submit(start_registry, settings)
        try:
            known = {"secret_arn": secret}
            yield Registries(
                environment_with(harness, sound.result().model_copy(update=known)),
                environment_with(
                    harness, SchemaRegistry(url=careless.result().url, ca_pem=careless.result().ca_pem, **known)
                ),
                sound_lease,
                state,
            )
        finally:
            target.end_registry(sound_lease)
            if careless.exception() is None:
                careless.result().stop()


def probe(harness: Harness, of: Environment, *select: str) -> dict[str, Result]:
    with harness.access(of) as access:
        return {result.id: result for result in run(of, access, select=select, deadline_s=60)}


def request(of: Environment, method: str, path: str, document: Any = None) -> Any:
    """Ask a registry as its own user; the path is from the host's root."""
    registry = of.schema_registry
    assert registry is not None
    where = urlsplit(registry.url)
    context = ssl.create_default_context(cadata=registry.ca_pem)
    connection = http.client.HTTPSConnection("localhost", where.port or 0, context=context, timeout=20)
    authorization = base64.b64encode(":".join(USER).encode()).decode()
    headers = {"Authorization": f"Basic {authorization}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, json.dumps(document) if document else None, headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status in (200, 204), (answer.status, body)
        return json.loads(body) if body else None
    finally:
        connection.close()


def test_a_sound_registry_is_verified_and_nothing_is_left_in_it(harness: Harness, registries: Registries) -> None:
    found = probe(harness, registries.sound, "schema.*")
    assert {r.id: (r.status, r.reason) for r in found.values() if r.status != "verified"} == {}
    assert len(found) == 9
    refused = found["schema.incompatible.refused"].evidence
    assert (refused["compatibility"], refused["answer"][:3]) == ("BACKWARD", "409")
    assert set(found["schema.registry.auth.required"].evidence["strangers"].values()) == {401}
    assert found["schema.unknown-id.refused"].evidence["status"] == 404
    assert request(registries.sound, "GET", "/apis/ccompat/v7/subjects?deleted=true") == []
    assert USER[1] not in json.dumps([result.as_dict() for result in found.values()])


def test_a_registry_without_rules_and_without_a_lock_fails(harness: Harness, registries: Registries) -> None:
    found = probe(harness, registries.careless, "schema.registry.*", "schema.incompatible.refused")
    assert found["schema.registry.auth.required"].status == "failed"
    assert found["schema.registry.auth.required"].reason == "the registry serves nobody who reads (HTTP 200)"
    assert found["schema.incompatible.refused"].status == "failed"
    assert "was registered (compatibility NONE)" in found["schema.incompatible.refused"].reason
    assert found["schema.registry.tls"].status == "verified"


def test_a_read_only_registry_fails_whatever_has_to_write(harness: Harness, registries: Registries) -> None:
    property_path = "/apis/registry/v3/admin/config/properties/apicurio.storage.read-only.enabled"
    request(registries.careless, "PUT", property_path, {"value": "true"})
    try:
        found = probe(
            harness, registries.careless, "schema.register", "schema.compatible.*", "schema.avro.*", "schema.json.*"
        )
    finally:
        request(registries.careless, "PUT", property_path, {"value": "false"})
    assert {result.status for result in found.values()} == {"failed"}
    assert "does not register a schema" in found["schema.register"].reason
    assert "cannot register its schema" in found["schema.avro.round-trip"].reason


def test_another_ca_no_tls_and_a_closed_port_fail(harness: Harness, registries: Registries) -> None:
    registry = registries.sound.schema_registry
    assert registry is not None
    stranger = registry.model_copy(update={"ca_pem": CertificateAuthority("stranger").pem})
    found = probe(harness, environment_with(harness, stranger), "schema.registry.tls", "schema.registry.reachable")
    assert "does not verify" in found["schema.registry.tls"].reason
    assert found["schema.registry.reachable"].evidence["diagnosis"].startswith("tls.")
    clear = registry.model_copy(update={"url": registry.url.replace("https:", "http:")})
    assert probe(harness, environment_with(harness, clear), "schema.registry.tls")["schema.registry.tls"].reason == (
        "the registry is used without TLS"
    )
    closed = registry.model_copy(update={"url": f"https://localhost:{free_ports(1)[0]}/apis/ccompat/v7"})
    gone = probe(harness, environment_with(harness, closed), "schema.registry.reachable")["schema.registry.reachable"]
    assert (gone.status, gone.evidence["diagnosis"].split(".")[0]) == ("failed", "tcp")


ANYTHING = {"type": "record", "name": "Anything", "fields": [{"name": "text", "type": "string"}]}


class Inventive(BaseHTTPRequestHandler):
    """Hands out a schema for any id, as a cache in front of a registry might."""

    def do_GET(self) -> None:
        body = json.dumps({"schema": json.dumps(ANYTHING), "schemaType": "AVRO", "references": []}).encode()
        known = self.path.startswith("/schemas/ids/")
        if not known:
            body = b'{"error_code": 404, "message": "not here"}'
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


def test_a_registry_that_knows_every_id_fails(harness: Harness, registries: Registries, tmp_path: Path) -> None:
    authority = CertificateAuthority("inventive")
    identity = authority.issue("inventive", dns=("localhost",))
    (tmp_path / "both.pem").write_text(identity.key_pem + identity.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Inventive)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        of = environment_with(
            harness, SchemaRegistry(url=f"https://localhost:{server.server_port}", ca_pem=authority.pem)
        )
        result = probe(harness, of, "schema.unknown-id.refused")["schema.unknown-id.refused"]
    finally:
        server.shutdown()
        server.server_close()
    assert (result.status, result.reason) == (
        "failed",
        "a record with the unregistered schema id 2147483647 was read",
    )


def test_registries_hide_their_password_and_end_with_the_lease(
    registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test: afterwards neither registry runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(registries.state))
    careless = leases_dir() / "careless" / "registry"
    directories = (registries.lease / "registry", careless)
    records = [ProcessRecord.load(directory / "process.json") for directory in directories]
    for record, directory in zip(records, directories, strict=True):
        assert record is not None
        process = psutil.Process(record.pid)
        assert USER[1] not in " ".join(process.cmdline())
        listening = [c.laddr for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
        assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}, listening
        assert USER[1] not in (directory / "registry.log").read_text()
        assert {path.stat().st_mode & 0o077 for path in directory.rglob("*") if path.is_file()} == {0}
    assert EmbeddedTarget().end_registry(registries.lease)
    assert not EmbeddedTarget().end_registry(registries.lease)
    assert end_left_registries() == 1  # as after a cloud that was killed
    assert [record.alive() for record in records if record is not None] == [False, False]
    assert not careless.exists()
