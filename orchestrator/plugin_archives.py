"""Plugin archives: what is in them, whether they are safe to unpack, and unpacking them."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator.errors import EphkError

#: What an archive may be unpacked: more is a mistake, or meant to fill the disk.
_MAX_BYTES = 500 * 1024 * 1024
_MAX_ENTRIES = 20_000
_SERVICES = (
    "META-INF/services/org.apache.kafka.connect.sink.SinkConnector",
    "META-INF/services/org.apache.kafka.connect.source.SourceConnector",
)
#: Major version of a class file of Java 1; Java 17's is 61 ("The class File Format", JVM Specification, 4.1).
_CLASS_FILES_BEFORE_JAVA_1 = 44


class ArchiveError(EphkError):
    """An archive that is none, or that must not be unpacked."""


@dataclass(frozen=True)
class PluginContents:
    """What a plugin archive holds.

    Attributes:
        jars: names of the jars in it, in order.
        classes: every class, in binary notation (`io.ephk.connect.CanarySinkConnector`).
        declared: connector classes that are declared for `java.util.ServiceLoader`.
        size: unpacked bytes.
    """

    jars: tuple[str, ...]
    classes: frozenset[str]
    declared: frozenset[str]
    size: int

    def class_named(self, name: str) -> str | None:
        """Return the class that a `connector.class` names: whole, by its last part, or without `Connector` (KIP-26)."""
        if name in self.classes:
            return name
        endings = (f".{name}", f".{name}Connector")
        return next((found for found in sorted(self.classes) if found.endswith(endings)), None)


def inspect(data: bytes, content_type: str) -> PluginContents:
    """Look into an archive without unpacking it.

    Args:
        data: the archive.
        content_type: `ZIP` (jars, in any directory) or `JAR`.

    Raises:
        ArchiveError: it is no archive, is too large, has no jar, or has a path that leaves its directory.
    """
    classes: set[str] = set()
    declared: set[str] = set()
    jars: list[str] = []
    size = 0
    for name, jar in _jars(data, content_type):
        jars.append(name)
        for entry in jar.infolist():
            size += entry.file_size
            if entry.filename.endswith(".class") and not entry.filename.startswith("META-INF/"):
                classes.add(entry.filename.removesuffix(".class").replace("/", "."))
            elif entry.filename in _SERVICES:
                text = _read(jar, entry).decode(errors="replace")
                declared |= {line for raw in text.splitlines() if (line := raw.partition("#")[0].strip())}
        if size > _MAX_BYTES:
            raise ArchiveError(f"the plugin has more than {_MAX_BYTES // 2**20} MB unpacked")
    if not jars:
        raise ArchiveError("the archive has no jar in it", next_step="Put the connector's jars into the ZIP file.")
    return PluginContents(tuple(jars), frozenset(classes), frozenset(declared), size)


def unpack(data: bytes, content_type: str, directory: Path) -> None:
    """Put the jars of an archive that was inspected into one directory below `directory`.

    Raises:
        ArchiveError: like `inspect`.
    """
    home = directory / "plugin"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if content_type == "JAR":
        (home / "plugin.jar").write_bytes(data)
        return
    with _open(data) as archive:
        for number, entry in enumerate(_safe_entries(archive)):
            if entry.filename.endswith(".jar"):
                # Jars of two directories may have one name.
                (home / f"{number:04d}-{PurePosixPath(entry.filename).name}").write_bytes(_read(archive, entry))


def java_release(data: bytes, content_type: str, name: str) -> int | None:
    """Return the Java release that a class was compiled for, such as 17.

    Args:
        data: an archive that `inspect` accepts.
        content_type: `ZIP` or `JAR`.
        name: the class in binary notation.

    Returns:
        The release, or None when no jar has the class, or it is no class file.

    Raises:
        ArchiveError: like `inspect`.
    """
    wanted = f"{name.replace('.', '/')}.class"
    for _, jar in _jars(data, content_type):
        if wanted in jar.namelist():
            head = _read(jar, jar.getinfo(wanted))[:8]
            if len(head) == 8 and head.startswith(b"\xca\xfe\xba\xbe"):
                return int.from_bytes(head[6:], "big") - _CLASS_FILES_BEFORE_JAVA_1
            return None
    return None


def _jars(data: bytes, content_type: str) -> Iterator[tuple[str, zipfile.ZipFile]]:
    with _open(data) as archive:
        entries = _safe_entries(archive)
        if content_type == "JAR":
            yield "plugin.jar", archive
            return
        for entry in entries:
            if entry.filename.endswith(".jar"):
                with _open(_read(archive, entry), entry.filename) as jar:
                    _bounded(jar)
                    yield entry.filename, jar


def _open(data: bytes, name: str = "the object") -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError) as error:
        raise ArchiveError(
            f"{name} is neither a JAR nor a ZIP file: {error}",
            next_step="Fetch or build it again: it may be cut off, or an error page under an archive's name.",
        ) from None


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(entry)
    # Zipfile says RuntimeError of what is encrypted, NotImplementedError of an unknown compression.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ArchiveError(
            f"{entry.filename} cannot be read from the archive: {error}",
            next_step="Pack it again, without encryption, and compare its checksum where it was copied from.",
        ) from None


def _safe_entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > _MAX_ENTRIES:
        raise ArchiveError(f"the archive has {len(entries)} entries, more than {_MAX_ENTRIES}")
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in (path.parts[:1] or ("",))[0]:
            raise ArchiveError(
                f"the archive has a path that leaves its directory: {entry.filename!r}",
                next_step="Do not use this archive before you know who made it; pack the jars again.",
            )
    _bounded(archive)
    return entries


def _bounded(archive: zipfile.ZipFile) -> None:
    """Refuse what would fill memory or disk before anything is decompressed; zipfile never reads more than is said."""
    if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
        raise ArchiveError(
            f"the archive has more than {_MAX_BYTES // 2**20} MB unpacked",
            next_step="Leave out what the connector does not need; Kafka's own jars are there already.",
        )
