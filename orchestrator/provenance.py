"""Who asks for an environment, for which change: from the CI's own variables, by hand from git."""

from __future__ import annotations

import getpass
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.tags import Provenance


@dataclass(frozen=True)
class _CiVariables:
    """Where one CI system says what is being built (first variable with a value wins)."""

    marker: str
    owner: tuple[str, ...]
    repository: tuple[str, ...]
    pull_request: tuple[str, ...]
    commit: tuple[str, ...]


#: Sources: "Variables" (GitHub Actions), "Predefined CI/CD variables" (GitLab), "Using environment variables"
#: (Jenkins), "Environment variables" (Buildkite).
_CI_SYSTEMS = (
    _CiVariables("GITHUB_ACTIONS", ("GITHUB_ACTOR",), ("GITHUB_REPOSITORY",), ("GITHUB_REF",), ("GITHUB_SHA",)),
    _CiVariables(
        "GITLAB_CI",
        ("GITLAB_USER_LOGIN",),
        ("CI_PROJECT_PATH",),
        ("CI_MERGE_REQUEST_IID", "CI_COMMIT_BRANCH"),
        ("CI_COMMIT_SHA",),
    ),
    _CiVariables(
        "BUILDKITE",
        ("BUILDKITE_BUILD_CREATOR",),
        ("BUILDKITE_REPO",),
        ("BUILDKITE_PULL_REQUEST", "BUILDKITE_BRANCH"),
        ("BUILDKITE_COMMIT",),
    ),
    _CiVariables(
        "JENKINS_URL", ("CHANGE_AUTHOR", "BUILD_USER"), ("GIT_URL",), ("CHANGE_ID", "BRANCH_NAME"), ("GIT_COMMIT",)
    ),
)


def detect(environ: Mapping[str, str] | None = None, *, cost_center: str = "none") -> Provenance:
    """Return who asks and for which change.

    Args:
        environ: environment variables; None takes the process's own.
        cost_center: from the spec.
    """
    variables = os.environ if environ is None else environ
    for system in _CI_SYSTEMS:
        if variables.get(system.marker):
            return _from_ci(system, variables, cost_center)
    return _from_git(cost_center)


def _from_ci(system: _CiVariables, variables: Mapping[str, str], cost_center: str) -> Provenance:
    def first(names: tuple[str, ...]) -> str:
        return next((variables[name] for name in names if variables.get(name) not in (None, "", "false")), "none")

    pull_request = first(system.pull_request)
    merge = re.fullmatch(r"refs/pull/(\d+)/merge", pull_request)  # GitHub: the number stands in the ref alone
    return Provenance(
        owner=first(system.owner),
        repository=repository_name(first(system.repository)),
        pull_request=merge.group(1) if merge else pull_request.removeprefix("refs/heads/"),
        commit=first(system.commit),
        cost_center=cost_center,
    )


def _from_git(cost_center: str) -> Provenance:
    root = _git("rev-parse", "--show-toplevel")
    remote = _git("config", "--get", "remote.origin.url")
    return Provenance(
        owner=_git("config", "user.name") or _user(),
        repository=repository_name(remote) if remote else (Path(root).name if root else "none"),
        pull_request=_git("rev-parse", "--abbrev-ref", "HEAD") or "none",
        commit=_git("rev-parse", "HEAD") or "none",
        cost_center=cost_center,
    )


def repository_name(remote: str) -> str:
    """Reduce a clone address to `organisation/name`: an address may carry a token, a tag must not."""
    path = re.sub(r"^[a-z+]+://[^/]+/|^[^/@]+@[^:/]+:", "", remote.strip())
    parts = [part for part in path.removesuffix(".git").split("/") if part]
    return "/".join(parts[-2:]) or "none"


def _git(*arguments: str) -> str:
    """Return git's answer, or an empty string outside a repository or without git."""
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=5, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
