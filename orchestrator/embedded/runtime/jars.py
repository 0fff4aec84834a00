"""The jars in the cache: fetched once, checked by SHA-256, never used when they differ."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from jgo.maven import MavenContext
from requests import RequestException
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from orchestrator.embedded.runtime.artifacts import Artifact
from orchestrator.embedded.runtime.locks import shared_work
from orchestrator.errors import EphkError
from orchestrator.files import write_private_json
from orchestrator.progress import Progress

#: Fetches one artifact into an empty directory and returns the file.
Fetch = Callable[[Artifact, Path], Path]

_THREADS = 8
_MARKER = "verified.json"
_STAGING = ".staging-"
_TIMEOUT_S = 30


@retry(
    retry=retry_if_exception_type(RequestException),
    stop=stop_after_attempt(4),
    wait=wait_exponential(multiplier=0.5, max=5),
    reraise=True,
)
def fetch_from_maven(artifact: Artifact, directory: Path) -> Path:
    """Download one artifact of an exact version.

    Only this one file is asked for: jgo's own resolution of dependencies treats coordinates as BOMs and gives
    another closure than Maven's.

    Raises:
        requests.RequestException: the network failed four times.
        RuntimeError: no repository has the artifact.
        OSError: the file could not be written.
    """
    group, name, version, classifier = artifact.parts
    shutil.rmtree(directory, ignore_errors=True)  # a partial file of an attempt that failed
    context = MavenContext(repo_cache=directory, local_repos=[], timeout=_TIMEOUT_S)
    return Path(context.project(group, name).at_version(version).artifact(classifier=classifier).resolve())


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def ensure_jars(
    artifacts: Sequence[Artifact],
    directory: Path,
    progress: Progress,
    *,
    verify: bool = False,
    fetch: Fetch = fetch_from_maven,
) -> tuple[Path, ...]:
    """Return the jars in `directory` in the order of `artifacts`, fetching those that are missing.

    A jar is moved into place only after its digest was compared, so what was fetched before an interruption is
    kept and nothing partial is ever used. Two processes share the work through a file lock.

    Args:
        artifacts: what is needed.
        directory: the cache.
        progress: told what is being fetched.
        verify: hash every jar again instead of comparing its size with the one noted when it was hashed.
        fetch: how to get one artifact.

    Raises:
        EphkError: a digest differs (the jar is deleted), the network failed, or the disk is full.
    """
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        if not verify and not _missing(artifacts, directory):
            return tuple(directory / artifact.filename for artifact in artifacts)
        with shared_work(directory / ".lock", progress, "fetching jars"):
            if verify:
                for artifact in artifacts:
                    _refuse_if_different(artifact, directory / artifact.filename)
            missing = _missing(artifacts, directory)
            if missing:
                for stale in directory.glob(f"{_STAGING}*"):  # of a process that was killed: we hold the lock
                    shutil.rmtree(stale, ignore_errors=True)
                _fetch_all(missing, directory, progress, fetch, len(artifacts))
    return tuple(directory / artifact.filename for artifact in artifacts)


def _missing(artifacts: Sequence[Artifact], directory: Path) -> list[Artifact]:
    """Name the artifacts that are not in the cache or whose size is not the one that was hashed."""
    known = _read_marker(directory)
    missing = []
    for artifact in artifacts:
        try:
            size = (directory / artifact.filename).stat().st_size
        except FileNotFoundError:
            size = -1
        if size < 0 or known.get(artifact.filename) != [artifact.sha256, size]:
            missing.append(artifact)
    return missing


def _read_marker(directory: Path) -> dict[str, list[object]]:
    try:
        document = json.loads((directory / _MARKER).read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _mark(directory: Path, done: Sequence[Artifact]) -> None:
    marker = _read_marker(directory)
    for artifact in done:
        marker[artifact.filename] = [artifact.sha256, (directory / artifact.filename).stat().st_size]
    write_private_json(directory / _MARKER, marker)


def _refuse_if_different(artifact: Artifact, path: Path) -> None:
    """Delete a jar whose digest is not the expected one, and say so; a missing jar is fine."""
    if not path.exists():
        return
    actual = sha256_of(path)
    if actual == artifact.sha256:
        return
    path.unlink()
    raise EphkError(
        f"the jar {artifact.coordinate} has SHA-256 {actual}, expected {artifact.sha256}; it was deleted",
        next_step="run the command again to fetch it anew; if it differs again, the repository or a proxy alters it",
    )


def _fetch_all(missing: Sequence[Artifact], directory: Path, progress: Progress, fetch: Fetch, total: int) -> None:
    done: list[Artifact] = []
    lock = threading.Lock()
    with (
        progress.step(f"fetching {len(missing)} of {total} jars") as step,
        tempfile.TemporaryDirectory(dir=directory, prefix=_STAGING) as staging,
        ThreadPoolExecutor(_THREADS, thread_name_prefix="jars") as pool,
    ):

        def one(number: int, artifact: Artifact) -> None:
            target = directory / artifact.filename
            if target.exists() and sha256_of(target) == artifact.sha256:
                pass  # fetched by a run that was ended before it could note it
            else:
                fetched = fetch(artifact, Path(staging) / str(number))
                _refuse_if_different(artifact, fetched)
                fetched.replace(target)
            with lock:
                done.append(artifact)
                if len(done) % 10 == 0 or len(done) == len(missing):
                    step.waiting(f"{len(done)} of {len(missing)}")

        futures: dict[Future[None], Artifact] = {
            pool.submit(one, number, artifact): artifact for number, artifact in enumerate(missing)
        }
        try:
            finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in finished:
                _raise_for(futures[future], future)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            with lock:
                _mark(directory, done)


def _raise_for(artifact: Artifact, future: Future[None]) -> None:
    """Raise what a download raised, in the product's words; disk errors are left to the caller."""
    error = future.exception()
    if error is None:
        return
    if isinstance(error, (RequestException, RuntimeError)):
        raise EphkError(
            f"cannot fetch the jar {artifact.coordinate}: {type(error).__name__}: {error}",
            next_step="check the network and the proxy settings, then run the command again; what was fetched is kept",
        ) from error
    raise error


@contextmanager
def disk_errors(directory: Path) -> Iterator[None]:
    """Turn "no space left" and "not writable" into an EphkError that names the directory."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise EphkError(
                f"no disk space for the Kafka runtime in {directory}: {_free(directory)}",
                next_step="free about 500 MB there, or set XDG_CACHE_HOME to a directory on a larger disk",
            ) from error
        if error.errno in {errno.EACCES, errno.EROFS, errno.EPERM}:
            raise EphkError(
                f"cannot write to the cache {directory}: {os.strerror(error.errno)}",
                next_step="make it writable, or set XDG_CACHE_HOME to a directory that is",
            ) from error
        raise


def _free(directory: Path) -> str:
    place = directory
    while not place.exists():
        place = place.parent
    return f"{shutil.disk_usage(place).free / 1e6:.0f} MB free"
