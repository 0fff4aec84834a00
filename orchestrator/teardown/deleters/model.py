"""What a deleter is, and how it waits and tries again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from tenacity import (
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_delay,
    stop_any,
    stop_when_event_set,
    wait_random_exponential,
)

from orchestrator.aws import AwsSession
from orchestrator.teardown.found import Found

T = TypeVar("T")

#: What passes by itself: dependents that are still going, and what AWS documents as worth another attempt
#: ("Common Errors" of each API Reference; "Error retries and exponential backoff", AWS General Reference).
PASSING = frozenset(
    {
        "DependencyViolation",
        "InvalidGroup.InUse",
        "DeleteConflict",
        "ConcurrentModification",
        "OperationAborted",
        "BucketNotEmpty",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "SlowDown",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "InternalError",
        "InternalFailure",
        "InternalServerErrorException",
        "InternalServiceError",
        "RequestTimeout",
    }
)
#: The part of the patience that is left to what may be held by a resource that stays: time for what goes nevertheless.
_WHEN_HELD = 0.05
_GONE = frozenset({"NoSuchBucket", "NoSuchEntity", "NotFoundException", "ResourceNotFoundException", "NotFound"})


class RefusedError(Exception):
    """A resource stays, and this is why: for a person who has to act."""


@dataclass
class Work:
    """The teardown of one lease's resources: the session, and how long it may take altogether.

    Attributes:
        session: of somebody who may delete.
        patience_s: seconds for all waiting of this lease; once they are over, everything is tried once more and no
            more than that.
        owns: tells whether a resource is the lease's (see `ownership`).
        cancelled: set when the process is told to stop: waiting ends at once.
        kept: kinds of which something stays for good: what it holds stays with it.
    """

    session: AwsSession
    patience_s: float
    owns: Callable[[Found], bool] = lambda _item: False
    cancelled: threading.Event = field(default_factory=threading.Event)
    kept: set[str] = field(default_factory=set)
    _begun: float = field(default_factory=time.monotonic)
    _shortened: bool = False

    def client(self, service: str) -> Any:
        """Return the client of a service."""
        return self.session.client(service)

    def remaining_s(self) -> float:
        """Return how many seconds of waiting are left, at least 0."""
        return max(0.0, self.patience_s - (time.monotonic() - self._begun))

    def shorten(self) -> None:
        """Wait no longer than a twentieth of the patience from now on: what is waited for may never come."""
        if not self._shortened:
            self._shortened = True
            passed_s = time.monotonic() - self._begun
            self.patience_s = min(self.patience_s, passed_s + self.patience_s * _WHEN_HELD)

    def delete_in(
        self, states: Collection[str], look: Callable[[], str | None], delete: Callable[[], object]
    ) -> str | None:
        """Wait for a state in which a service deletes, delete, and wait until the resource is gone.

        Args:
            states: in which the service deletes.
            look: returns the state, None once the resource is gone.
            delete: asks for the deletion.

        Returns:
            The state in which the resource stays; None when it is gone.

        Raises:
            botocore.exceptions.ClientError: the deletion was refused, and not for the state.
        """

        def attempt() -> str | None:
            seen = look()
            if seen not in states:
                return seen
            try:
                delete()
            except ClientError as error:
                now = look()
                if now in states and not _for_the_state(error):
                    raise
                return now
            return look()

        seen = self.wait(attempt, lambda now: now in (None, "DELETING"))
        if seen == "DELETING":
            seen = self.wait(look, lambda now: now in (None, "FAILED"))
        return seen

    def retrying(self, act: Callable[[], T]) -> T:
        """Do something that AWS refuses for a while; `AccessDenied` and whatever else does not pass is raised at once.

        Raises:
            botocore.exceptions.ClientError: another refusal, or the patience is over.
        """
        attempts = Retrying(
            retry=retry_if_exception(lambda error: error_code(error) in PASSING),
            wait=wait_random_exponential(multiplier=0.1, max=5.0),
            stop=stop_any(stop_after_delay(self.remaining_s()), stop_when_event_set(self.cancelled)),
            sleep=sleep_using_event(self.cancelled),
            reraise=True,
        )
        return attempts(act)

    def wait(self, look: Callable[[], T], done: Callable[[T], bool]) -> T:
        """Look until `done`, less and less often; the last look is returned also when the patience is over."""
        pause_s = 0.05
        while True:
            seen = look()
            left = self.remaining_s()
            if done(seen) or left <= 0 or self.cancelled.wait(min(pause_s, left)):
                return seen
            pause_s = min(pause_s * 1.5, 10.0)


@dataclass(frozen=True)
class Deleter:
    """How one kind of resource goes.

    Attributes:
        kind: as in `Found.kind`.
        delete: removes it and returns when it is gone (or scheduled to go); raises RefusedError or ClientError.
        marks: returns the tags that say whose it is; for a kind that cannot carry any, what speaks in their place.
        after: kinds that must be gone first.
        untagged: `delete` may be called for what carries no tag of ours, because all it does then is to wait.
    """

    kind: str
    delete: Callable[[Work, Found], None]
    marks: Callable[[AwsSession, Found], Mapping[str, str]]
    after: tuple[str, ...] = ()
    untagged: bool = False


def error_code(error: BaseException) -> str:
    """Return AWS's error code, or an empty text for any other error."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _for_the_state(error: ClientError) -> bool:
    """Tell whether a deletion was refused for the resource's state, which a description may not show yet."""
    return error_code(error) == "BadRequestException" and "state" in str(error).lower()


def is_gone(error: BaseException) -> bool:
    """Tell whether an error says that the resource does not exist."""
    code = error_code(error)
    return code in _GONE or code.endswith((".NotFound", "NotFoundException", "NonExistentQueue", "QueueDoesNotExist"))


def explain(error: BaseException) -> str:
    """Say an error in one line: the operation, AWS's code and AWS's message."""
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        return f"{error.operation_name}: {detail.get('Code', '?')}: {detail.get('Message', '')}"
    return str(error) or type(error).__name__


def found_or_none(look: Callable[[], T]) -> T | None:
    """Return what `look` returns, or None when AWS says that it does not exist."""
    try:
        return look()
    except ClientError as error:
        if is_gone(error):
            return None
        raise


def short(identifier: str) -> str:
    """Return the last part of an ARN or id."""
    return identifier.rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def tag_map(items: Any, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Read tags from a list of pairs; services differ in what they call the two halves."""
    return {str(item[key]): str(item.get(value, "")) for item in items or ()}
