"""The registry in the cache: whole and checked, or not there."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import requests

from orchestrator.embedded.registry.archive import PROGRAM, Distribution, ensure_registry, fetch_from_maven
from orchestrator.embedded.runtime.jars import sha256_of
from orchestrator.errors import EphkError
from orchestrator.progress import SilentProgress


def archive(path: Path, *names: str) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"data"))
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ephk" / "registry"


def wanted(file: Path, sha256: str = "") -> Distribution:
    return Distribution("g:a:1.0", "all", "tar.gz", sha256 or sha256_of(file), 1)


def test_it_is_fetched_once(cache: Path, tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tar.gz", PROGRAM, "lib/x.jar")
    calls: list[Path] = []

    def fetch(_: Distribution, directory: Path) -> Path:
        calls.append(directory)
        return file

    first = ensure_registry(SilentProgress(), distribution=wanted(file), fetch=fetch)
    second = ensure_registry(SilentProgress(), distribution=wanted(file), fetch=fetch)
    assert first == second
    assert (first / "lib" / "x.jar").read_bytes() == b"data"
    assert len(calls) == 1
    assert [path.name for path in cache.iterdir() if path.name.startswith(".staging")] == []


def test_another_digest_is_refused(cache: Path, tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tar.gz", PROGRAM)
    with pytest.raises(EphkError, match="expected 00"):
        ensure_registry(SilentProgress(), distribution=wanted(file, "00" * 32), fetch=lambda *_: file)
    assert list(cache.glob("apicurio*")) == []


def test_a_file_outside_of_the_directory_is_refused(cache: Path, tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tar.gz", PROGRAM, "../../evil")
    with pytest.raises(EphkError, match="cannot be unpacked"):
        ensure_registry(SilentProgress(), distribution=wanted(file), fetch=lambda *_: file)
    assert list(tmp_path.rglob("evil")) == []


def test_an_unknown_layout_is_refused(cache: Path, tmp_path: Path) -> None:
    file = archive(tmp_path / "a.tar.gz", "readme")
    with pytest.raises(EphkError, match="layout"):
        ensure_registry(SilentProgress(), distribution=wanted(file), fetch=lambda *_: file)


def test_a_network_that_fails_says_what_to_do(cache: Path, tmp_path: Path) -> None:
    def fetch(*_: object) -> Path:
        raise requests.ConnectionError("no route")

    with pytest.raises(EphkError, match="no route") as caught:
        ensure_registry(SilentProgress(), distribution=wanted(archive(tmp_path / "a", PROGRAM)), fetch=fetch)
    assert "leave schema_registry out" in (caught.value.next_step or "")


def test_the_lock_is_complete() -> None:
    locked = Distribution.locked()
    assert (locked.version, len(locked.sha256)) == ("3.3.3", 64)
    assert callable(fetch_from_maven)
