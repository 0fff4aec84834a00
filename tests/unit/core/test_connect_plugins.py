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
from orchestrator.plugin_archives import ArchiveError, inspect, unpack
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
