"""What a plugin says of a connector's configuration before there is a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ConnectorToValidate:
    """A connector and the archive that has its class.

    Attributes:
        name: the connector's.
        config: its configuration with the class's whole name; references and placeholders stand as they are.
        archive: a ZIP file with jars, or one jar.
        content_type: `ZIP` or `JAR`.
    """

    name: str
    config: Mapping[str, str]
    archive: Path
    content_type: str


@dataclass(frozen=True)
class Judgement:
    """What came of it.

    Attributes:
        version: the connector's version; None when it could not be loaded.
        missing: a class that is not there, or that is no connector, with what Java said.
        fields: by field, why its value is not accepted.
        unknown: why nothing is known; empty when something is.
        type: `sink` or `source`; empty when it could not be loaded.
    """

    version: str | None = None
    missing: str = ""
    fields: Mapping[str, str] | None = None
    unknown: str = ""
    type: str = ""


def parse(text: str, config: Mapping[str, str]) -> Judgement:
    """Read the lines that the validating program wrote.

    Args:
        text: its output for one connector: name, kind, subject and message, separated by tabs.
        config: the connector's; what refers to something is known to the workers alone, and not judged.
    """
    version, fields, missing, unknown, sort = None, dict[str, str](), "", "", ""
    for line in text.splitlines():
        parts = line.split("\t", 3)
        if len(parts) != 4:  # a line that the plugin wrote
            continue
        _, kind, subject, message = parts
        if kind == "version":
            version = message
        elif kind == "type":
            sort = message
        elif kind == "class":
            missing = f"{subject.replace('/', '.')}: {message}" if subject else message
        elif kind == "field" and "${" not in config.get(subject, ""):
            fields.setdefault(subject, message)
        elif kind == "unknown":
            unknown = message
    if version is None and not missing and not unknown:
        unknown = "the plugin could not be tried here"
    return Judgement(version, missing, fields, unknown, sort)
