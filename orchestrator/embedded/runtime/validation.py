"""Connector configurations judged by the plugin itself, in a JVM of a second's life, before anything is created."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from orchestrator.connect_validation import ConnectorToValidate, Judgement, parse
from orchestrator.embedded.brokers.properties import render
from orchestrator.embedded.runtime.classes import PREFLIGHT_SOURCES
from orchestrator.embedded.runtime.ensure import packaged_java
from orchestrator.embedded.runtime.jars import sha256_of
from orchestrator.embedded.runtime.model import JVM_FLAGS
from orchestrator.embedded.runtime.own_jars import ensure_own_jar, kafka_jars
from orchestrator.files import write_private
from orchestrator.paths import cache_home
from orchestrator.plugin_archives import unpack
from orchestrator.progress import Progress

_MAIN = "io.ephk.preflight.ValidateConnectors"
_DEADLINE_S = 120


def ensure_validator(progress: Progress) -> Path:
    """Return the jar of the program that loads plugins, built when it is not there; raises EphkError."""
    return ensure_own_jar("preflight", cache_home() / "plugins", PREFLIGHT_SOURCES, progress)


def validate_connectors(wanted: Sequence[ConnectorToValidate], progress: Progress) -> dict[str, Judgement]:
    """Return what the plugins say of each connector's configuration, by connector.

    A judgement is kept in the cache, since the same archive says the same of the same configuration.

    Raises:
        EphkError: our class cannot be built.
    """
    if not wanted:
        return {}
    own = ensure_validator(progress)
    kept = {item.name: _kept_at(item, own) for item in wanted}
    missing = [item for item in wanted if not kept[item.name].is_file()]
    if missing:
        with progress.step("validating the connectors' configurations"):
            said = _run(missing, own, progress)
        for item in missing:
            lines = [line for line in said.splitlines() if line.startswith(f"{item.name}\t")]
            if lines:
                write_private(kept[item.name], "".join(f"{line}\n" for line in lines))
    return {
        item.name: parse(kept[item.name].read_text() if kept[item.name].is_file() else "", item.config)
        for item in wanted
    }


def _kept_at(item: ConnectorToValidate, own: Path) -> Path:
    parts = [sha256_of(item.archive), own.name, item.name, render(dict(sorted(item.config.items())))]
    digest = hashlib.sha256("|".join(parts).encode()).hexdigest()[:24]
    return own.parent / f"validated-{digest}.tsv"


def _run(wanted: Sequence[ConnectorToValidate], own: Path, progress: Progress) -> str:
    with tempfile.TemporaryDirectory(prefix="ephk-validate-") as scratch:
        arguments: list[str] = []
        for number, item in enumerate(wanted):
            home = Path(scratch) / str(number)
            unpack(item.archive.read_bytes(), item.content_type, home)
            properties = home / "connector.properties"
            write_private(properties, render(dict(item.config)))
            arguments += [item.name, str(home / "plugin"), str(properties)]
        classpath = os.pathsep.join(map(str, [own, *kafka_jars(progress)]))
        command = [str(packaged_java()), "-Xmx256m", *JVM_FLAGS, "-Dlog4j2.level=OFF", "-cp", classpath, _MAIN]
        try:
            done = subprocess.run(
                [*command, *arguments], capture_output=True, text=True, timeout=_DEADLINE_S, check=False, cwd=scratch
            )
        except subprocess.TimeoutExpired:
            return ""
    return done.stdout
