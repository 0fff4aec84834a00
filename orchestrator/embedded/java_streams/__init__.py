"""Kafka Streams with a small application of ours that counts words."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.embedded.java_clients.programs import ensure_program, libraries, program_path
from orchestrator.embedded.runtime.artifacts import KAFKA_LOCK, Artifact, read_lock
from orchestrator.embedded.runtime.classes import SOURCES
from orchestrator.embedded.runtime.ensure import packaged_java
from orchestrator.embedded.runtime.jars import ensure_jars
from orchestrator.embedded.runtime.model import JVM_FLAGS
from orchestrator.paths import cache_home
from orchestrator.progress import Progress

LOCK = Path(__file__).parent / "streams.lock.json"
_MAIN = "io.ephk.streams.WordCount"
_SOURCES = SOURCES.parent / "streams"


def ensure_streams(progress: Progress) -> tuple[str, ...]:
    """Return the command of the application, fetching (75 MB) and compiling what is not in the cache.

    Raises:
        EphkError: a jar could not be fetched or differs from its lock.
    """
    jars = ensure_jars(_artifacts(), cache_home() / "jars", progress)
    ensure_program(_SOURCES, jars, "the Streams application", progress)
    return cached_streams() or ()


def cached_streams() -> tuple[str, ...] | None:
    """Return the command of the application when it is complete in the cache; nothing is fetched, nothing is secret."""
    paths = [*(cache_home() / "jars" / artifact.filename for artifact in _artifacts()), program_path(_SOURCES)]
    if not all(path.is_file() for path in paths):
        return None
    classpath = os.pathsep.join(map(str, paths))
    return (str(packaged_java()), "-Xms32m", "-Xmx160m", *JVM_FLAGS, "-cp", classpath, _MAIN)


def _artifacts() -> list[Artifact]:
    brokers = [artifact for artifact in read_lock(KAFKA_LOCK) if artifact.parts[1] == "kafka-clients"]
    return [*brokers, *libraries(), *read_lock(LOCK)]
