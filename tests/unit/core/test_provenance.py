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


def test_a_clone_address_never_carries_its_token_into_a_tag() -> None:
    assert repository_name("https://user:secret@git.example.org/acme/orders.git") == "acme/orders"
    assert "secret" not in repository_name("https://secret@git.example.org/orders")
