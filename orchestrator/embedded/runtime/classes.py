"""Our own Java classes: compiled once, in the cache."""

from __future__ import annotations

import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.errors import EphkError

_JAVA = Path(__file__).parent.parent / "java" / "src" / "io" / "ephk"
#: Sources of the classes that brokers and Connect workers load.
SOURCES = _JAVA / "kafka"
#: Sources of the canary, a plugin for Kafka Connect.
CANARY_SOURCES = _JAVA / "connect"
#: Sources of the configuration provider that is packed with plugins.
PROVIDER_SOURCES = _JAVA / "secrets"
#: Sources of the program that lets plugins judge configurations.
PREFLIGHT_SOURCES = _JAVA / "preflight"

_DEADLINE_S = 120
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAX_LINES = 20


def sources(directory: Path = SOURCES) -> tuple[Path, ...]:
    """Return the Java files, in a fixed order.

    Raises:
        EphkError: there are none, so the installation is damaged.
    """
    files = tuple(sorted(directory.glob("*.java")))
    if not files:
        raise EphkError(f"the Java sources are missing from {directory}", next_step="install the package again")
    return files


def compile_jar(
    java: Path,
    compiler: Path,
    files: Sequence[Path],
    classpath: str,
    jar: Path,
    services: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Compile Java files into a jar, which appears whole or not at all; the same sources give the same bytes.

    Args:
        java: the `java` program that runs the compiler.
        compiler: the Eclipse compiler's jar.
        files: the sources.
        classpath: what they need.
        jar: the result.
        services: providers by the name of their service interface, for `java.util.ServiceLoader`.

    Raises:
        EphkError: the compiler refused them; `details` are its messages.
    """
    with tempfile.TemporaryDirectory(dir=jar.parent, prefix=".classes-") as scratch:
        output = Path(scratch) / "out"
        command = [str(java), "-XX:+UseSerialGC", "-XX:-UsePerfData", "-jar", str(compiler)]
        # --release needs a JDK's signature files, which a JRE has not.
        command += ["-source", "17", "-target", "17", "-proc:none", "-nowarn", "-cp", classpath, "-d", str(output)]
        done = subprocess.run(
            [*command, *map(str, files)], capture_output=True, text=True, timeout=_DEADLINE_S, check=False, cwd=scratch
        )
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).strip().splitlines()
            raise EphkError(
                f"the Java classes of {jar.name} do not compile",
                next_step="install the package again; if it stays so, report it with these lines",
                details=tuple(lines[-_MAX_LINES:]),
            )
        whole = Path(scratch) / jar.name
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(output.rglob("*.class")):
                write_entry(archive, path.relative_to(output).as_posix(), path.read_bytes())
            for service, providers in sorted((services or {}).items()):
                listed = "".join(f"{name}\n" for name in providers)
                write_entry(archive, f"META-INF/services/{service}", listed.encode())
        whole.replace(jar)


def write_entry(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file to an archive with a fixed time and mode, so that the same contents give the same archive."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = archive.compression
    archive.writestr(entry, content)
