"""Plugins before anything is created, and connectors read back after an apply."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from orchestrator import connect_plugins
from orchestrator.connect_readback import difference
from orchestrator.connect_rest import first_cause
from orchestrator.connect_spec import ConnectorSpec, ConnectSpec
from orchestrator.embedded.connect_workers.log_causes import cause_in_log
from orchestrator.errors import UsageError
from orchestrator.plugin_archives import ArchiveError, inspect, java_release, unpack
from orchestrator.progress import SilentProgress
from tests.unit.kafkaconnect.conftest import CLASS, archive


class FakeTarget:
    prepared = 0

    def prepare_connect(self, _progress: Any) -> None:
        self.prepared += 1

    def with_config_provider(self, archive: Path, _progress: Any) -> Path:
        bundle = archive.with_name("bundle.zip")
        bundle.write_bytes(archive.read_bytes() + b"with the provider")
        return bundle


def inputs_of(connect: ConnectSpec, target: Any = None) -> Any:
    opened = connect_plugins.open_all(connect, target or FakeTarget(), SilentProgress())
    return [plugin.inputs for plugin in opened]


def prepare(tmp_path: Path, data: bytes, config_class: str = CLASS, **plugin: Any) -> Any:
    file = tmp_path / "plugin.zip"
    file.write_bytes(data)
    connect = ConnectSpec.model_validate(
        {
            "plugins": [{"name": "mine", "file": str(file), **plugin}],
            "connectors": [{"name": "c", "plugin": "mine", "config": {"connector.class": config_class}}],
        }
    )
    return inputs_of(connect)


def test_an_archive_is_named_by_its_content(tmp_path: Path) -> None:
    (plugin,) = prepare(tmp_path, archive())
    assert plugin.content_type == "ZIP"
    assert plugin.sha256 == hashlib.sha256(archive()).hexdigest()


@pytest.mark.parametrize("name", [CLASS, "SinkConnector", "Sink"])
def test_a_class_is_found_as_connect_finds_it(tmp_path: Path, name: str) -> None:
    assert prepare(tmp_path, archive(), config_class=name)


def test_a_class_that_the_archive_lacks_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no class org\.example\.Other") as caught:
        prepare(tmp_path, archive(), config_class="org.example.Other")
    assert CLASS in caught.value.next_step


def test_another_digest_than_the_declared_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the spec says"):
        prepare(tmp_path, archive(), sha256="0" * 64)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    connect = ConnectSpec.model_validate({"plugins": [{"name": "p", "file": str(tmp_path / "none.jar")}]})
    with pytest.raises(UsageError, match=r"none\.jar"):
        inputs_of(connect)


def test_a_plugin_whose_connector_refers_to_a_secret_gets_the_provider(tmp_path: Path) -> None:
    file = tmp_path / "plugin.zip"
    file.write_bytes(archive())
    config = {"connector.class": CLASS, "password": {"secret": "db", "key": "password"}}
    document = {
        "plugins": [{"name": "mine", "file": str(file)}],
        "secrets": [{"name": "db", "generate": ["password"]}],
        "connectors": [{"name": "c", "plugin": "mine", "config": config}],
    }
    (plugin,) = inputs_of(ConnectSpec.model_validate(document))
    assert plugin.archive.name == "bundle.zip"
    assert plugin.sha256 == hashlib.sha256(plugin.archive.read_bytes()).hexdigest()
    own = {"config.providers": "env, secretsmanager", "config.providers.secretsmanager.class": "a.Theirs"}
    (plugin,) = inputs_of(ConnectSpec.model_validate({**document, "worker_config": own}))
    assert plugin.archive.name == "plugin.zip"


def test_a_plugin_that_is_in_s3_already_is_left_there(tmp_path: Path) -> None:
    connect = ConnectSpec.model_validate({"plugins": [{"name": "p", "s3": "s3://their-bucket/a/b.jar"}]})
    (plugin,) = inputs_of(connect)
    assert (plugin.bucket, plugin.key, plugin.content_type) == ("their-bucket", "a/b.jar", "JAR")


@pytest.mark.parametrize("inside", ["/etc/x.jar", "a/../../x.jar", "C:/x.jar", "a\\..\\..\\x.jar"])
def test_a_path_that_leaves_the_archive_is_refused(inside: str) -> None:
    with pytest.raises(ArchiveError, match="leaves its directory"):
        inspect(archive(inside=inside), "ZIP")


def test_an_archive_that_would_fill_the_disk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.plugin_archives._MAX_BYTES", 100)
    with pytest.raises(ArchiveError, match="unpacked"):
        inspect(archive(), "ZIP")


def test_jars_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as writer:
        for place in ("a", "b"):
            writer.writestr(f"{place}/same.jar", place)
    unpack(bundle.getvalue(), "ZIP", tmp_path)
    assert sorted(path.read_text() for path in (tmp_path / "plugin").iterdir()) == ["a", "b"]


CONNECTOR = ConnectorSpec(name="c", plugin="p", config={"connector.class": "a.B", "bucket": "${ephk:bucket}"})
CONFIGURATION = {"connector.class": "a.B", "bucket": "ephk-1", "tasks.max": "1"}
LIVE = {
    "connectorState": "RUNNING",
    "connectorConfiguration": CONFIGURATION,
    "capacity": {"provisionedCapacity": {"workerCount": 1}},
}


def test_a_connector_that_is_as_declared_has_no_difference() -> None:
    assert difference(CONNECTOR, LIVE, []) == ""
    assert difference(CONNECTOR, LIVE, [{"connectorOperationState": "UPDATE_COMPLETE"}]) == ""


@pytest.mark.parametrize(
    ("live", "operations", "words"),
    [
        ({"connectorState": "FAILED", "stateDescription": {"message": "no bucket"}}, [], "it is FAILED: no bucket"),
        ({}, [{"connectorOperationState": "UPDATE_FAILED"}], "its last change ended UPDATE_FAILED"),
        ({"connectorConfiguration": {**CONFIGURATION, "connector.class": "old"}}, [], "connector.class"),
        ({"connectorConfiguration": {"connector.class": "a.B", "bucket": "x"}}, [], "tasks.max"),
        ({"connectorConfiguration": {**CONFIGURATION, "extra": "1"}}, [], "extra"),
        ({"capacity": {"provisionedCapacity": {"workerCount": 2}}}, [], "it has 2 workers"),
    ],
)  # fmt: skip
def test_an_apply_that_did_not_happen_is_noticed(live: Any, operations: Any, words: str) -> None:
    assert words in difference(CONNECTOR, {**LIVE, **live}, operations)


def test_a_reference_is_compared_under_the_secrets_full_name() -> None:
    declared = ConnectorSpec(
        name="c", plugin="p", config={"connector.class": "a.B", "p": "${secretsmanager:db:password}"}
    )
    configuration = {"connector.class": "a.B", "tasks.max": "1", "p": "${secretsmanager:ephk-1-connect-db:password}"}
    live = {**LIVE, "connectorConfiguration": configuration}
    assert difference(declared, live, [], {"db": "ephk-1-connect-db"}) == ""
    assert "differs from the declared one in p" in difference(declared, live, [], {"db": "another"})


def test_the_first_cause_is_the_deepest_one() -> None:
    trace = (
        "a.OuterException: outer\n\tat x\nCaused by: a.MiddleException: m\nCaused by: a.InnerException: inner\n\tat y"
    )
    assert first_cause(trace) == "a.InnerException: inner"
    assert first_cause("a.OnlyException: only\n\tat x") == "a.OnlyException: only"
    assert first_cause("") == ""


def test_a_worker_that_ended_is_explained_by_its_last_error(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text(
        "[2026-01-01 00:00:00,000] INFO fine (a)\n"
        "[2026-01-01 00:00:00,001] ERROR an old one (a)\njava.lang.RuntimeException: old\n"
        "[2026-01-01 00:00:00,002] ERROR Stopping due to error (a)\n"
        "org.apache.kafka.connect.errors.ConnectException: Failed to connect\n\tat a.b\n"
        "Caused by: org.apache.kafka.common.errors.SaslAuthenticationException: invalid credentials\n"
        "[2026-01-01 00:00:00,003] INFO stopped (a)\n"
    )
    assert cause_in_log(log) == "org.apache.kafka.common.errors.SaslAuthenticationException: invalid credentials"
    assert cause_in_log(log, since=log.stat().st_size) == ""


def damaged(kind: str) -> bytes:
    """Return a ZIP file whose directory can be read and whose only jar cannot."""
    data = bytearray(archive(inside="x.jar"))
    listed = data.rindex(b"PK\x01\x02")  # the jar inside has one, too
    if kind == "encrypted":
        data[6] |= 1
        data[listed + 8] |= 1
    elif kind == "compression":
        data[8] = data[listed + 10] = 99
    else:
        data[data.index(b"x.jar") + 6] ^= 0xFF
    return bytes(data)


@pytest.mark.parametrize(
    ("kind", "words"), [("encrypted", "encrypted"), ("compression", "not supported"), ("bits", "CRC-32")]
)
def test_a_jar_that_cannot_be_read_is_refused_with_what_to_do(tmp_path: Path, kind: str, words: str) -> None:
    with pytest.raises(UsageError, match=rf"plugin mine: x\.jar cannot be read .*{words}") as caught:
        prepare(tmp_path, damaged(kind))
    assert caught.value.next_step.startswith("Pack it again")


def test_a_service_file_that_would_fill_memory_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr("META-INF/services/org.apache.kafka.connect.sink.SinkConnector", b"\0" * 100_000)
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as writer:
        writer.writestr("x.jar", jar.getvalue())
    monkeypatch.setattr("orchestrator.plugin_archives._MAX_BYTES", 50_000)
    monkeypatch.setattr(zipfile.ZipFile, "read", read_at_most(50_000))
    with pytest.raises(ArchiveError, match="unpacked"):
        inspect(bundle.getvalue(), "ZIP")


def read_at_most(limit: int) -> Any:
    """Return `ZipFile.read` that fails the test when it is asked for more than `limit` bytes."""
    genuine = zipfile.ZipFile.read

    def read(self: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
        assert entry.file_size <= limit, f"{entry.filename} was decompressed before its size was judged"
        return genuine(self, entry)

    return read


def compiled(release: int) -> bytes:
    """Return a plugin whose connector says that it was compiled for a Java release."""
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as writer:
        head = b"\xca\xfe\xba\xbe\x00\x00" + (release + 44).to_bytes(2, "big")
        writer.writestr(f"{CLASS.replace('.', '/')}.class", head)
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as writer:
        writer.writestr("a.jar", jar.getvalue())
    return bundle.getvalue()


@pytest.mark.parametrize("release", [8, 17, 25])
def test_the_java_release_of_a_class_is_read(release: int) -> None:
    assert java_release(compiled(release), "ZIP", CLASS) == release
    assert java_release(compiled(release), "ZIP", "org.example.Other") is None
    assert java_release(archive(), "ZIP", CLASS) is None  # four bytes are no class file
