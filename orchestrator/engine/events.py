"""The engine's events: what is under way, what was done, what went wrong."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation.events import EngineEvent, OpType

from orchestrator.engine.checkpoint import name_of
from orchestrator.progress import StepHandle

#: Seconds between two lines about what is being waited for.
_SAY_S = 1.0
_MARKUP = re.compile(r"<\{%[^%]*%\}>")
#: What the engine writes before the reasons of a resource that was made in part.
_PREAMBLE = re.compile(r"^\d+ errors? occurred:\s*\*\s*")
_WORDS = {OpType.CREATE: "making", OpType.UPDATE: "changing", OpType.DELETE: "deleting", OpType.REFRESH: "looking at"}


@dataclass(frozen=True)
class Done:
    """An operation on a resource of the cloud that succeeded.

    Attributes:
        op: `create`, `update`, `replace`, `delete`, `same`, ...
        type: the type's token.
        name: the resource's name in the program.
        id: its id in the cloud.
        inputs: what the program declared, as Pulumi writes it; the engine takes secrets out.
    """

    op: str
    type: str
    name: str
    id: str
    inputs: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


class EventLog:
    """Follows one operation of the engine; the callbacks come from threads of the Automation API.

    Args:
        step: told what is being waited for.
        on_done: called with each operation that succeeded, in a thread of the Automation API; must be quick.
    """

    def __init__(self, step: StepHandle, on_done: Callable[[Done], None] | None = None) -> None:
        self._on_done = on_done
        self.done: list[Done] = []
        self.errors: list[str] = []
        self.changes: dict[str, int] = {}
        self._step = step
        self._under_way: dict[str, tuple[str, float]] = {}
        self._said = 0.0
        self._lock = threading.Lock()

    def take(self, event: EngineEvent) -> None:
        """Note one event."""
        with self._lock:
            if event.resource_pre_event is not None:
                self._begin(event.resource_pre_event.metadata)
            elif event.res_outputs_event is not None:
                self._end(event.res_outputs_event.metadata)
            elif event.res_op_failed_event is not None:
                self._under_way.pop(event.res_op_failed_event.metadata.urn, None)
            elif event.diagnostic_event is not None:
                self._diagnose(event.diagnostic_event)
            elif event.summary_event is not None:
                changes = event.summary_event.resource_changes or {}
                self.changes = {str(getattr(op, "value", op)): count for op, count in changes.items()}
            self._say()

    def _begin(self, metadata: Any) -> None:
        if _of_cloud(metadata.type) and metadata.op in _WORDS:
            self._under_way[metadata.urn] = (f"{_WORDS[metadata.op]} {_short(metadata)}", time.monotonic())

    def _end(self, metadata: Any) -> None:
        self._under_way.pop(metadata.urn, None)
        if not _of_cloud(metadata.type):
            return
        state = metadata.new or metadata.old
        operation = str(getattr(metadata.op, "value", metadata.op))
        done = Done(
            operation,
            metadata.type,
            name_of(metadata.urn),
            state.id if state else "",
            (state.inputs if state else None) or {},
        )
        self.done.append(done)
        if self._on_done is not None:
            self._on_done(done)

    def _diagnose(self, event: Any) -> None:
        if event.severity != "error":
            return
        text = _PREAMBLE.sub("", _MARKUP.sub("", event.message).strip())
        if text == "update failed":
            return  # the engine's own last word, which names no cause
        where = f"{name_of(event.urn)}: " if event.urn else ""
        if text and where + text not in self.errors:
            self.errors.append(where + text)

    def _say(self) -> None:
        now = time.monotonic()
        if not self._under_way or now - self._said < _SAY_S:
            return
        self._said = now
        what, _ = min(self._under_way.values(), key=lambda entry: entry[1])
        others = len(self._under_way) - 1
        more = f" and {others} more" if others else ""
        self._step.waiting(f"{len(self.done)} done, {what}{more}")


def _of_cloud(kind: str) -> bool:
    return kind.startswith("aws:")


def _short(metadata: Any) -> str:
    """Return a resource as people say it: `cluster (msk Cluster)`."""
    module, kind = metadata.type.split(":")[1].split("/")[0], metadata.type.rsplit(":", 1)[-1]
    return f"{name_of(metadata.urn)} ({module} {kind})"
