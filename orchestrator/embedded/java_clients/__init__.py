"""Apache's Java client in several versions, with a small program of ours that produces and consumes with each.

Each version has its own `kafka-clients` jar. The few libraries that it loads (slf4j, compression, Jackson) are those of
the brokers' lock, and aws-msk-iam-auth with the AWS SDK in one jar.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from orchestrator.embedded.runtime.artifacts import COMPILER_LOCK, IAM_CLIENT_LOCK, KAFKA_LOCK, Artifact, read_lock
from orchestrator.embedded.runtime.classes import SOURCES, compile_jar, sources
from orchestrator.embedded.runtime.ensure import packaged_java
from orchestrator.embedded.runtime.jars import disk_errors, ensure_jars, sha256_of
from orchestrator.embedded.runtime.locks import shared_work
from orchestrator.embedded.runtime.model import JVM_FLAGS
from orchestrator.errors import EphkError
from orchestrator.java_client_versions import VERSIONS, JavaClient
from orchestrator.paths import cache_home
from orchestrator.progress import Progress

LOCK = Path(__file__).parent / "clients.lock.json"
_LIBRARIES = (
    "slf4j-api",
    "lz4-java",
    "snappy-java",
    "zstd-jni",
    "jackson-core",
    "jackson-databind",
    "jackson-annotations",
)
_MAIN = "io.ephk.clients.ClientProbe"


def ensure_clients(progress: Progress, versions: Sequence[str]) -> dict[str, JavaClient]:
    """Return the clients by version, fetching and compiling what is not in the cache.

    Raises:
        EphkError: a jar could not be fetched or differs from its lock, or a version is not in the lock.
    """
    java, jars, program = packaged_java(), cache_home() / "jars", _program()
    compiled_against = _client_jar(VERSIONS[0])  # the oldest of the matrix: what it has, the others have as well
    clients = {artifact.filename: artifact for artifact in (compiled_against, *map(_client_jar, versions))}
    ensure_jars([*clients.values(), *_libraries()], jars, progress)
    with disk_errors(program.parent):
        program.parent.mkdir(parents=True, exist_ok=True)
        if not program.exists():
            with shared_work(program.parent / ".lock", progress, "compiling the clients' program"):
                if not program.exists():
                    (compiler,) = ensure_jars(read_lock(COMPILER_LOCK), jars, progress)
                    with progress.step("compiling the clients' program"):
                        classpath = str(jars / compiled_against.filename)
                        compile_jar(java, compiler, sources(_sources()), classpath, program)
    return cached_clients(versions)


def cached_clients(versions: Sequence[str]) -> dict[str, JavaClient]:
    """Return those of the versions that are complete in the cache; nothing is fetched."""
    jars, program = cache_home() / "jars", _program()
    found = {}
    for version in versions:
        paths = [jars / artifact.filename for artifact in (_client_jar(version), *_libraries())]
        if all(path.is_file() for path in (program, *paths)):
            classpath = os.pathsep.join(map(str, (*paths, program)))
            command = (str(packaged_java()), "-Xms32m", "-Xmx128m", *JVM_FLAGS, "-cp", classpath, _MAIN)
            found[version] = JavaClient(version, command)
    return found


def _client_jar(version: str) -> Artifact:
    for artifact in read_lock(LOCK):
        if artifact.parts[2] == version:
            return artifact
    raise EphkError(f"the product knows no Java client of version {version}")


def _libraries() -> list[Artifact]:
    kafka = [artifact for artifact in read_lock(KAFKA_LOCK) if artifact.parts[1] in _LIBRARIES]
    return [*kafka, *read_lock(IAM_CLIENT_LOCK)]


def _sources() -> Path:
    return SOURCES.parent / "clients"


def _program() -> Path:
    digest = hashlib.sha256("".join(sha256_of(source) for source in sources(_sources())).encode()).hexdigest()[:16]
    return cache_home() / "java-clients" / f"{digest}.jar"
