"""Our configuration provider for Kafka Connect, and archives of plugins that have it beside their own jars."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from orchestrator.connect_secrets import PROVIDER_CLASS
from orchestrator.embedded.runtime.classes import PROVIDER_SOURCES, write_entry
from orchestrator.embedded.runtime.jars import disk_errors, sha256_of
from orchestrator.embedded.runtime.locks import shared_work
from orchestrator.embedded.runtime.own_jars import ensure_own_jar
from orchestrator.paths import cache_home
from orchestrator.progress import Progress

_SERVICES = {"org.apache.kafka.common.config.provider.ConfigProvider": (PROVIDER_CLASS,)}


def ensure_config_provider(progress: Progress, directory: Path | None = None) -> Path:
    """Return the provider's jar (15 KB, no dependency), built reproducibly when it is not there.

    Args:
        progress: told what is built.
        directory: where it is kept; None for the cache.

    Raises:
        EphkError: the network or the disk failed, or the compiler refused.
    """
    home = directory or cache_home() / "plugins"
    return ensure_own_jar("secrets", home, PROVIDER_SOURCES, progress, _SERVICES)


def with_config_provider(archive: Path, progress: Progress, directory: Path | None = None) -> Path:
    """Return a ZIP archive with a plugin and the provider; the same plugin gives the same bytes.

    Args:
        archive: the plugin, a ZIP file with jars or one jar, which was inspected before.
        progress: told what is built.
        directory: where it is kept; None for the cache.

    Raises:
        EphkError: like `ensure_config_provider`.
    """
    provider = ensure_config_provider(progress, directory)
    digest = hashlib.sha256(f"{sha256_of(archive)}|{sha256_of(provider)}".encode()).hexdigest()[:16]
    bundle = provider.parent / f"with-secrets-{digest}.zip"
    with disk_errors(bundle.parent):
        if not bundle.exists():
            with shared_work(bundle.parent / ".with-secrets.lock", progress, "packing a plugin"):
                partial = bundle.with_suffix(".partial")
                with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as writer:  # jars are compressed already
                    for name, content in _jars(archive):
                        write_entry(writer, name, content)
                    write_entry(writer, "ephk-secrets/ephk-secrets.jar", provider.read_bytes())
                partial.replace(bundle)
    return bundle


def _jars(archive: Path) -> list[tuple[str, bytes]]:
    if archive.suffix.lower() == ".jar":
        return [("plugin/plugin.jar", archive.read_bytes())]
    with zipfile.ZipFile(archive) as reader:
        return [(entry.filename, reader.read(entry)) for entry in reader.infolist() if not entry.is_dir()]
