"""What the engine's events become."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from orchestrator.engine import events
from orchestrator.engine.events import Done, EventLog

URN = "urn:pulumi:l::ephk::ephk:stacks:Kafka$aws:msk/cluster:Cluster::cluster"


class Step:
    def __init__(self) -> None:
        self.said: list[str] = []

    def waiting(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Step:
    monkeypatch.setattr(events, "_SAY_S", 0.0)
    return Step()


def event(**body: Any) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, **body})


def metadata(op: str, kind: str = "aws:msk/cluster:Cluster", urn: str = URN) -> dict[str, Any]:
    state = {"type": kind, "urn": urn, "id": "arn:cluster", "inputs": {}, "outputs": {}, "parent": "", "provider": ""}
    return {"op": op, "urn": urn, "type": kind, "old": None, "new": state, "provider": ""}


def diagnostic(message: str, severity: str = "error", urn: str = URN) -> EngineEvent:
    return event(diagnosticEvent={"message": message, "color": "never", "severity": severity, "urn": urn})


def test_what_is_under_way_is_said_and_what_is_done_is_kept(step: Step) -> None:
    log = EventLog(step)
    log.take(event(resourcePreEvent={"metadata": metadata("create")}))
    assert step.said == ["0 done, making cluster (msk Cluster)"]
    log.take(event(resOutputsEvent={"metadata": metadata("create")}))
    assert log.done == [Done("create", "aws:msk/cluster:Cluster", "cluster", "arn:cluster")]


def test_components_are_nobodys_business(step: Step) -> None:
    log = EventLog(step)
    for name in ("resourcePreEvent", "resOutputsEvent"):
        log.take(event(**{name: {"metadata": metadata("create", "ephk:stacks:Kafka")}}))
    assert log.done == []
    assert step.said == []


def test_an_error_is_kept_once_with_its_resource_and_without_decoration(step: Step) -> None:
    log = EventLog(step)
    for _ in range(2):
        log.take(diagnostic("<{%reset%}>CreateRole: AccessDenied: not you<{%reset%}>\n"))
    log.take(diagnostic("1 error occurred:\n\t* cluster is FAILED"))
    log.take(diagnostic("update failed", urn=""))
    log.take(diagnostic("careful", severity="warning"))
    assert log.errors == ["cluster: CreateRole: AccessDenied: not you", "cluster: cluster is FAILED"]


def test_a_failed_operation_is_not_waited_for_any_more(step: Step) -> None:
    log = EventLog(step)
    log.take(event(resourcePreEvent={"metadata": metadata("create")}))
    log.take(event(resOpFailedEvent={"metadata": metadata("create"), "status": 0, "steps": 0}))
    step.said.clear()
    log.take(diagnostic("x"))
    assert step.said == []
    assert log.done == []


def test_the_summary_counts_changes(step: Step) -> None:
    log = EventLog(step)
    summary = {"maybeCorrupt": False, "durationSeconds": 1, "resourceChanges": {"create": 2}, "policyPacks": {}}
    log.take(event(summaryEvent=summary))
    assert log.changes == {"create": 2}
