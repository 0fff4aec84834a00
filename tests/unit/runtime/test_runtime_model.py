"""Command lines of Kafka's programs, and the sources of our classes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.embedded.runtime import classes
from orchestrator.embedded.runtime.model import JVM_FLAGS, KafkaRuntime
from orchestrator.errors import EphkError


def runtime(**changes: object) -> KafkaRuntime:
    base = {
        "java": Path("/j/java"),
        "classpath": "a.jar:b.jar",
        "directory": Path("/r"),
        "storage_template": Path("/t"),
    }
    return KafkaRuntime(**{**base, **changes})


def test_command_has_flags_then_class_then_arguments() -> None:
    command = runtime().command("kafka.Kafka", "server.properties", heap_mb=(32, 64), flags=("-Dx=y",))
    assert command[:3] == ["/j/java", "-Xms32m", "-Xmx64m"]
    assert set(JVM_FLAGS) <= set(command)
    assert command[-5:] == ["-Dx=y", "-cp", "a.jar:b.jar", "kafka.Kafka", "server.properties"]


def test_archive_is_used_only_when_there_is_one() -> None:
    with_one = runtime(archives={"broker": Path("/r/b.aot")})
    assert "-XX:AOTCache=/r/b.aot" in with_one.command("Main", archive="broker")
    assert not any("AOT" in part for part in with_one.command("Main"))
    assert not any("AOT" in part for part in runtime().command("Main", archive="broker"))


def test_temporary_directory_and_logging_are_passed() -> None:
    command = runtime().command("Main", temporary=Path("/tmp/x"), logging=Path("/l.properties"))
    assert "-Djava.io.tmpdir=/tmp/x" in command
    assert "-Dlog4j2.configurationFile=/l.properties" in command


def test_sources_are_there() -> None:
    names = {path.stem for path in classes.sources()}
    assert {"IamServerCallbackHandler", "IamAuthorizer", "ListenerPrincipalBuilder"} <= names


def test_missing_sources_are_said(tmp_path: Path) -> None:
    with pytest.raises(EphkError, match="missing") as caught:
        classes.sources(tmp_path)
    assert str(tmp_path) in caught.value.message


def test_compiler_messages_reach_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "X.java:1: no such type")

    monkeypatch.setattr(subprocess, "run", refuse)
    jar = tmp_path / "out.jar"
    with pytest.raises(EphkError, match="do not compile") as caught:
        classes.compile_jar(Path("java"), Path("ecj.jar"), [Path("X.java")], "", jar)
    assert caught.value.details == ("X.java:1: no such type",)
    assert not jar.exists()
