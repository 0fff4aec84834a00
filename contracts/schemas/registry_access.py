"""How probes reach the schema registry: raw requests for its door, Confluent's client for what applications do."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from contracts import tls
from contracts.access import ANSWER_S, Access, Address
from contracts.model import ProbeError, Watch
from contracts.wire import WireError
from contracts.wire.connection import open_socket, open_tls
from orchestrator.environment import SchemaRegistry
from orchestrator.files import write_private

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


@dataclass(frozen=True)
class Answer:
    """What the registry answered to one request."""

    status: int
    body: bytes

    def document(self) -> Any:
        """Return the body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def registry_of(access: Access) -> SchemaRegistry:
    """Return the environment's registry; a contract that asks has declared that it needs one."""
    registry = access.environment.schema_registry
    if registry is None:
        raise ProbeError("the environment has no schema registry")
    return registry


def address_of(registry: SchemaRegistry) -> Address:
    """Return where a registry listens."""
    parts = urlsplit(registry.url)
    return Address(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def ask(
    access: Access, watch: Watch, method: str, path: str, user: tuple[str, str] | None, document: Any = None
) -> Answer:
    """Send one request, as `user` or as nobody; nothing is retried and nothing remembered.

    Raises:
        WireError: which layer failed.
        ProbeError: what answers does not speak HTTP.
    """
    registry = registry_of(access)
    address, base = address_of(registry), urlsplit(registry.url)
    watch.waiting(f"the schema registry at {address}")
    timeout_s = watch.remaining(ANSWER_S)
    if base.scheme == "https":
        stream = open_tls(address.host, address.port, tls.trust(registry.ca_pem), timeout_s)
    else:
        stream = open_socket(address.host, address.port, timeout_s)  # type: ignore[assignment]
    headers = {"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE}
    if user is not None:
        headers["Authorization"] = f"Basic {base64.b64encode(':'.join(user).encode()).decode()}"
    connection = http.client.HTTPConnection(address.host, address.port)
    connection.sock = stream
    try:
        body = json.dumps(document) if document is not None else None
        connection.request(method, base.path.rstrip("/") + path, body=body, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    except http.client.HTTPException as error:
        raise ProbeError(f"{address} does not speak HTTP: {type(error).__name__}") from error
    except OSError as error:
        raise WireError(str(address), f"the connection failed: {type(error).__name__}") from error
    finally:
        connection.close()


def own_user(access: Access, watch: Watch) -> tuple[str, str] | None:
    """Return the environment's user of the registry; None when it names none."""
    secret = access.credentials.registry(watch)
    return None if secret is None else (secret.username, secret.password)


def client(access: Access, watch: Watch) -> SchemaRegistryClient:
    """Return a new client of Confluent's library, with nothing in its caches; it tries everything once.

    It is closed when the run is over.
    """
    from confluent_kafka.schema_registry import SchemaRegistryClient

    registry = registry_of(access)
    config: dict[str, Any] = {"url": registry.url, "timeout": watch.remaining(ANSWER_S), "max.retries": 0}
    if registry.ca_pem is not None:
        config["ssl.ca.location"] = _ca_file(access, registry.ca_pem, watch)
    user = own_user(access, watch)
    if user is not None:
        config["basic.auth.user.info"] = ":".join(user)
    made = SchemaRegistryClient(config)
    access.on_close(made.close)
    return made


def _ca_file(access: Access, pem: str, watch: Watch) -> str:
    def write() -> str:
        path = access.scratch() / "schema-registry-ca.pem"
        write_private(path, pem)
        return str(path)

    return access.once("schema registry CA", write, watch)


@contextlib.contextmanager
def asking(watch: Watch, what: str) -> Iterator[None]:
    """Say what is being waited for, and turn a broken connection into a ProbeError; refusals pass through."""
    import httpx2

    watch.waiting(what)
    try:
        yield
    except httpx2.HTTPError as error:
        raise ProbeError(f"{what}: no answer from the schema registry ({type(error).__name__})") from None


@contextlib.contextmanager
def subject(access: Access, watch: Watch, purpose: str) -> Iterator[str]:
    """Yield the name of a subject of this probe; it is deleted for good afterwards, also when the probe fails."""
    name = f"{access.probe_topic_name}-{purpose}-value"
    try:
        yield name
    finally:
        user = own_user(access, watch)
        last = Watch(ANSWER_S)  # what the probe made goes also when its own time is over
        with contextlib.suppress(WireError, ProbeError):
            if ask(access, last, "DELETE", f"/subjects/{name}", user).status == 200:
                ask(access, last, "DELETE", f"/subjects/{name}?permanent=true", user)
