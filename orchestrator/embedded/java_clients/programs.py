"""Small Java programs of ours that use a client library: compiled once, in the cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from orchestrator.embedded.runtime.artifacts import COMPILER_LOCK, KAFKA_LOCK, Artifact, read_lock
from orchestrator.embedded.runtime.classes import compile_jar, sources
from orchestrator.embedded.runtime.ensure import packaged_java
from orchestrator.embedded.runtime.jars import disk_errors, ensure_jars, sha256_of
from orchestrator.embedded.runtime.locks import shared_work
from orchestrator.paths import cache_home
from orchestrator.progress import Progress

#: What every Java client loads beside `kafka-clients`.
_LIBRARIES = (
    "slf4j-api",
    "lz4-java",
    "snappy-java",
    "zstd-jni",
    "jackson-core",
    "jackson-databind",
    "jackson-annotations",
)


def libraries() -> list[Artifact]:
    """Return the libraries beside `kafka-clients`, as the brokers' lock has them."""
    return [artifact for artifact in read_lock(KAFKA_LOCK) if artifact.parts[1] in _LIBRARIES]


def program_path(directory: Path) -> Path:
    """Return where the program that is compiled from a directory's sources is kept."""
    digest = hashlib.sha256("".join(sha256_of(source) for source in sources(directory)).encode()).hexdigest()[:16]
    return cache_home() / "java-clients" / f"{digest}.jar"


def ensure_program(directory: Path, classpath: Sequence[Path], what: str, progress: Progress) -> Path:
    """Return the program that is compiled from a directory's sources, made when it is not in the cache.

    Args:
        directory: has the sources.
        classpath: what they need.
        what: how progress calls it.
        progress: told what is done.

    Raises:
        EphkError: the compiler refused the sources, or the disk failed.
    """
    program = program_path(directory)
    with disk_errors(program.parent):
        program.parent.mkdir(parents=True, exist_ok=True)
        if not program.exists():
            with shared_work(program.parent / ".lock", progress, f"compiling {what}"):
                if not program.exists():
                    (compiler,) = ensure_jars(read_lock(COMPILER_LOCK), cache_home() / "jars", progress)
                    with progress.step(f"compiling {what}"):
                        paths = os.pathsep.join(map(str, classpath))
                        compile_jar(packaged_java(), compiler, sources(directory), paths, program)
    return program
