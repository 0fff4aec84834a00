"""The client version matrix against real brokers: it works, and a wrong password and an old client are told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12

from contracts.clients.java import run_java
from contracts.clients.matrix import diagnose, judge_run, open_bench
from contracts.model import Failed, Result, Watch
from contracts.runner import run
from contracts.wire.describe import describe_acls
from orchestrator.environment import Environment
from orchestrator.java_client_versions import VERSIONS, JavaClient
from orchestrator.progress import ConsoleProgress
from orchestrator.target import java_clients
from tests.embedded.contracts.harness import Harness
from tests.embedded.contracts.harness_resources import tag_list

#: A client of 2017, which speaks protocol versions that Kafka 4 has dropped.
OLD = "0.10.2.2"
_STORE = "changeit"


@pytest.fixture(scope="module")
def clients() -> dict[str, JavaClient]:
    return java_clients(ConsoleProgress(), (*VERSIONS, OLD))


def probe(harness: Harness, environment: Environment, *select: str) -> dict[str, Result]:
    with harness.access(environment) as access:
        return {result.id: result for result in run(environment, access, select=select)}


def test_every_client_works_over_every_authentication(harness: Harness, clients: dict[str, JavaClient]) -> None:
    found = probe(harness, harness.environment, "clients.matrix.*")
    assert {r.id: (r.status, r.reason) for r in found.values() if r.status != "verified"} == {}
    names = ("librdkafka", *(f"java-{version}" for version in VERSIONS))
    assert found.keys() == {f"clients.matrix.{name}.{auth}" for name in names for auth in ("scram", "iam", "mtls")}
    for version in VERSIONS:
        evidence = found[f"clients.matrix.java-{version}.iam"].evidence
        assert (evidence["version"], evidence["acked"], evidence["consumed"]) == (version, 20, 20)
    with harness.access() as access:
        acls = describe_acls(access.any_connection(access.operator, Watch(60)))
    assert [acl for acl in acls if acl.name.startswith("ephk-probe")] == []


def test_a_wrong_password_fails_that_way_alone(harness: Harness, clients: dict[str, JavaClient]) -> None:
    writer = harness.environment.principal("writer")
    secret = harness.session.client("secretsmanager").create_secret(
        Name="AmazonMSK_t3st_wrong",
        SecretString=json.dumps({"username": "writer", "password": "not-the-password"}),
        Tags=tag_list(),
    )["ARN"]
    wrong = writer.model_copy(update={"secret_arn": secret})
    of = harness.environment.model_copy(update={"principals": (wrong,)})
    found = probe(harness, of, f"clients.matrix.java-{VERSIONS[-1]}.*")
    scram = found[f"clients.matrix.java-{VERSIONS[-1]}.scram"]
    assert (scram.status, scram.evidence["diagnosis"]) == ("failed", "sasl.credentials.refused")
    assert "not-the-password" not in json.dumps(scram.as_dict())
    assert found[f"clients.matrix.java-{VERSIONS[-1]}.mtls"].status == "verified"


def test_a_client_that_is_too_old_is_told_so(harness: Harness, clients: dict[str, JavaClient], tmp_path: Path) -> None:
    environment = harness.environment
    with harness.access() as access:
        watch = Watch(60)
        bench, who = open_bench(access, watch)
        pair = access.credentials.certificate(access.common_name(who["mtls"]), watch)
        protection = BestAvailableEncryption(_STORE.encode())
        authority = x509.load_pem_x509_certificate((environment.cluster.ca_pem or "").encode())
        trusted = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(authority, b"ca")], protection)
        own = x509.load_pem_x509_certificates(pair.certificate_pem.encode())
        key = load_pem_private_key(pair.key_pem.encode(), None)
        identity = pkcs12.serialize_key_and_certificates(b"k", key, own[0], own[1:], protection)  # type: ignore[arg-type]
        (tmp_path / "trust.p12").write_bytes(trusted)
        (tmp_path / "key.p12").write_bytes(identity)
        old_style = {  # PEM came with 2.7 (KIP-651)
            "bootstrap.servers": environment.cluster.bootstrap["mtls"],
            "security.protocol": "SSL",
            "ephk.topic": bench.name,
            "ephk.group": f"{bench.name}-old",
            "ephk.records": "5",
        }
        for store, file in (("truststore", "trust.p12"), ("keystore", "key.p12")):
            old_style |= {
                f"ssl.{store}.type": "PKCS12",
                f"ssl.{store}.location": str(tmp_path / file),
                f"ssl.{store}.password": _STORE,
            }
        (met,) = run_java(clients[OLD], {"mtls": old_style}, Watch(60)).values()
    assert met.version == OLD
    assert diagnose(met)[0] == "protocol.version.unsupported"
    outcome = judge_run(met, 5)
    assert isinstance(outcome, Failed)
    assert "too old" in outcome.reason
