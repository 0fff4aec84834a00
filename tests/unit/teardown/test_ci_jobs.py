"""A CI's API is asked whether a job has ended: against a real HTTP server, and only a clear answer counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.ci_jobs import CiJob, current_job, state_of
from orchestrator.cli import main
from orchestrator.lease import Lease, LeaseState, new_lease
from orchestrator.ledger import FileLedger
from orchestrator.tags import Provenance
from orchestrator.teardown.due import due_leases
from tests.ci_api import GITHUB_PATH, GITLAB_PATH, TOKEN, Ci


@pytest.fixture
def ci() -> Iterator[Ci]:
    made = Ci()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("status", "known"),
    [("completed", "ended"), ("in_progress", "running"), ("queued", "running"), (None, "not known")],
)
def test_github_says_whether_a_run_attempt_is_completed(ci: Ci, status: str | None, known: str) -> None:
    ci.answers[GITHUB_PATH] = (200, {"id": 77, "run_attempt": 2, "status": status})
    assert state_of(ci.github(), ci.variables).known == known
    assert [path for path, _ in ci.asked] == [GITHUB_PATH]


@pytest.mark.parametrize(
    ("status", "known"),
    [
        *((status, "ended") for status in ("success", "failed", "canceled", "skipped")),
        *((status, "running") for status in ("running", "canceling", "pending", "created")),
        ("", "not known"),
    ],
)
def test_gitlab_says_whether_a_job_is_over(ci: Ci, status: str, known: str) -> None:
    ci.answers[GITLAB_PATH] = (200, {"id": 99, "status": status})
    assert state_of(ci.gitlab(), ci.variables).known == known
    assert ci.asked[0][1]["private-token"] == TOKEN


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((404, {}), "answers 404"),
        ((403, {}), "answers 403"),
        ((500, {}), "answers 500"),
        ((301, {}), "answers 301"),
        ((200, b"<html>sign in</html>"), "does not answer"),
        ((200, [1]), "not about the job"),
        ((200, {"id": 78, "run_attempt": 2, "status": "completed"}), "not about the job"),
        ((200, {"id": 77, "run_attempt": 1, "status": "completed"}), "another attempt"),
    ],
)
def test_whatever_is_not_a_clear_answer_is_not_known(ci: Ci, answer: tuple[int, Any], why: str) -> None:
    ci.answers[GITHUB_PATH] = answer
    state = state_of(ci.github(), ci.variables)
    assert state.known == "not known"
    assert why in state.why
    assert [path for path, _ in ci.asked] == [GITHUB_PATH]  # no redirect is followed: it would carry the token


def test_nobody_who_answers_is_not_known() -> None:
    gone = Ci()
    job, variables = gone.github(), gone.variables
    gone.close()
    state = state_of(job, variables)
    assert (state.known, "does not answer" in state.why) == ("not known", True)


def test_a_wrong_token_is_not_known_and_without_one_nobody_is_asked(ci: Ci) -> None:
    ci.answers[GITHUB_PATH] = (200, {"id": 77, "run_attempt": 2, "status": "completed"})
    wrong = state_of(ci.github(), {**ci.variables, "GITHUB_TOKEN": "another"})
    assert (wrong.known, "answers 401" in wrong.why) == ("not known", True)
    assert len(ci.asked) == 1
    without = state_of(ci.github(), {"GITHUB_API_URL": ci.url})
    assert (without.known, "EPHK_GITHUB_TOKEN" in without.why) == ("not known", True)
    assert len(ci.asked) == 1


def test_a_token_goes_to_the_api_that_its_giver_named_and_nowhere_else(ci: Ci) -> None:
    """A lease is written by whoever can lease; it must not tell the reaper where to send its token."""
    assert "is not known" not in state_of(ci.github(), {"GITHUB_TOKEN": TOKEN}).why
    assert state_of(ci.github(), {"GITHUB_TOKEN": TOKEN}).known == "not known"
    plain = "http://ci.example.org"
    variables = {"GITHUB_API_URL": plain, "GITHUB_TOKEN": TOKEN}
    assert "not https" in state_of(ci.github(api=plain), variables).why
    assert state_of(ci.github(project="acme/orders/../../x"), ci.variables).known == "not known"
    assert ci.asked == []


def test_the_job_is_found_in_the_ci_s_own_variables() -> None:
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": "https://api.github.com",
        "GITHUB_REPOSITORY": "acme/orders",
        "GITHUB_RUN_ID": "77",
        "GITHUB_RUN_ATTEMPT": "2",
    }
    job = current_job(github)
    assert job == CiJob(system="github", api="https://api.github.com", project="acme/orders", run=77, attempt=2)
    gitlab = {"GITLAB_CI": "true", "CI_API_V4_URL": "https://g/api/v4", "CI_PROJECT_ID": "12", "CI_JOB_ID": "99"}
    assert current_job(gitlab) == CiJob(system="gitlab", api="https://g/api/v4", project="12", run=99)
    assert current_job({}) is None
    assert current_job({"GITHUB_ACTIONS": "true"}) is None


def begun(job: CiJob | None, state: LeaseState = LeaseState.PROVISIONING, host: str = "runner-7") -> Lease:
    """Return the lease of an `up` on another machine."""
    made = new_lease(
        name="pr-42",
        target="embedded",
        ttl=timedelta(hours=1),
        provenance=Provenance("octo"),
        spec={},
        holder={"pid": 4711, "create_time": 1.0, "host": host},
        ci_job=job,
    )
    return made.model_copy(update={"state": state})


def test_only_a_lease_that_is_not_ready_is_asked_about(ci: Ci) -> None:
    ended = lambda _lease: True  # noqa: E731
    assert [due.reason for due in due_leases([begun(ci.github())], job_ended=ended)] == ["job-ended"]
    assert due_leases([begun(ci.github())]) == []
    assert due_leases([begun(ci.github(), LeaseState.READY)], job_ended=ended) == []
    assert due_leases([begun(ci.github())], job_ended=lambda _lease: False) == []


def test_reap_releases_what_a_job_that_ended_had_begun_and_says_what_it_does_not_know(
    ci: Ci, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name, value in ci.variables.items():
        monkeypatch.setenv(name, value)
    lease = begun(ci.github())
    FileLedger().create(lease)
    assert Lease.model_validate_json(lease.model_dump_json()) == lease

    refused = CliRunner().invoke(main, ["reap", "--dry-run", "--json"])
    assert refused.exit_code == 0, refused.output
    assert json.loads(refused.stdout)["due"] == []
    assert "is not known: 127.0.0.1" in refused.stderr
    assert "answers 404" in refused.stderr

    ci.answers[GITHUB_PATH] = (200, {"id": 77, "run_attempt": 2, "status": "completed"})
    planned = CliRunner().invoke(main, ["reap", "--dry-run", "--json"])
    assert [(one["name"], one["reason"]) for one in json.loads(planned.stdout)["due"]] == [("pr-42", "job-ended")]
    reaped = CliRunner().invoke(main, ["reap", "--json"])
    assert [one["lease"]["name"] for one in json.loads(reaped.stdout)["receipts"]] == ["pr-42"], reaped.output
    assert FileLedger().leases() == []
    assert all(TOKEN not in text for done in (refused, planned, reaped) for text in (done.output, done.stderr))
