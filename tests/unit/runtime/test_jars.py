"""Jars are fetched once, checked, and never used when they differ."""

from __future__ import annotations

import errno
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from filelock import FileLock

from orchestrator.embedded.runtime import jars
from orchestrator.embedded.runtime.artifacts import COMPILER_LOCK, KAFKA_LOCK, Artifact, read_lock
from orchestrator.errors import EphkError
from orchestrator.progress import SilentProgress


def content(artifact: Artifact) -> bytes:
    return artifact.coordinate.encode()


def artifact(name: str) -> Artifact:
    coordinate = f"org.example:{name}:1.0"
    return Artifact(coordinate, hashlib.sha256(coordinate.encode()).hexdigest())


ONE, TWO, THREE = artifact("one"), artifact("two"), artifact("three")


class Repository:
    """Serves artifacts and counts; may serve something else."""

    def __init__(self, serve: Callable[[Artifact], bytes] = content) -> None:
        self.asked: list[str] = []
        self._serve = serve
        self._lock = threading.Lock()

    def fetch(self, wanted: Artifact, directory: Path) -> Path:
        with self._lock:
            self.asked.append(wanted.coordinate)
        data = self._serve(wanted)
        directory.mkdir(parents=True)
        path = directory / wanted.filename
        path.write_bytes(data)
        return path


def ensure(directory: Path, repository: Repository, *artifacts: Artifact, verify: bool = False) -> tuple[Path, ...]:
    return jars.ensure_jars(artifacts, directory, SilentProgress(), verify=verify, fetch=repository.fetch)


def test_jars_are_returned_in_order_and_fetched_once(tmp_path: Path) -> None:
    repository = Repository()
    paths = ensure(tmp_path, repository, TWO, ONE)
    assert [path.name for path in paths] == ["two-1.0.jar", "one-1.0.jar"]
    assert paths[0].read_bytes() == content(TWO)
    assert ensure(tmp_path, repository, TWO, ONE) == paths
    assert sorted(repository.asked) == [ONE.coordinate, TWO.coordinate]


def test_jar_that_differs_is_refused_and_deleted_while_the_others_are_kept(tmp_path: Path) -> None:
    repository = Repository(lambda wanted: b"altered" if wanted == TWO else content(wanted))
    with pytest.raises(EphkError) as caught:
        ensure(tmp_path, repository, ONE, TWO)
    assert TWO.coordinate in caught.value.message
    assert TWO.sha256 in caught.value.message
    assert hashlib.sha256(b"altered").hexdigest() in caught.value.message
    assert caught.value.next_step
    assert not list(tmp_path.rglob("two-1.0.jar"))
    good = Repository()
    ensure(tmp_path, good, ONE, TWO)
    assert TWO.coordinate in good.asked


def test_jar_that_was_altered_in_the_cache_with_another_size_is_fetched_again(tmp_path: Path) -> None:
    (path,) = ensure(tmp_path, Repository(), ONE)
    path.write_bytes(b"altered")
    repository = Repository()
    ensure(tmp_path, repository, ONE)
    assert repository.asked == [ONE.coordinate]
    assert path.read_bytes() == content(ONE)


def test_jar_that_was_altered_with_the_same_size_is_found_by_verify(tmp_path: Path) -> None:
    (path,) = ensure(tmp_path, Repository(), ONE)
    path.write_bytes(b"x" * len(content(ONE)))
    with pytest.raises(EphkError, match=ONE.sha256):
        ensure(tmp_path, Repository(), ONE, verify=True)
    assert not path.exists()
    assert ensure(tmp_path, Repository(), ONE, verify=True) == (path,)


def test_what_was_fetched_before_a_failure_is_kept(tmp_path: Path) -> None:
    reached = threading.Event()

    def serve(wanted: Artifact) -> bytes:
        if wanted == TWO:
            assert reached.wait(30)
            raise requests.ConnectionError("no route")
        reached.set()
        return content(wanted)

    with pytest.raises(EphkError, match=r"cannot fetch the jar org\.example:two:1\.0"):
        ensure(tmp_path, Repository(serve), ONE, TWO)
    repository = Repository()
    ensure(tmp_path, repository, ONE, TWO)
    assert repository.asked == [TWO.coordinate]


def test_jar_without_a_note_is_adopted_after_its_digest_was_compared(tmp_path: Path) -> None:
    (tmp_path / ONE.filename).write_bytes(content(ONE))
    repository = Repository()
    ensure(tmp_path, repository, ONE)
    assert repository.asked == []
    assert json.loads((tmp_path / "verified.json").read_text()) == {ONE.filename: [ONE.sha256, len(content(ONE))]}


def test_changed_lock_fetches_again_and_a_damaged_note_is_no_obstacle(tmp_path: Path) -> None:
    ensure(tmp_path, Repository(), ONE)
    (tmp_path / "verified.json").write_text("{")
    ensure(tmp_path, Repository(), ONE)
    with pytest.raises(EphkError):
        ensure(tmp_path, Repository(), Artifact(ONE.coordinate, "0" * 64))


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "no disk space"), (errno.EDQUOT, "no disk space"), (errno.EROFS, "cannot write")]
)
def test_disk_errors_name_the_directory_and_the_next_step(tmp_path: Path, code: int, words: str) -> None:
    def serve(_: Artifact) -> bytes:
        raise OSError(code, "disk")

    with pytest.raises(EphkError, match=words) as caught:
        ensure(tmp_path, Repository(serve), ONE)
    assert str(tmp_path) in caught.value.message
    assert "XDG_CACHE_HOME" in caught.value.next_step


def test_two_at_once_fetch_each_jar_once(tmp_path: Path) -> None:
    repository = Repository()
    threads = [threading.Thread(target=ensure, args=(tmp_path, repository, ONE, TWO, THREE)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(repository.asked) == sorted(a.coordinate for a in (ONE, TWO, THREE))
    assert not list(tmp_path.glob(".staging-*"))


def test_network_errors_are_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[int] = []

    class Context:
        def __init__(self, **_: object) -> None:
            attempts.append(1)
            if len(attempts) < 3:
                raise requests.ConnectionError("reset")
            raise RuntimeError("not found in remote repositories")

    monkeypatch.setattr(jars, "MavenContext", Context)
    monkeypatch.setattr(jars.fetch_from_maven.retry, "sleep", lambda _: None)
    with pytest.raises(RuntimeError):
        jars.fetch_from_maven(ONE, tmp_path / "x")
    assert len(attempts) == 3


def test_lock_files_are_whole() -> None:
    kafka = read_lock(KAFKA_LOCK)
    assert len(kafka) == 95
    assert all(len(entry.sha256) == 64 and int(entry.sha256, 16) for entry in (*kafka, *read_lock(COMPILER_LOCK)))
    coordinates = {entry.coordinate for entry in kafka}
    assert {"org.apache.kafka:kafka_2.13:4.3.1", "org.apache.kafka:kafka-tools:4.3.1"} <= coordinates


def test_lock_with_two_artifacts_of_one_name_is_refused(tmp_path: Path) -> None:
    entries = [{"coordinate": f"org.{group}:same:1", "sha256": "0" * 64} for group in ("a", "b")]
    path = tmp_path / "lock.json"
    path.write_text(json.dumps({"artifacts": entries}))
    with pytest.raises(ValueError, match="one file name"):
        read_lock(path)


def test_waiting_for_another_process_is_said(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / ".lock")
    lock.acquire()
    said: list[str] = []

    class Listening(SilentProgress):
        @contextmanager
        def step(self, title: str) -> Iterator[Any]:
            said.append(title)
            if title.startswith("waiting"):
                lock.release()
            with super().step(title) as handle:
                yield handle

    jars.ensure_jars([ONE], tmp_path, Listening(), fetch=Repository().fetch)
    assert said == ["waiting for another process that is fetching jars", "fetching 1 of 1 jars"]
