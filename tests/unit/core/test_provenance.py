import json
from pathlib import Path

import pytest

from orchestrator.provenance import detect, repository_name


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTOR": "octo",
                "GITHUB_REPOSITORY": "acme/orders",
                "GITHUB_REF": "refs/pull/42/merge",
                "GITHUB_SHA": "abc",
            },
            ("octo", "acme/orders", "42", "abc"),
        ),
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main"},
            ("none", "none", "main", "none"),
        ),
        (
            {
                "GITLAB_CI": "true",
                "GITLAB_USER_LOGIN": "lab",
                "CI_PROJECT_PATH": "acme/team/orders",
                "CI_MERGE_REQUEST_IID": "7",
                "CI_COMMIT_BRANCH": "topic",
                "CI_COMMIT_SHA": "def",
            },
            ("lab", "team/orders", "7", "def"),
        ),
        (
            {
                "BUILDKITE": "true",
                "BUILDKITE_BUILD_CREATOR": "kite",
                "BUILDKITE_REPO": "git@github.com:acme/orders.git",
                "BUILDKITE_PULL_REQUEST": "false",
                "BUILDKITE_BRANCH": "topic",
                "BUILDKITE_COMMIT": "123",
            },
            ("kite", "acme/orders", "topic", "123"),
        ),
        (
            {
                "JENKINS_URL": "https://ci.example.org",
                "CHANGE_AUTHOR": "jen",
                "GIT_URL": "https://token@git.example.org/acme/orders.git",
                "CHANGE_ID": "9",
                "GIT_COMMIT": "456",
            },
            ("jen", "acme/orders", "9", "456"),
        ),
    ],
)
def test_ci_variables(environ: dict[str, str], expected: tuple[str, str, str, str]) -> None:
    found = detect(environ, cost_center="kafka")
    assert (found.owner, found.repository, found.pull_request, found.commit) == expected
    assert found.cost_center == "kafka"


@pytest.mark.parametrize(
    ("environ", "branch", "job"),
    [
        (
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_SERVER_URL": "https://github.example.org",
                "GITHUB_REPOSITORY": "acme/orders",
                "GITHUB_RUN_ID": "77",
                "GITHUB_RUN_ATTEMPT": "2",
                "GITHUB_HEAD_REF": "topic",
                "GITHUB_REF_NAME": "42/merge",
            },
            "topic",
            "https://github.example.org/acme/orders/actions/runs/77/attempts/2",
        ),
        ({"GITHUB_ACTIONS": "true", "GITHUB_HEAD_REF": "", "GITHUB_REF_NAME": "main"}, "main", "none"),
        (
            {
                "GITLAB_CI": "true",
                "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic",
                "CI_JOB_URL": "https://gitlab.example.org/acme/orders/-/jobs/5",
            },
            "topic",
            "https://gitlab.example.org/acme/orders/-/jobs/5",
        ),
        (
            {
                "BUILDKITE": "true",
                "BUILDKITE_BRANCH": "topic",
                "BUILDKITE_BUILD_URL": "https://kite.example.org/acme/orders/builds/9",
                "BUILDKITE_JOB_ID": "0190",
            },
            "topic",
            "https://kite.example.org/acme/orders/builds/9#0190",
        ),
        (
            {
                "JENKINS_URL": "https://ci.example.org",
                "GIT_BRANCH": "origin/topic",
                "BUILD_URL": "https://jen:secret@ci.example.org/job/orders/3/?token=secret",
            },
            "topic",
            "https://ci.example.org/job/orders/3/",
        ),
    ],
)
def test_the_job_can_be_looked_up(environ: dict[str, str], branch: str, job: str) -> None:
    found = detect(environ)
    assert (found.branch, found.job) == (branch, job)


def test_a_merged_results_pipeline_names_the_branchs_commit() -> None:
    environ = {"GITLAB_CI": "true", "CI_COMMIT_SHA": "merged", "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "head"}
    assert detect(environ).commit == "head"


def test_a_github_pull_request_names_its_head_and_not_the_merge(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"head": {"sha": "head"}}}))
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/pull/42/merge", "GITHUB_SHA": "merged"}
    assert detect({**environ, "GITHUB_EVENT_PATH": str(event)}).commit == "head"
    event.write_text("[]")
    assert detect({**environ, "GITHUB_EVENT_PATH": str(event)}).commit == "merged"
    assert detect(environ).commit == "merged"


def test_a_pipeline_without_a_person_is_owned_by_its_job() -> None:
    assert detect({"JENKINS_URL": "https://ci.example.org", "JOB_NAME": "acme/orders"}).owner == "acme/orders"
    assert detect({"BUILDKITE": "true", "BUILDKITE_PIPELINE_SLUG": "orders"}).owner == "orders"


def test_a_clone_address_never_carries_its_token_into_a_tag() -> None:
    assert repository_name("https://user:secret@git.example.org/acme/orders.git") == "acme/orders"
    assert "secret" not in repository_name("https://secret@git.example.org/orders")
