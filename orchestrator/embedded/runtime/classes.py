"""Our own Java classes: compiled once, in the cache."""

from __future__ import annotations

import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from orchestrator.errors import EphkError

#: Sources of the classes that brokers load.
SOURCES = Path(__file__).parent.parent / "java" / "src" / "io" / "ephk" / "kafka"

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


def compile_jar(java: Path, compiler: Path, files: Sequence[Path], classpath: str, jar: Path) -> None:
    """Compile Java files into a jar, which appears whole or not at all.

    Args:
        java: the `java` program that runs the compiler.
        compiler: the Eclipse compiler's jar.
        files: the sources.
        classpath: what they need.
        jar: the result.

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
                "the Java classes of the embedded brokers do not compile",
                next_step="install the package again; if it stays so, report it with these lines",
                details=tuple(lines[-_MAX_LINES:]),
            )
        whole = Path(scratch) / jar.name
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(output.rglob("*.class")):
                entry = zipfile.ZipInfo(path.relative_to(output).as_posix(), _EPOCH)
                archive.writestr(entry, path.read_bytes())
        whole.replace(jar)
