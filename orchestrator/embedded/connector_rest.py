"""Where the REST interface of a connector's workers is, asked of the embedded cloud's gateway."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from tenacity import RetryError, Retrying, retry_if_exception, stop_after_delay, wait_fixed

from orchestrator.errors import EphkError

#: Seconds that workers may take to be there again: a dead one is started again within a second or two.
_DEADLINE_S = 30.0
_POLL_S = 0.2
_NOT_FOUND = 404


def await_connector_rest(url: str, *, deadline_s: float = _DEADLINE_S, poll_s: float = _POLL_S) -> dict[str, Any]:
    """Return the workers' URLs, their CA and the secret with their password.

    A connector whose only worker has died has no such interface until the worker is started again, which is waited for.

    Args:
        url: where the gateway tells it for one connector.
        deadline_s: how long to wait for a worker that runs, in seconds.
        poll_s: seconds between two looks.

    Raises:
        EphkError: no worker ran in all that time.
    """
    no_worker_yet = retry_if_exception(_no_worker)
    attempts = Retrying(retry=no_worker_yet, wait=wait_fixed(poll_s), stop=stop_after_delay(deadline_s))
    try:
        document: dict[str, Any] = attempts(_read, url)
    except RetryError as error:
        raise EphkError(
            f"no worker of the connector at {url} has run for {deadline_s:.0f} s",
            next_step="Read the workers' log group for why they end, and bring the environment up again.",
        ) from error
    return document


def _read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own loopback endpoint
        return json.load(answer)


def _no_worker(error: BaseException) -> bool:
    return isinstance(error, urllib.error.HTTPError) and error.code == _NOT_FOUND
