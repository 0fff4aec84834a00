"""The runtime with what Connect workers need beside the brokers: an archive of their own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from orchestrator.embedded.runtime.ensure import archive_for, ensure_kafka_runtime
from orchestrator.embedded.runtime.model import KafkaRuntime
from orchestrator.progress import Progress


def ensure_connect_runtime(progress: Progress) -> KafkaRuntime:
    """Return the Kafka runtime with the workers' class-data archive, made when it is not in the cache (20 s, once).

    Without the archive workers start more slowly, and nothing else changes.

    Raises:
        EphkError: like `ensure_kafka_runtime`.
    """
    from orchestrator.embedded.connect_workers import (
        training,  # workers stand on the runtime; only its making needs them
    )

    runtime = ensure_kafka_runtime(progress)
    archive = archive_for(runtime, "connect", _files(runtime), training.make_connect_archive, progress)
    return runtime if archive is None else replace(runtime, archives={**runtime.archives, "connect": archive})


def _files(runtime: KafkaRuntime) -> Iterable[Path]:
    return [Path(part) for part in runtime.classpath.split(os.pathsep)]
