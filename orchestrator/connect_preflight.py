"""Kafka Connect before anything is created: what would fail later is found now, with its cause and the next step.

The plugins' archives are opened by `connect_plugins`; here their connectors judge their configurations, and the spec is
held against the network, the quotas and the roles that the stack would make. What cannot be known here is
`not_covered` with the reason, and never taken for fine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator import connect_paths, connect_plugins
from orchestrator.connect_paths import Status
from orchestrator.connect_plugins import OpenedPlugin
from orchestrator.connect_spec import ConnectorSpec
from orchestrator.connect_validation import ConnectorToValidate, Judgement
from orchestrator.errors import UsageError
from orchestrator.plugin_archives import java_release
from orchestrator.progress import Progress
from orchestrator.spec import EnvironmentSpec
from orchestrator.target_interface import Target
from stacks.inputs import PluginInputs

#: What MSK Connect runs Kafka Connect 3.7.x on ("Create custom plugins", Amazon MSK Developer Guide).
_JAVA_ON_AWS = 17


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        status: `ok`, `failed`, or `not_covered` when it cannot be known before the apply.
        subject: what it is about, such as `connector orders-archive`.
        message: what was found, with the cause.
        next_step: what to do about it; empty when there is nothing to do.
    """

    status: Status
    subject: str
    message: str
    next_step: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the finding as JSON has it."""
        return {
            "status": self.status, "subject": self.subject, "message": self.message, "next_step": self.next_step,
        }  # fmt: skip


def examine(
    spec: EnvironmentSpec, opened: Sequence[OpenedPlugin], target: Target, progress: Progress
) -> tuple[Finding, ...]:
    """Return everything that can be said of the spec's Kafka Connect, good and bad.

    Args:
        spec: as asked for.
        opened: what `connect_plugins.open_all` returned for it.
        target: where it is to be; loads plugins.
        progress: told what is done.

    Raises:
        EphkError: what judges plugins cannot be built.
    """
    if spec.connect is None:
        return ()
    found = [*_plugins(spec, opened, on_aws=target.name == "aws"), *_configurations(spec, opened, target, progress)]
    paths = connect_paths.examine(spec, on_aws=target.name == "aws")
    return (*found, *(Finding(*item) for item in paths))


def prepare(spec: EnvironmentSpec, target: Target, progress: Progress) -> tuple[PluginInputs, ...]:
    """Open the plugins, examine the spec, and return the plugins as the stack uploads them.

    Raises:
        UsageError: something would fail.
        EphkError: an artifact cannot be fetched.
    """
    opened = connect_plugins.open_all(spec.connect, target, progress)
    refuse(examine(spec, opened, target, progress), progress)
    return tuple(plugin.inputs for plugin in opened)


def refuse(findings: Sequence[Finding], progress: Progress) -> None:
    """Say what is not covered, and refuse what would fail.

    Raises:
        UsageError: at least one finding failed; `details` has all of them.
    """
    for finding in findings:
        if finding.status == "not_covered":
            progress.note(f"{finding.subject}: not covered before the apply: {finding.message}")
    failed = [finding for finding in findings if finding.status == "failed"]
    if failed:
        first, more = failed[0], len(failed) - 1
        also = f" (and {more} more)" if more else ""
        raise UsageError(
            f"{first.subject}: {first.message}{also}",
            next_step=first.next_step,
            details=tuple(f"{item.subject}: {item.message}. {item.next_step}" for item in failed[1:]),
        )


def _plugins(spec: EnvironmentSpec, opened: Sequence[OpenedPlugin], *, on_aws: bool) -> Iterator[Finding]:
    connectors = spec.connect.connectors if spec.connect is not None else ()
    for plugin in opened:
        subject = f"plugin {plugin.inputs.name}"
        if plugin.contents is None:
            yield Finding(
                "not_covered",
                subject,
                f"s3://{plugin.inputs.bucket}/{plugin.inputs.key} is not opened before the apply",
            )
            continue
        contents = plugin.contents
        yield Finding(
            "ok", subject, f"{len(contents.jars)} jars, {contents.size / 2**20:.1f} MB unpacked, no path leaves it"
        )
        for connector in connectors:
            named = contents.class_named(connector.config["connector.class"])
            if connector.plugin != plugin.inputs.name or named is None:
                continue
            yield from _compiled_for(connector, plugin, named, on_aws=on_aws)
            if named not in contents.declared:
                yield Finding(
                    "ok",
                    f"connector {connector.name}",
                    f"{named} is in no service file: workers find it by scanning every jar, which takes seconds",
                    "Add META-INF/services/org.apache.kafka.connect.sink.SinkConnector (or source) to its jar.",
                )


def _compiled_for(connector: ConnectorSpec, plugin: OpenedPlugin, name: str, *, on_aws: bool) -> Iterator[Finding]:
    """Say when a class is too new for MSK Connect's Java; whether it is for this machine's, its JVM says itself."""
    if plugin.inputs.archive is None:
        return
    release = java_release(plugin.inputs.archive.read_bytes(), plugin.inputs.content_type, name)
    if release is None or release <= _JAVA_ON_AWS:
        return
    message = f"class version: {name} was compiled for Java {release}, and MSK Connect has Java {_JAVA_ON_AWS}"
    if on_aws:
        step = f"Build or fetch the plugin for Java {_JAVA_ON_AWS} or older (javac --release {_JAVA_ON_AWS})."
        yield Finding("failed", f"connector {connector.name}", message, step)
    else:
        yield Finding("not_covered", f"connector {connector.name}", f"{message}; on AWS this is refused")


def _configurations(
    spec: EnvironmentSpec, opened: Sequence[OpenedPlugin], target: Target, progress: Progress
) -> Iterator[Finding]:
    """Let each connector that can be loaded judge its configuration."""
    archives = {plugin.inputs.name: plugin for plugin in opened if plugin.contents is not None}
    wanted: list[ConnectorToValidate] = []
    for connector in spec.connect.connectors if spec.connect is not None else ():
        plugin = archives.get(connector.plugin)
        if plugin is None or plugin.contents is None or plugin.inputs.archive is None:
            yield Finding("not_covered", f"connector {connector.name}", "its plugin cannot be loaded before the apply")
            continue
        named = connector.config["connector.class"]
        config = {
            **connector.config,
            "name": connector.name,
            "connector.class": plugin.contents.class_named(named) or named,
            "tasks.max": str(connector.tasks),
        }
        wanted.append(ConnectorToValidate(connector.name, config, plugin.inputs.archive, plugin.inputs.content_type))
    connectors = {connector.name: connector for connector in spec.connect.connectors} if spec.connect else {}
    for name, judgement in target.validate_connectors(wanted, progress).items():
        yield from _judged(name, judgement)
        yield from _granted(connectors[name], judgement)


def _granted(connector: ConnectorSpec, judgement: Judgement) -> Iterator[Finding]:
    """Refuse a sink that may read nothing and a source that may write nothing: each is mostly the other by mistake."""
    if connector.link is not None:
        return  # it reads elsewhere, and the stack grants what it writes
    lacks = {"sink": ("consumes", connector.consumes), "source": ("produces", connector.produces)}.get(judgement.type)
    if lacks is not None and not lacks[1]:
        other = "produces" if lacks[0] == "consumes" else "consumes"
        verb = "read" if lacks[0] == "consumes" else "write"
        declared = f"; it has '{other}', which is for the other kind" if getattr(connector, other) else ""
        yield Finding(
            "failed",
            f"connector {connector.name}",
            f"ACL: {connector.config['connector.class']} is a {judgement.type}, and its role may {verb} no topic"
            f"{declared}",
            f"Declare the topics in '{lacks[0]}', or name the {'source' if judgement.type == 'sink' else 'sink'}"
            " class of the plugin in connector.class.",
        )


def _judged(name: str, judgement: Judgement) -> Iterator[Finding]:
    subject = f"connector {name}"
    if "UnsupportedClassVersionError" in judgement.missing:
        step = "Build or fetch the plugin for an older Java release (javac --release 17)."
        yield Finding("failed", subject, f"class version: {judgement.missing}", step)
    elif judgement.missing:
        yield Finding(
            "failed",
            subject,
            f"class not found: {judgement.missing}",
            "Put the jar with this class into the plugin's archive.",
        )
    elif judgement.unknown:
        yield Finding("not_covered", subject, f"its plugin could not judge the configuration: {judgement.unknown}")
    for field, message in (judgement.fields or {}).items():
        yield Finding("failed", subject, f"{field}: {message}", f"Correct '{field}' in the connector's config.")
    if judgement.version is not None and not judgement.fields:
        yield Finding("ok", subject, f"version {judgement.version} accepts its configuration")
