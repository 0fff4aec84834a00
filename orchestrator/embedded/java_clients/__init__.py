"""Apache's Java client in several versions, with a small program of ours that produces and consumes with each.

Each version has its own `kafka-clients` jar. The few libraries that it loads (slf4j, compression, Jackson) are those of
the brokers' lock, and aws-msk-iam-auth with the AWS SDK in one jar.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from orchestrator.embedded.java_clients.programs import ensure_program, libraries, program_path
from orchestrator.embedded.runtime.artifacts import IAM_CLIENT_LOCK, Artifact, read_lock
from orchestrator.embedded.runtime.classes import SOURCES
from orchestrator.embedded.runtime.ensure import packaged_java
from orchestrator.embedded.runtime.jars import ensure_jars
from orchestrator.embedded.runtime.model import JVM_FLAGS
from orchestrator.errors import EphkError
from orchestrator.java_client_versions import VERSIONS, JavaClient
from orchestrator.paths import cache_home
from orchestrator.progress import Progress

LOCK = Path(__file__).parent / "clients.lock.json"
_MAIN = "io.ephk.clients.ClientProbe"
_SOURCES = SOURCES.parent / "clients"


def ensure_clients(progress: Progress, versions: Sequence[str]) -> dict[str, JavaClient]:
    """Return the clients by version, fetching and compiling what is not in the cache.

    Raises:
        EphkError: a jar could not be fetched or differs from its lock, or a version is not in the lock.
    """
    jars = cache_home() / "jars"
    compiled_against = _client_jar(VERSIONS[0])  # the oldest of the matrix: what it has, the others have as well
    clients = {artifact.filename: artifact for artifact in (compiled_against, *map(_client_jar, versions))}
    ensure_jars([*clients.values(), *_others()], jars, progress)
    ensure_program(_SOURCES, [jars / compiled_against.filename], "the clients' program", progress)
    return cached_clients(versions)


def cached_clients(versions: Sequence[str]) -> dict[str, JavaClient]:
    """Return those of the versions that are complete in the cache; nothing is fetched."""
    jars, program = cache_home() / "jars", program_path(_SOURCES)
    found = {}
    for version in versions:
        paths = [jars / artifact.filename for artifact in (_client_jar(version), *_others())]
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


def _others() -> list[Artifact]:
    return [*libraries(), *read_lock(IAM_CLIENT_LOCK)]
