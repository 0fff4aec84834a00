"""The Automation API's stack, without the runs of the CLI that a lease's stack does not need."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pulumi.automation import LocalWorkspace, OutputMap, OutputValue, Stack, UpdateSummary
from pulumi.automation._stack import StackInitMode  # needed by Stack's constructor, exported nowhere else

from orchestrator.engine.backend import StateBackend
from orchestrator.engine.events import EventLog

# An engine that was killed broke off its stream of events: whoever killed it knows, and says it better.
warnings.filterwarnings("ignore", message="Error in event stream", category=UserWarning)


class LeaseStack(Stack):
    """A stack whose outputs and summary come from its own state and events, not from three more runs of the CLI."""

    def __init__(self, name: str, workspace: LocalWorkspace, backend: StateBackend) -> None:
        self._backend = backend
        self._log: EventLog | None = None
        if backend.exists():
            # Selecting would only write down a current stack, and every command names its stack anyway.
            self.name, self.workspace, self._mode = name, workspace, StackInitMode.SELECT
        else:
            super().__init__(name, workspace, StackInitMode.CREATE)

    def following(self, log: EventLog) -> Callable[[Any], None]:
        """Return the callback that feeds `log`, and summarise from it."""
        self._log = log
        return log.take

    def outputs(self) -> OutputMap:
        """Return the exports of the last update."""
        return {name: OutputValue(value, secret=False) for name, value in self._backend.checkpoint().outputs.items()}

    def info(self, show_secrets: bool = True) -> UpdateSummary:  # noqa: ARG002 - the SDK's signature
        """Return the summary of the operation that just ended."""
        now = datetime.now(UTC)
        changes = self._log.changes if self._log else {}
        return UpdateSummary(
            kind="update",
            start_time=now,
            message="",
            environment={},
            config={},
            result="succeeded",
            end_time=now,
            resource_changes=changes,  # type: ignore[arg-type]  # the SDK's own reading of history gives texts, too
        )
