"""Who asks for an environment, for which change: from the CI's own variables, by hand from git."""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.tags import Provenance


@dataclass(frozen=True)
class _CiVariables:
    """Where one CI system says what is being built (first variable with a value wins).

    `job` is a pattern over the variables: the address at which the job can be seen.
    """

    marker: str
    owner: tuple[str, ...]
    repository: tuple[str, ...]
    pull_request: tuple[str, ...]
    branch: tuple[str, ...]
    commit: tuple[str, ...]
    job: str


#: Sources: "Variables" (GitHub Actions), "Predefined CI/CD variables" (GitLab), "Using environment variables"
#: (Jenkins), "Environment variables" (Buildkite).
_CI_SYSTEMS = (
    _CiVariables(
        "GITHUB_ACTIONS",
        ("GITHUB_ACTOR",),
        ("GITHUB_REPOSITORY",),
        ("GITHUB_REF",),
        ("GITHUB_HEAD_REF", "GITHUB_REF_NAME"),
        ("GITHUB_SHA",),
        "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}/attempts/{GITHUB_RUN_ATTEMPT}",
    ),
    _CiVariables(
        "GITLAB_CI",
        ("GITLAB_USER_LOGIN", "GITLAB_USER_NAME"),
        ("CI_PROJECT_PATH",),
        ("CI_MERGE_REQUEST_IID", "CI_COMMIT_BRANCH", "CI_COMMIT_TAG"),
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_BRANCH", "CI_COMMIT_TAG"),
        # In a merged-results pipeline CI_COMMIT_SHA is a commit that is in no branch.
        ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"),
        "{CI_JOB_URL}",
    ),
    _CiVariables(
        "BUILDKITE",
        ("BUILDKITE_BUILD_CREATOR", "BUILDKITE_BUILD_AUTHOR", "BUILDKITE_PIPELINE_SLUG"),
        ("BUILDKITE_REPO",),
        ("BUILDKITE_PULL_REQUEST", "BUILDKITE_BRANCH"),
        ("BUILDKITE_BRANCH",),
        ("BUILDKITE_COMMIT",),
        "{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}",
    ),
    _CiVariables(
        "JENKINS_URL",
        ("CHANGE_AUTHOR", "BUILD_USER_ID", "BUILD_USER", "JOB_NAME"),
        ("GIT_URL",),
        ("CHANGE_ID", "BRANCH_NAME", "GIT_BRANCH"),
        ("CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH"),
        ("GIT_COMMIT",),
        "{BUILD_URL}",
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
        pull_request=merge.group(1) if merge else _short_ref(pull_request),
        commit=(merge and _pull_request_head(variables)) or first(system.commit),
        cost_center=cost_center,
        branch=_short_ref(first(system.branch)),
        job=job_address(system.job, variables),
    )


def _short_ref(ref: str) -> str:
    """Return a branch or tag as people call it: git's prefixes, and Jenkins's remote name, say nothing more."""
    return re.sub(r"^(refs/(heads|tags)/|origin/)", "", ref)


def _pull_request_head(variables: Mapping[str, str]) -> str:
    """Return the commit of a GitHub pull request: GITHUB_SHA is a merge commit that is in no branch.

    The event's payload has it ("Webhook events and payloads", GitHub Docs); without it, the merge commit has to do.
    """
    try:
        event = json.loads(Path(variables["GITHUB_EVENT_PATH"]).read_text())
        return str(event["pull_request"]["head"]["sha"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def job_address(pattern: str, variables: Mapping[str, str]) -> str:
    """Return where a CI job can be seen, or "none" when the CI does not say; never with a password or a token."""
    names = re.findall(r"{(\w+)}", pattern)
    if not all(variables.get(name) for name in names):
        return "none"
    parts = urlsplit(pattern.format_map(variables))
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="")
    return bare.geturl() if parts.scheme in ("http", "https") else "none"


def _from_git(cost_center: str) -> Provenance:
    root = _git("rev-parse", "--show-toplevel")
    remote = _git("config", "--get", "remote.origin.url")
    branch = _git("rev-parse", "--abbrev-ref", "HEAD") or "none"
    return Provenance(
        owner=_git("config", "user.name") or _user(),
        repository=repository_name(remote) if remote else (Path(root).name if root else "none"),
        pull_request=branch,
        commit=_git("rev-parse", "HEAD") or "none",
        cost_center=cost_center,
        branch=branch,
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
