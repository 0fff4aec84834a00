"""Contracts that a spec declares: a topic's configuration, and a command that really runs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ValidationError

from contracts.credentials import Credentials
from contracts.custom import contract_of, fits, judge_topic, with_custom
from contracts.model import Failed, OutOfReachError, ProbeError, Result, Verified, Watch
from contracts.registry import Registry
from contracts.runner import run
from orchestrator.environment import Principal
from orchestrator.errors import UsageError
from orchestrator.processes import wait_until
from orchestrator.spec_contracts import ContractSpec, TopicExpectation
from tests.unit.contracts.builders import WORDS, FakeAccess, environment

ORDERS = TopicExpectation(name="orders", partitions=3, config={"retention.ms": ">= 1000", "cleanup.policy": "delete"})
SOUND = {"retention.ms": "1000", "cleanup.policy": "delete"}


@pytest.mark.parametrize(
    ("value", "wanted", "answer"),
    [
        ("delete", "delete", True),
        ("compact", "delete", False),
        ("1000", ">= 1000", True),
        ("999", ">=1000", False),
        ("-1", ">= 1000", True),  # no limit is more than any
        ("-1", "<= 1000", False),
        ("1048576", "<= 1048576", True),
        ("text", ">= 1", False),
    ],
)
def test_values_are_equal_or_within_a_bound(value: str, wanted: str, answer: bool) -> None:
    assert fits(value, wanted) is answer


def test_every_broker_must_say_what_was_declared() -> None:
    assert isinstance(judge_topic(ORDERS, {"broker 1": (SOUND, 3), "broker 2": (SOUND, 3)}), Verified)
    short = {**SOUND, "retention.ms": "10"}
    outcome = judge_topic(ORDERS, {"broker 1": (SOUND, 3), "broker 2": (short, 3)})
    assert isinstance(outcome, Failed)
    assert outcome.reason == "broker 2: retention.ms of orders is 10, not >= 1000"
    outcome = judge_topic(ORDERS, {"broker 1": (SOUND, 4)})
    assert isinstance(outcome, Failed)
    assert outcome.reason == "broker 1: orders has 4 partitions, not 3"


def test_no_answer_is_no_verification() -> None:
    with pytest.raises(ProbeError, match=r"has no configuration retention\.ms"):
        judge_topic(ORDERS, {"broker 1": ({"cleanup.policy": "delete"}, 3)})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "either 'topic' or 'command'"),
        ({"topic": {"name": "a", "partitions": 1}, "command": {"run": ["true"]}}, "either 'topic' or 'command'"),
        ({"topic": {"name": "a"}}, "expects nothing"),
        ({"command": {"run": []}}, "at least 1"),
        ({"command": {"run": ["true"], "timeout": "0s"}}, "longer than nothing"),
        ({"id": "nodots", "command": {"run": ["true"]}}, "pattern"),
    ],
)
def test_a_section_that_means_nothing_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ContractSpec.model_validate({"id": "a.b", "risk": "r", **fields})


def test_a_spec_survives_the_lease() -> None:
    spec = ContractSpec.model_validate({"id": "a.b", "risk": "r", "command": {"run": ["true"], "timeout": "90s"}})
    assert ContractSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_an_id_of_the_catalogue_cannot_be_taken() -> None:
    registry = Registry()
    registry.contract("a.b", **WORDS)(lambda _a, _w: Verified())
    spec = ContractSpec.model_validate({"id": "a.b", "risk": "r", "command": {"run": ["true"]}})
    with pytest.raises(UsageError, match=r"contract a\.b is declared twice: the catalogue has it already"):
        with_custom(registry, [spec])
    assert len(registry.entries()) == 1


def command(tmp_path: Path, code: str, timeout: str = "20s") -> Result:
    """Run a command contract as the spec's principal, whose secret is a file."""
    secret = tmp_path / "secret.json"
    secret.write_text('{"username": "writer", "password": "hunter22-hunter22"}')
    writer = Principal(name="writer", auth="scram", kafka_principal="User:writer", secret_arn=f"file:{secret}")
    env = environment(principals=(writer,))
    access: Any = FakeAccess(env, hidden="hunter22-hunter22")
    access.credentials = Credentials(env, None)  # type: ignore[arg-type]
    spec = ContractSpec.model_validate(
        {"id": "a.b", "risk": "r", "command": {"run": [sys.executable, "-c", code], "timeout": timeout}}
    )
    (result,) = run(env, access, registry=with_custom(Registry(), [spec]))
    return result


def test_a_command_that_ends_with_0_verifies_with_its_output(tmp_path: Path) -> None:
    code = "import os; print(os.environ['KAFKA_SASL_USERNAME'], sorted(os.listdir(os.environ['EPHK_CONNECTION_DIR'])))"
    result = command(tmp_path, code)
    assert result.status == "verified", result.reason
    (line,) = result.evidence["output"]
    assert line.startswith("writer ['ca.pem', 'output.log', 'writer.client.properties'")


def test_another_exit_status_fails_with_the_last_line_and_without_secrets(tmp_path: Path) -> None:
    result = command(tmp_path, "import os, sys; print(os.environ['KAFKA_SASL_PASSWORD']); sys.exit('two overtook')")
    assert result.status == "failed"
    assert result.reason.endswith("ended with exit status 1: two overtook")
    assert result.evidence["output"] == ["***", "two overtook"]


def child(pid: Path) -> str:
    """Return Python code that starts a long process and writes down its number."""
    return (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        f"open({str(pid)!r}, 'w').write(str(p.pid))"
    )


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_command_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"{child(pid)}; import time; time.sleep(600)"
    begun = time.monotonic()
    result = command(tmp_path, code, timeout="1s")
    assert time.monotonic() - begun < 60
    assert result.status == "error"
    assert "had not ended after 1 s, which is no answer" in result.reason
    assert wait_until(lambda: gone(int(pid.read_text())), deadline_s=30)


def test_what_a_command_leaves_running_is_ended_too(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    assert command(tmp_path, child(pid)).status == "verified"
    assert wait_until(lambda: gone(int(pid.read_text())), deadline_s=30)


def test_a_command_that_is_not_there_could_not_be_run() -> None:
    env = environment(principals=())
    spec = ContractSpec.model_validate({"id": "a.b", "risk": "r", "command": {"run": ["absent-command"]}})
    (result,) = run(env, FakeAccess(env), registry=with_custom(Registry(), [spec]))  # type: ignore[arg-type]
    assert (result.status, result.reason) == ("not_covered", "the environment declares no principal")


def test_a_principal_without_a_secret_is_out_of_reach() -> None:
    nobody = Principal(name="nobody", auth="scram", kafka_principal="User:nobody")
    with pytest.raises(OutOfReachError, match="nobody names no secret"):
        Credentials(environment(), None).scram(nobody, Watch(1))  # type: ignore[arg-type]


def test_what_is_declared_becomes_a_contract_with_words() -> None:
    made = contract_of(ContractSpec(id="a.b", risk="r", topic=ORDERS))
    assert made.statement == (
        "Every broker says that topic orders has 3 partitions, retention.ms >= 1000, cleanup.policy = delete"
    )
    assert (made.title, made.layers, made.documentation) == ("a.b", ("local", "cloud"), "the environment spec")
