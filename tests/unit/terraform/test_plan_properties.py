"""What holds of every plan: nothing unknown is ever taken for fine, and a secret is in no report."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.plan_check import check_plan
from orchestrator.terraform.plan import read_plan
from orchestrator.terraform.policy import TerraformPolicy
from tests.unit.terraform.plan_builder import PASSWORD, careful, document, read, results, spoil
from tests.unit.terraform.test_plan_contracts import MISTAKES

PLANS = Path(__file__).parent / "plans"
SECRET = "tr0ub4dor-and-3"
_SOUND = document(careful())


def _leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value, blocks and whole attributes included."""
    if way:
        yield way
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _leaves(one, (*way, name))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            if isinstance(one, dict):
                yield from _leaves(one, (*way, number))


def _forget(change: dict[str, Any], way: tuple[Any, ...]) -> None:
    """Make the value at `way` one that is known only after apply, as Terraform would tell it."""
    known, marks = change["after"], change["after_unknown"]
    for step in way[:-1]:
        if _at(marks, step) is True:
            return  # a part above it is unknown already
        known = known[step]
        if isinstance(marks, dict):
            if not isinstance(marks.get(step), dict | list):
                marks[step] = [{} for _ in known] if isinstance(known, list) else {}
            marks = marks[step]
        else:
            marks = marks[step]
    if isinstance(way[-1], int):
        marks[way[-1]] = True
    else:
        known.pop(way[-1], None)
        marks[way[-1]] = True


def _at(marks: Any, step: Any) -> Any:
    return marks.get(step) if isinstance(marks, dict) else marks[step]


def _statuses(content: dict[str, Any]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as directory:
        return {name: result.status for name, result in results(read(content, Path(directory))).items()}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_mistake_is_never_verified_whatever_else_is_unknown(data: st.DataObject) -> None:
    contract, address, path, value, _ = data.draw(st.sampled_from(MISTAKES))
    resources = careful()
    spoil(resources, address, path, value)
    content = document(resources)
    changes = [one["change"] for one in content["resource_changes"]]
    for _ in range(data.draw(st.integers(1, 4))):
        change = data.draw(st.sampled_from(changes))
        ways = [way for way in _leaves(change["after"]) if way]
        if ways:
            _forget(change, data.draw(st.sampled_from(ways)))
    assert _statuses(content).get(contract) in ("failed", "not_covered", None)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_unknown_in_a_sound_plan_fails_nothing_for_being_unknown(data: st.DataObject) -> None:
    content = json.loads(json.dumps(_SOUND))
    changes = [one["change"] for one in content["resource_changes"]]
    change = data.draw(st.sampled_from(changes))
    ways = list(_leaves(change["after"]))
    if not ways:
        return
    _forget(change, data.draw(st.sampled_from(ways)))
    found = _statuses(content)
    assert {name for name, status in found.items() if status in ("failed", "error")} == set()


def test_a_secret_is_in_no_file_of_a_report(tmp_path: Path) -> None:
    for name, secret in (("careful", SECRET), ("careless", PASSWORD)):
        file = PLANS / name / "plan.json"
        assert secret in file.read_text()  # in clear, as Terraform writes it
        report = check_plan(read_plan(file), TerraformPolicy(tags=("team",)), name="orders", directory=tmp_path / name)
        files = sorted(one.name for one in (tmp_path / name).iterdir())
        assert files == ["findings.sarif", "junit.xml", "report.html", "report.json", "report.md"]
        for one in (tmp_path / name).iterdir():
            assert secret not in one.read_text(), one.name
        assert secret not in json.dumps(report.document())


def test_what_is_marked_as_sensitive_is_neither_shown_nor_judged(tmp_path: Path) -> None:
    resources = careful()
    resources["aws_iam_role_policy.connect"]["sensitive"] = {"policy": True}
    resources["aws_secretsmanager_secret.user"]["values"]["name"] = "a-hidden-name"
    resources["aws_secretsmanager_secret.user"]["sensitive"] = {"name": True}
    found = results(read(document(resources), tmp_path))
    assert found["terraform.iam.kafka-scope"].status == "not_covered"
    assert "marked as sensitive" in found["terraform.iam.kafka-scope"].reason
    assert found["terraform.scram.secrets"].status == "not_covered"
    assert "a-hidden-name" not in json.dumps([result.as_dict() for result in found.values()])
