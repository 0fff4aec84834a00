"""The client matrix: what the program is told and answers, what an answer means, which members there are."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from contracts.clients.java import ClientRun, parse_runs, render_cases
from contracts.clients.matrix import diagnose, judge_run, matrix
from contracts.drift import judge_acls
from contracts.model import Failed, NotCovered, ProbeError, Verified, Watch
from contracts.wire.describe import Acl
from orchestrator.java_client_versions import VERSIONS
from tests.unit.contracts.builders import environment

GOOD = ClientRun("4.3.1", 20, 20, 100, 200)
ERRORS = "org.apache.kafka.common.errors."


def failing(error: str, version: str = "4.3.1") -> ClientRun:
    return replace(GOOD, version=version, acked=0, consumed=0, error=error, message="why")


def test_cases_survive_any_text_and_one_line_each() -> None:
    text = render_cases({"scram": {"sasl.jaas.config": 'a "quoted"\nline\t✓'}, "system": {"aws.region": "us-east-1"}})
    case, key, value = text.splitlines()[0].split("\t")
    assert (case, key, base64.b64decode(value).decode()) == ("scram", "sasl.jaas.config", 'a "quoted"\nline\t✓')
    assert len(text.splitlines()) == 2


def test_answers_are_read_and_noise_is_passed_over() -> None:
    error, message = (base64.b64encode(text.encode()).decode() for text in ("E", "m ✓"))
    text = (
        f"noise\niam\t4.0.0\t20\t19\t5\t6\t\t\na\tb\tc\td\te\tf\tg\th\nscram\t4.0.0\t0\t0\t0\t0\t{error}\t{message}\n"
    )
    assert parse_runs(text) == {
        "iam": ClientRun("4.0.0", 20, 19, 5, 6),
        "scram": ClientRun("4.0.0", 0, 0, 0, 0, "E", "m ✓"),
    }


def test_a_run_is_judged_by_what_came_back() -> None:
    assert isinstance(judge_run(GOOD, 20), Verified)
    lost = judge_run(replace(GOOD, consumed=19), 20)
    assert isinstance(lost, Failed)
    assert "19 read back" in lost.reason


def test_a_time_out_is_no_refusal() -> None:
    with pytest.raises(ProbeError, match="did not answer in time"):
        judge_run(failing(f"{ERRORS}TimeoutException"), 20)


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (failing(f"{ERRORS}SaslAuthenticationException"), "sasl.credentials.refused"),
        (failing(f"{ERRORS}TopicAuthorizationException"), "acl.topic.denied"),
        (failing(f"{ERRORS}UnsupportedVersionException"), "protocol.version.unsupported"),
        (failing(f"{ERRORS}NetworkException", "0.10.2.2"), "protocol.version.unsupported"),
        (failing(f"{ERRORS}NetworkException"), "unknown"),
        (failing(f"{ERRORS}NetworkException", "unreadable"), "unknown"),
    ],
)
def test_what_a_client_met_has_a_stable_code(run: ClientRun, code: str) -> None:
    assert diagnose(run)[0] == code
    outcome = judge_run(run, 20)
    assert isinstance(outcome, Failed)
    assert outcome.evidence["diagnosis"] == code


def test_a_version_that_is_not_there_is_not_covered_and_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.target.java_clients", lambda **_: {})
    members = {member.id: member for member in matrix(environment())}
    listeners = environment().cluster.bootstrap
    assert len(members) == (1 + len(VERSIONS)) * len(listeners)
    outcome = members[f"clients.matrix.java-3.9.1.{next(iter(listeners))}"].probe(None, Watch(1))  # type: ignore[arg-type]
    assert outcome == NotCovered("the Java client 3.9.1 is not in the cache; 'ephk setup --client-matrix' fetches it")


def test_drift_passes_over_what_probes_made_and_nothing_else() -> None:
    own = Acl("User:a", "READ", "TOPIC", "ephk-probe-x-matrix", "PREFIXED", "*", "ALLOW")
    assert isinstance(judge_acls(frozenset(), {1: frozenset({own})}, frozenset({"ephk-probe-x"})), Verified)
    other = frozenset({Acl("User:a", "READ", "TOPIC", "orders", "LITERAL", "*", "ALLOW")})
    assert isinstance(judge_acls(frozenset(), {1: other}, frozenset({"ephk-probe-x"})), Failed)
