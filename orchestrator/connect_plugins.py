"""Plugins before anything is created: fetched or built, opened, and checked against the connectors that use them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from orchestrator.connect_spec import ConnectorSpec, ConnectSpec, PluginSpec
from orchestrator.errors import UsageError
from orchestrator.plugin_archives import ArchiveError, PluginContents, inspect
from orchestrator.progress import Progress
from orchestrator.target_interface import Target
from stacks.inputs import PluginInputs

#: Classes that Connect itself brings along (its transforms and converters are not connectors).
_CONNECTS_OWN = "org.apache.kafka.connect."


@dataclass(frozen=True)
class OpenedPlugin:
    """A plugin that was looked into.

    Attributes:
        inputs: as the stack uploads it.
        contents: what is in the archive; None for one that is in a bucket already.
    """

    inputs: PluginInputs
    contents: PluginContents | None = None


def open_all(connect: ConnectSpec | None, target: Target, progress: Progress) -> tuple[OpenedPlugin, ...]:
    """Return the plugins with what is in them; nothing exists in the cloud yet.

    Raises:
        UsageError: an archive is missing, is none, differs from its digest, or lacks a connector's class.
        EphkError: an artifact cannot be fetched.
    """
    if connect is None:
        return ()
    target.prepare_connect(progress)
    opened: list[OpenedPlugin] = []
    for plugin in connect.plugins:
        if plugin.s3 is not None:
            bucket, key = plugin.s3_place()
            opened.append(OpenedPlugin(PluginInputs(plugin.name, _content_type(key), bucket=bucket, key=key)))
            continue
        path = _archive(plugin, target, progress)
        content_type = _content_type(path.name)
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if plugin.sha256 is not None and digest != plugin.sha256:
            raise UsageError(
                f"plugin {plugin.name}: {path} has SHA-256 {digest}, the spec says {plugin.sha256}",
                next_step="Find out which of both is right before you change either.",
            )
        try:
            contents = inspect(data, content_type)
        except ArchiveError as error:
            raise UsageError(f"plugin {plugin.name}: {error.message}", next_step=error.next_step) from None
        for connector in connect.connectors:
            if connector.plugin == plugin.name:
                check_class(connector, contents)
        if any(c.plugin == plugin.name and connect.needs_provider(c) for c in connect.connectors):
            path = target.with_config_provider(path, progress)
            content_type, digest = "ZIP", hashlib.sha256(path.read_bytes()).hexdigest()
        opened.append(OpenedPlugin(PluginInputs(plugin.name, content_type, archive=path, sha256=digest), contents))
    return tuple(opened)


def check_class(connector: ConnectorSpec, contents: PluginContents) -> None:
    """Refuse a connector whose class is not in its plugin; raises UsageError."""
    wanted = connector.config["connector.class"]
    if wanted.startswith(_CONNECTS_OWN) or contents.class_named(wanted) is not None:
        return
    known = ", ".join(sorted(contents.declared)[:5]) or "none is declared"
    raise UsageError(
        f"connector {connector.name}: the plugin {connector.plugin} has no class {wanted}",
        next_step=f"Correct connector.class, or put its jar into the archive. Connectors in it: {known}.",
    )


def _archive(plugin: PluginSpec, target: Target, progress: Progress) -> Path:
    if plugin.builtin is not None or plugin.maven is not None:
        return target.plugin_archive(plugin.maven, progress)
    path = Path(plugin.file or "").expanduser().absolute()
    if not path.is_file():
        raise UsageError(
            f"plugin {plugin.name}: there is no file {path}",
            next_step="Build it first, or correct 'file'; it is looked for from the current directory.",
        )
    return path


def _content_type(name: str) -> str:
    suffix = name.lower().rsplit(".", 1)[-1]
    if suffix not in {"zip", "jar"}:
        raise UsageError(
            f"the plugin archive {name} must end in .zip (jars in it) or .jar",
            next_step="Rename it, or pack the connector's jars into a ZIP file.",
        )
    return suffix.upper()
