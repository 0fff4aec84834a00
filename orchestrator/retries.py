"""Retries of AWS calls: one layer, only what AWS documents as retryable, with jitter and a deadline.

botocore's own retries are switched off for the clients that come here: two layers multiply, and botocore's have no
deadline and know nothing of a cancellation. The rules are those of "Retry behavior" (AWS SDKs and Tools Reference
Guide), with one that is stricter: an answer that never came says nothing about whether the work was done, so it is
asked for again only when a second time does no harm.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

if TYPE_CHECKING:
    from botocore.model import OperationModel

T = TypeVar("T")

#: botocore's configuration that leaves retrying to this module.
ONE_ATTEMPT = {"mode": "standard", "total_max_attempts": 1}

#: "Throttling errors" and "transient errors" of the SDKs' reference guide ("Retry behavior"), but for
#: `LimitExceededException`: in the services that are called here it is a quota that is used up, and waiting frees none.
RETRYABLE_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
RETRYABLE_STATUSES = frozenset({500, 502, 503, 504})

#: Seconds that one call may take with all its attempts.
DEADLINE_S = 45.0
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0

#: Operations that end in the same state when they are done twice.
_REPEATABLE = (
    "Get",
    "List",
    "Describe",
    "Head",
    "Put",
    "Delete",
    "Tag",
    "Untag",
    "BatchGet",
    "Lookup",
    "Simulate",
    "Filter",
)


def is_retryable(error: BaseException, operation: OperationModel) -> bool:
    """Tell whether AWS documents that the same call may succeed when it is made again.

    Args:
        error: what the call raised.
        operation: botocore's model of the operation.
    """
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code in RETRYABLE_CODES or status in RETRYABLE_STATUSES
    if isinstance(error, (EndpointConnectionError, ConnectTimeoutError)):
        return True  # it was never asked
    if isinstance(error, (ReadTimeoutError, ConnectionClosedError)):
        return is_repeatable(operation)
    return False


def is_repeatable(operation: OperationModel) -> bool:
    """Tell whether an operation does no harm a second time: by what it does, or by a token that AWS recognises."""
    return operation.name.startswith(_REPEATABLE) or bool(operation.idempotent_members)


def with_retries(client: Any, *, deadline_s: float = DEADLINE_S, cancelled: threading.Event | None = None) -> Any:
    """Make a boto3 or botocore client retry, and return it; made with `ONE_ATTEMPT`.

    Paginators and waiters of the client retry, too: they make their calls through it.

    Args:
        client: the client; nobody else may have it yet.
        deadline_s: how long a call may take with all its attempts, seconds; no wait goes past it.
        cancelled: ends the waiting between two attempts; the last error is raised then.
    """
    client._make_api_call = partial(_call, client, client._make_api_call, deadline_s, cancelled)
    return client


def _call(
    client: Any,
    attempt: Callable[[str, dict[str, Any]], T],
    deadline_s: float,
    cancelled: threading.Event | None,
    operation_name: str,
    arguments: dict[str, Any],
) -> T:
    from tenacity import (
        Retrying,
        retry_if_exception,
        sleep,
        sleep_using_event,
        stop_any,
        stop_before_delay,
        stop_never,
        stop_when_event_set,
        wait_random_exponential,
    )

    operation = client.meta.service_model.operation_model(operation_name)
    # botocore would make a new token for each attempt, and the second one would be a second resource.
    arguments = {**{member: str(uuid.uuid4()) for member in operation.idempotent_members}, **arguments}
    attempts = Retrying(
        retry=retry_if_exception(lambda error: is_retryable(error, operation)),
        wait=wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S),
        stop=stop_any(
            stop_before_delay(deadline_s), stop_when_event_set(cancelled) if cancelled is not None else stop_never
        ),
        sleep=sleep_using_event(cancelled) if cancelled is not None else sleep,
        reraise=True,
    )
    return attempts(attempt, operation_name, arguments)
