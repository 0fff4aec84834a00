"""Whether the CI job that began an environment has ended, asked from the CI's own API.

An `up` on another machine that died before it was ready cannot be seen to be dead: its lease would wait for the create
deadline. The CI knows at once. Only a clear answer counts: unknown, unauthorized and unreachable are "not known".

Sources: "Get a workflow run attempt" (GitHub REST API), "Get a single job" (GitLab Jobs API), and each CI's predefined
variables.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict

_TIMEOUT_S = 10.0
_MOST_BYTES = 1 << 20


class CiJob(BaseModel):
    """A job of a CI whose API can be asked for it. It holds no secret.

    Attributes:
        system: which CI.
        api: the API's address, as the CI's own variable has it.
        project: GitHub: `owner/name`; GitLab: the project's number.
        run: GitHub: the workflow run; GitLab: the job.
        attempt: GitHub: which attempt of the run; GitLab: a retried job is another job.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: Literal["github", "gitlab"]
    api: str
    project: str
    run: int
    attempt: int = 1


@dataclass(frozen=True)
class JobState:
    """What a CI says of a job.

    Attributes:
        known: `ended`, `running` or `not known`.
        why: the reason when it is not known, for people; never with a token.
    """

    known: Literal["ended", "running", "not known"]
    why: str = ""


@dataclass(frozen=True)
class _System:
    """How one CI is asked; the first token variable with a value wins.

    A token is sent to the API that whoever gave the token named, or to the CI's public one: never to an address that
    only a lease names.
    """

    api_variable: str
    public_api: str
    tokens: tuple[str, ...]


_SYSTEMS: dict[str, _System] = {
    "github": _System("GITHUB_API_URL", "https://api.github.com", ("EPHK_GITHUB_TOKEN", "GITHUB_TOKEN")),
    "gitlab": _System("CI_API_V4_URL", "https://gitlab.com/api/v4", ("EPHK_GITLAB_TOKEN", "GITLAB_TOKEN")),
}
#: GitLab's states after which nothing of a job runs any more; `canceling` is not one of them.
_GITLAB_ENDED = frozenset({"success", "failed", "canceled", "skipped"})


def current_job(environ: Mapping[str, str] | None = None) -> CiJob | None:
    """Return the job that this process runs in, from the CI's variables; None outside of a CI that can be asked."""
    variables = os.environ if environ is None else environ
    try:
        if variables.get("GITHUB_ACTIONS"):
            return CiJob(
                system="github",
                api=variables["GITHUB_API_URL"],
                project=variables["GITHUB_REPOSITORY"],
                run=int(variables["GITHUB_RUN_ID"]),
                attempt=int(variables.get("GITHUB_RUN_ATTEMPT", "1")),
            )
        if variables.get("GITLAB_CI"):
            return CiJob(
                system="gitlab",
                api=variables["CI_API_V4_URL"],
                project=str(int(variables["CI_PROJECT_ID"])),
                run=int(variables["CI_JOB_ID"]),
            )
    except (KeyError, ValueError):
        return None
    return None


def state_of(job: CiJob, environ: Mapping[str, str] | None = None) -> JobState:
    """Ask the CI for a job; never raises.

    A GitHub run counts as ended when all of its jobs have: which of them made the lease cannot be told from outside.

    Args:
        job: the job.
        environ: where tokens and the API's address are; None takes the process's own variables.
    """
    variables = os.environ if environ is None else environ
    system = _SYSTEMS[job.system]
    trusted = (variables.get(system.api_variable) or system.public_api).rstrip("/")
    if job.api.rstrip("/") != trusted:
        return JobState("not known", f"the job's CI is {job.api}, and {system.api_variable} is {trusted}")
    address = urlsplit(trusted)
    if address.scheme != "https" and address.hostname not in ("127.0.0.1", "::1", "localhost"):
        return JobState("not known", f"{trusted} is not https: no token is sent there")
    token = next((variables[name] for name in system.tokens if variables.get(name)), "")
    if not token:
        return JobState("not known", f"there is no token for it: set {system.tokens[0]}")
    try:
        return _judge(job, _get(trusted + _path(job), _headers(job, token)))
    except urllib.error.HTTPError as error:
        return JobState("not known", f"{address.netloc} answers {error.code}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        return JobState("not known", f"{address.netloc} does not answer: {reason}")


def _path(job: CiJob) -> str:
    if job.system == "gitlab":
        return f"/projects/{quote(job.project, safe='')}/jobs/{job.run}"
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", job.project):
        raise ValueError("not the name of a repository")
    return f"/repos/{job.project}/actions/runs/{job.run}/attempts/{job.attempt}"


def _headers(job: CiJob, token: str) -> dict[str, str]:
    if job.system == "gitlab":
        return {"PRIVATE-TOKEN": token}
    return {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to wherever it points."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


def _get(url: str, headers: Mapping[str, str]) -> Any:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - the caller has checked the scheme
    with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT_S) as answer:
        return json.loads(answer.read(_MOST_BYTES))


def _judge(job: CiJob, document: Any) -> JobState:
    """Read the answer; one that is about something else, or has no state, says nothing."""
    if not isinstance(document, dict) or document.get("id") != job.run:
        return JobState("not known", "the answer is not about the job")
    status = document.get("status")
    if job.system == "gitlab":
        ended = status in _GITLAB_ENDED
    else:
        if document.get("run_attempt") != job.attempt:
            return JobState("not known", "the answer is about another attempt")
        ended = status == "completed"
    if not isinstance(status, str) or not status:
        return JobState("not known", "the answer has no status")
    return JobState("ended" if ended else "running")
