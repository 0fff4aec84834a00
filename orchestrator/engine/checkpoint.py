"""A stack's state, read from the backend without the CLI.

The format is Pulumi's checkpoint ("apitype.VersionedCheckpoint", version 3). Reading it costs milliseconds where
`pulumi stack export` costs the start of a process, and works when the CLI is gone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import EphkError

_STACK_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class StateResource:
    """A resource as the state knows it.

    Attributes:
        urn: Pulumi's name for it.
        type: its type's token.
        name: its name in the program.
        id: its id in the cloud.
        pending: the operation that was under way when the state was last written (`creating`, ...); empty for none.
    """

    urn: str
    type: str
    name: str
    id: str
    pending: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """What the state holds.

    Attributes:
        outputs: the stack's exports; secret ones stay encrypted.
        resources: the cloud's resources, in the order of their creation; neither components nor providers.
    """

    outputs: dict[str, Any]
    resources: tuple[StateResource, ...]

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a state file; one that is not there is an empty state.

        Raises:
            EphkError: it is no checkpoint of a known version.
        """
        try:
            return cls.parse(path.read_bytes(), str(path))
        except FileNotFoundError:
            return cls({}, ())

    @classmethod
    def parse(cls, text: bytes, where: str) -> Checkpoint:
        """Read a state.

        Args:
            text: the document.
            where: its address, for error messages.

        Raises:
            EphkError: it is no checkpoint of a known version.
        """
        try:
            document = json.loads(text)
        except ValueError as error:
            raise EphkError(f"the Pulumi state {where} cannot be read: {error}") from None
        if document.get("version") == 0:
            return cls({}, ())  # the stack is being made at this moment
        if document.get("version") != 3:
            raise EphkError(f"the Pulumi state {where} has version {document.get('version')}, known is 3")
        latest = document.get("checkpoint", {}).get("latest") or {}
        entries = latest.get("resources") or []
        outputs = next((entry.get("outputs") or {} for entry in entries if entry["type"] == _STACK_TYPE), {})
        found = [_resource(entry) for entry in entries if _in_cloud(entry)]
        for operation in latest.get("pending_operations") or []:
            if _in_cloud(operation["resource"]):
                found.append(_resource(operation["resource"], operation["type"]))
        return cls(dict(outputs), tuple(found))


def _in_cloud(entry: dict[str, Any]) -> bool:
    return bool(entry.get("custom")) and not entry["type"].startswith("pulumi:")


def _resource(entry: dict[str, Any], pending: str = "") -> StateResource:
    urn = entry["urn"]
    return StateResource(urn, entry["type"], name_of(urn), entry.get("id", ""), pending)


def name_of(urn: str) -> str:
    """Return a resource's name in the program (the last part of its URN)."""
    return urn.rsplit("::", 1)[-1]
