"""MirrorMaker 2 as a plugin: Apache's own jars, and the library by which clients use MSK's IAM listener."""

from __future__ import annotations

import hashlib
from pathlib import Path

from orchestrator.embedded.runtime.artifacts import IAM_CLIENT_LOCK, MIRROR_LOCK, read_lock
from orchestrator.embedded.runtime.canary import bundle
from orchestrator.embedded.runtime.jars import disk_errors, ensure_jars
from orchestrator.embedded.runtime.locks import shared_work
from orchestrator.paths import cache_home
from orchestrator.progress import Progress


def ensure_mirror_plugin(progress: Progress, directory: Path | None = None) -> Path:
    """Return the plugin's archive (ZIP, 10 MB), put together when it is not there; always with the same bytes.

    Args:
        progress: told what is fetched.
        directory: where it is kept; None for the cache.

    Raises:
        EphkError: a jar differs from its lock, or the network or the disk failed.
    """
    plugins = directory or cache_home() / "plugins"
    lock = (*read_lock(MIRROR_LOCK), *read_lock(IAM_CLIENT_LOCK))
    digest = hashlib.sha256("|".join(artifact.sha256 for artifact in lock).encode()).hexdigest()[:16]
    archive = plugins / f"mirrormaker-{digest}.zip"
    with disk_errors(plugins):
        if not archive.exists():
            plugins.mkdir(parents=True, exist_ok=True)
            with shared_work(plugins / ".mirrormaker.lock", progress, "putting the MirrorMaker plugin together"):
                if not archive.exists():
                    bundle(archive, "mirrormaker", list(ensure_jars(lock, cache_home() / "jars", progress)))
    return archive
