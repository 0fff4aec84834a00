"""How probes reach Kafka Connect: the control plane, and the workers' REST interface where there is one."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from contracts.access import Access
from contracts.model import ProbeError, Watch
from orchestrator.connect_rest import ConnectRest
from orchestrator.environment import Connector, ConnectRestEndpoint, Environment

SINK_CLASS = "io.ephk.connect.CanarySinkConnector"
SOURCE_CLASS = "io.ephk.connect.CanarySourceConnector"
#: Seconds for one answer of a worker.
ANSWER_S = 10.0


def connectors(environment: Environment) -> tuple[Connector, ...]:
    """Return the environment's connectors."""
    return environment.connect.connectors if environment.connect is not None else ()


def of_class(environment: Environment, name: str) -> tuple[Connector, ...]:
    """Return the connectors of one class."""
    return tuple(connector for connector in connectors(environment) if connector.connector_class == name)


def with_rest(environment: Environment) -> tuple[Connector, ...]:
    """Return the connectors whose workers have a REST interface."""
    return tuple(connector for connector in connectors(environment) if connector.rest is not None)


def live(access: Access, connector: Connector, watch: Watch) -> dict[str, Any]:
    """Return what the control plane says of a connector now."""
    watch.waiting(f"the control plane to describe {connector.name}")
    answer: dict[str, Any] = access.client("kafkaconnect").describe_connector(connectorArn=connector.arn)
    return answer


@contextlib.contextmanager
def undisturbed(access: Access, watch: Watch) -> Iterator[None]:
    """Hold the lock of probes that restart connectors or move tasks, or that would mistake such a moment for a fault.

    Raises:
        ProbeError: another probe holds it for too long.
    """
    lock = access.topic_lock("kafka connect")
    watch.waiting("other probes of Kafka Connect to finish")
    if not lock.acquire(timeout=watch.remaining()):
        raise ProbeError("other probes of Kafka Connect took all the time")
    try:
        yield
    finally:
        lock.release()


def endpoint(connector: Connector) -> ConnectRestEndpoint:
    """Return a connector's REST endpoint; raises ProbeError when it has none."""
    if connector.rest is None:
        raise ProbeError(f"the workers of {connector.name} have no REST interface")
    return connector.rest


def password(access: Access, connector: Connector, watch: Watch) -> tuple[str, str]:
    """Return user and password of a connector's REST interface, from Secrets Manager; kept out of reports."""

    def read() -> tuple[str, str]:
        watch.waiting(f"the REST password of {connector.name}")
        text = access.client("secretsmanager").get_secret_value(SecretId=endpoint(connector).secret_arn)
        document = json.loads(text["SecretString"])
        access.credentials.secret_values.add(document["password"])
        return document["username"], document["password"]

    return access.once(("rest password", connector.arn), read, watch)


def rest(access: Access, connector: Connector, watch: Watch, worker: int = 0) -> ConnectRest:
    """Return a client of one worker's REST interface, made once."""

    def make() -> ConnectRest:
        username, secret = password(access, connector, watch)
        client = ConnectRest(endpoint(connector).urls[worker], endpoint(connector).ca_pem, username, secret)
        access.on_close(client.close)
        return client

    return access.once(("rest", connector.arn, worker), make, watch)
