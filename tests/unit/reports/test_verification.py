"""One verification, whoever made the environment: what is passed on, and what an interruption leaves."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from contracts.model import Verified
from contracts.registry import Registry
from orchestrator import verification
from orchestrator.reports import report as report_module
from orchestrator.signals import Interrupted
from tests.unit.contracts.builders import WORDS, environment
from tests.unit.reports.report_builders import BAD, GOOD


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    made = Registry()
    made.contract("a.b", **WORDS)(lambda _a, _w: Verified())
    monkeypatch.setattr(verification, "load", lambda: made)
    return made


def test_an_interruption_leaves_every_rendering_of_what_was_known(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: Any, on_result: Any, **__: Any) -> Any:
        on_result(GOOD)
        monkeypatch.setattr(report_module, "_RENDERING_SHARE", 1e-9)  # from here on rendering lags behind
        on_result(BAD)
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr(verification.runner, "run", run)
    with pytest.raises(Interrupted):
        verification.verify(environment(), None, directory=tmp_path)  # type: ignore[arg-type]
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["summary"]["complete"], [item["id"] for item in report["results"]]) == (False, [GOOD.id, BAD.id])
    for name in ("report.html", "report.md", "junit.xml", "findings.sarif"):
        assert BAD.id in (tmp_path / name).read_text(), name


def test_the_specs_own_contracts_are_run_beside_the_catalogues(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def run(*_: Any, registry: Registry, **__: Any) -> list[Any]:
        seen.extend(entry.id for entry in registry.entries())
        return []

    monkeypatch.setattr(verification.runner, "run", run)
    declared = [{"id": "team.own", "risk": "r", "command": {"run": ["true"], "timeout": "5s"}}]
    report = verification.verify(environment(), None, declared=declared)  # type: ignore[arg-type]
    assert seen == ["a.b", "team.own"]
    assert not report.passed  # nothing was verified
    assert [entry.id for entry in registry.entries()] == ["a.b"]
