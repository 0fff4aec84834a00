"""Plugins judge configurations in a JVM of their own, without Kafka, and the provider is packed reproducibly."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from orchestrator.connect_secrets import PROVIDER_CLASS
from orchestrator.connect_validation import ConnectorToValidate
from orchestrator.embedded.runtime.config_provider import with_config_provider
from orchestrator.embedded.runtime.validation import validate_connectors
from orchestrator.plugin_archives import inspect
from orchestrator.progress import SilentProgress
from tests.embedded.connect.held_back import SINK, compile_sink, zipped


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_sink(tmp_path_factory.mktemp("plugin"), declared=True)


def without(jar: Path, entry: str) -> Path:
    """Return a jar that lacks a class."""
    other = jar.with_name("lacking.jar")
    with zipfile.ZipFile(jar) as reader, zipfile.ZipFile(other, "w") as writer:
        for item in reader.infolist():
            if not item.filename.endswith(entry):
                writer.writestr(item, reader.read(item))
    return other


def test_connectors_are_judged_side_by_side(jar: Path) -> None:
    right = {
        "connector.class": SINK,
        "topics": "a",
        "ledger.file": "/tmp/x",
        "ledger.password": "${secretsmanager:a:b}",
    }
    wanted = [
        ConnectorToValidate("right", right, zipped(jar), "ZIP"),
        ConnectorToValidate("missing", {"connector.class": SINK, "topics": "a"}, jar, "JAR"),
        ConnectorToValidate("nowhere", {**right, "connector.class": "org.example.Nowhere"}, jar, "JAR"),
        ConnectorToValidate("task", {**right, "connector.class": "org.example.ledger.LedgerTask"}, jar, "JAR"),
        ConnectorToValidate("lacking", right, without(jar, "LedgerSink.class"), "JAR"),
    ]
    seen = validate_connectors(wanted, SilentProgress())
    assert (seen["right"].version, dict(seen["right"].fields or {})) == ("7.1", {})
    assert seen["right"].type == "sink"
    assert "ledger.file" in (seen["missing"].fields or {})
    assert seen["nowhere"].missing.startswith("org.example.Nowhere: ClassNotFoundException")
    assert "does not extend Connector" in seen["task"].missing
    assert seen["lacking"].missing.startswith(f"{SINK}: ClassNotFoundException")
    assert validate_connectors(wanted, SilentProgress()) == seen  # from the cache


@pytest.mark.parametrize("kind", ["jar", "zip"])
def test_the_provider_is_packed_beside_any_plugin(jar: Path, tmp_path: Path, kind: str) -> None:
    archive = jar if kind == "jar" else zipped(jar)
    first, second = (with_config_provider(archive, SilentProgress(), tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    contents = inspect(first.read_bytes(), "ZIP")
    assert {SINK, PROVIDER_CLASS} <= contents.classes
    assert contents.declared == {SINK}
    assert len(contents.jars) == 2
