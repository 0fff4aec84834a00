"""One call of the engine: the clients, the deadline, the cancellation, and what exists so far."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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
    wait_exponential,
)

from orchestrator.retries import ONE_ATTEMPT, with_retries

T = TypeVar("T")

#: Seconds a verb may take when the program gives no custom timeout: long enough for a cluster on a slow machine.
DEFAULT_DEADLINE_S = 1200.0
#: Seconds that a deletion waits for what depends on the resource. Network interfaces linger after their cluster; what
#: is still there after a minute belongs to something that this stack does not know, and waiting will not help.
DEPENDENCY_S = 60.0
#: Seconds between two looks at something that is on its way. The gateway is on this machine.
POLL_S = 0.1


class Clients:
    """boto3's clients of the gateway, made once each and shared by all calls.

    The gateway's address, CA and keys come from the environment variables that every AWS SDK reads
    (`AWS_ENDPOINT_URL`, `AWS_CA_BUNDLE`, `AWS_ACCESS_KEY_ID`, ...), so none of them enters Pulumi's state.
    """

    def __init__(self) -> None:
        #: Set when the engine cancels: no call waits for a further attempt then.
        self.cancelled = threading.Event()
        self._clients: dict[str, Any] = {}
        self._session: Any = None
        self._making = threading.Lock()
        self._account: str | None = None

    @property
    def region(self) -> str:
        """The region that the plugin was started for."""
        return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"

    def get(self, service: str) -> Any:
        """Return the client of a service."""
        if service not in self._clients:
            # One at a time: a session is not thread-safe while it makes a client, and one that is shared reads the
            # endpoint tables once instead of eight times. Clients themselves are thread-safe.
            with self._making:
                if service not in self._clients:
                    self._clients[service] = self._make(service)
        return self._clients[service]

    def _make(self, service: str) -> Any:
        # The session below boto3's: its resource layer is not used here and costs time at every start.
        from botocore.config import Config
        from botocore.session import Session

        if self._session is None:
            self._session = Session()
        config = Config(
            retries=ONE_ATTEMPT,
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=32,
            s3={"addressing_style": "path"},
            proxies={},  # the gateway is on this machine, whatever proxy the environment names
        )
        client = self._session.create_client(service, region_name=self.region, config=config)
        return with_retries(client, cancelled=self.cancelled)

    def account_id(self) -> str:
        """Return the account's id, asked for once."""
        if self._account is None:
            self._account = str(self.get("sts").get_caller_identity()["Account"])
        return self._account

    def preload(self, services: Iterable[str]) -> None:
        """Make clients ahead in the background, in this order: parsing a service's model takes up to 0.3 s."""

        def load() -> None:
            for service in services:
                self.get(service)

        threading.Thread(target=load, name="preload", daemon=True).start()


class ResourceError(Exception):
    """A resource is not as it should be; the message says all there is to say."""


class Cancelled(ResourceError):  # noqa: N818 - a state, not a fault
    """The engine asked for the end of all work."""


@dataclass
class Call:
    """The context of one create, read, update or delete.

    Attributes:
        clients: the shared clients.
        cancelled: set when the engine cancels.
        deadline_s: how long the call may take, seconds.
        resource_id: the id of what exists so far; None before anything does.
    """

    clients: Clients
    cancelled: threading.Event
    deadline_s: float = DEFAULT_DEADLINE_S
    resource_id: str | None = None
    _begun: float = field(default_factory=time.monotonic)

    def client(self, service: str) -> Any:
        """Return the client of a service."""
        return self.clients.get(service)

    @property
    def region(self) -> str:
        """The region."""
        return self.clients.region

    @property
    def account_id(self) -> str:
        """The account."""
        return self.clients.account_id()

    def created(self, resource_id: str) -> str:
        """Record that the resource exists from now on; returns its id."""
        self.resource_id = resource_id
        return resource_id

    def remaining_s(self) -> float:
        """Return how many seconds are left, at least 0."""
        return max(0.0, self.deadline_s - (time.monotonic() - self._begun))

    def wait(self, look: Callable[[], T], done: Callable[[T], bool], what: str) -> T:
        """Look again and again until `done`.

        Raises:
            ResourceError: the deadline passed.
            Cancelled: the engine cancelled.
        """
        while True:
            seen = look()
            if done(seen):
                return seen
            if self.remaining_s() == 0:
                raise ResourceError(f"{what} did not happen within {self.deadline_s:.0f} s")
            if self.cancelled.wait(POLL_S):
                raise Cancelled(f"cancelled while waiting: {what}")

    def retrying(self, codes: Iterable[str], act: Callable[[], T]) -> T:
        """Do something that AWS refuses for a while (an ENI that lingers, a role that is still in use).

        Args:
            codes: the error codes that pass with time.
            act: what to do.

        Raises:
            botocore.exceptions.ClientError: another error, or the deadline passed or the engine cancelled.
        """
        wanted = frozenset(codes)
        attempts = Retrying(
            retry=retry_if_exception(lambda error: error_code(error) in wanted),
            wait=wait_exponential(multiplier=POLL_S, max=2.0),
            stop=stop_any(stop_after_delay(min(self.remaining_s(), DEPENDENCY_S)), stop_when_event_set(self.cancelled)),
            sleep=sleep_using_event(self.cancelled),
            reraise=True,
        )
        return attempts(act)


def error_code(error: BaseException) -> str:
    """Return AWS's error code, or an empty text for any other error."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def explain(error: BaseException) -> str:
    """Say an error in one line: the operation, AWS's code and AWS's message."""
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        return f"{error.operation_name}: {detail.get('Code', '?')}: {detail.get('Message', '')}"
    return str(error) if isinstance(error, ResourceError) else f"{type(error).__name__}: {error}"


@contextmanager
def ignoring(*codes: str) -> Iterator[None]:
    """Pass over AWS errors with these codes: what should go is gone already."""
    try:
        yield
    except ClientError as error:
        if error_code(error) not in codes:
            raise


def found(codes: Iterable[str], look: Callable[[], T]) -> T | None:
    """Return what `look` returns, or None when AWS answers with one of the codes: it does not exist."""
    wanted = frozenset(codes)
    try:
        return look()
    except ClientError as error:
        if error_code(error) in wanted:
            return None
        raise


def tag_list(tags: dict[str, str] | None, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Write tags as a list of pairs; services differ in what they call the two halves."""
    return [{key: name, value: text} for name, text in (tags or {}).items()]


def tag_map(pairs: Iterable[dict[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Read tags from a list of pairs; AWS's own (`aws:`) are not ours to manage."""
    return {pair[key]: pair[value] for pair in pairs or () if not pair[key].startswith("aws:")}


def removed_tags(olds: dict[str, Any], news: dict[str, Any]) -> list[str]:
    """Return the keys that a change of tags takes away."""
    return sorted((olds.get("tags") or {}).keys() - (news.get("tags") or {}).keys())
