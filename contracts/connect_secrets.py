"""No secret of a connector can be read where it does not belong: configurations, worker properties, logs."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.connect import validation
from contracts.connect_access import connectors, live, rest
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from orchestrator.environment import Connector

#: Configuration keys that hold secrets, whatever their plugin declares.
_SECRET_KEY = re.compile(r"(?i)(^|[._-])(password|passwd|secret|secret[._-]?key|token|api[._-]?key|private[._-]?key)$")
#: A reference to a configuration provider (KIP-297).
_REFERENCE = re.compile(r"^\$\{[A-Za-z0-9_-]+:[^}]+\}$")
#: A password inside a longer value: a login module's option, a parameter of a JDBC URL.
_INLINE = re.compile(r"(?i)\bpassword\s*=\s*\"?(?!\$\{)[^\s\";&]")
#: A shorter value stands in a log by accident.
_SHORTEST = 6


def exposed(configuration: Mapping[str, str], secrets: Iterable[str], declared: Iterable[str]) -> list[str]:
    """Return the keys whose value is a secret in clear.

    Args:
        configuration: as whoever may describe the connector sees it.
        secrets: known secret values.
        declared: keys that the plugin declares as passwords.
    """
    known, passwords = {secret for secret in secrets if len(secret) >= _SHORTEST}, set(declared)
    return sorted(
        key
        for key, value in configuration.items()
        if value
        and (
            any(secret in value for secret in known)
            or _INLINE.search(value)
            or ((key in passwords or _SECRET_KEY.search(key)) and not _REFERENCE.match(value))
        )
    )


@contract(
    "connect.secrets.not-exposed",
    title="Connectors show no secret",
    risk="Whoever may describe a connector, or read its log, reads the password of the system behind it",
    statement="Neither configurations, worker properties nor worker logs show a password or a value of a secret",
    remediation="Refer to the secret by a configuration provider, and rotate what was shown",
    documentation="Amazon MSK Developer Guide, Externalizing sensitive information using config providers",
    needs=("connect",),
)
def secrets_not_exposed(access: Access, watch: Watch) -> Outcome:
    """Learn the secrets' values, then look for them everywhere, and for passwords in clear beside them."""
    for principal in access.environment.principals:
        if principal.auth == "scram":
            access.credentials.scram(principal, watch)
    referred = _values_referred_to(access, watch)
    known = sorted(secret for secret in access.credentials.known_secrets() if len(secret) >= _SHORTEST)
    evidence: dict[str, Any] = {"secrets": referred}
    for connector in connectors(access.environment):
        shown, declared = _shown(access, connector, watch)
        for where, configuration in shown.items():
            if keys := exposed(configuration, known, declared):
                return Failed(f"{where}: {connector.name} shows a secret in {', '.join(keys)}", evidence)
        lines = 0
        for stream, line in _log_lines(access, connector, watch):
            lines += 1
            if any(secret in line for secret in known):
                return Failed(f"log stream {stream}: {connector.name} wrote a secret", evidence)
        evidence[connector.name] = {"asked": sorted(shown), "keys": len(shown["control plane"]), "log_lines": lines}
    return Verified(evidence)


def _values_referred_to(access: Access, watch: Watch) -> dict[str, list[str]]:
    """Note the values of the secrets that connectors refer to; returns their fields' names.

    Raises:
        ProbeError: one cannot be read, so nobody could tell whether it is shown.
    """
    connect, fields = access.environment.connect, dict[str, list[str]]()
    for name in connect.secrets if connect is not None else ():
        watch.waiting(f"the secret {name}")
        try:
            text = access.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            asked = f"secretsmanager:GetSecretValue answered {code}"
            raise ProbeError(f"the secret {name} cannot be read ({asked}), so it cannot be looked for") from None
        document = json.loads(text) if text.lstrip().startswith("{") else {"": text}
        access.credentials.secret_values.update(str(value) for value in document.values())
        fields[name] = sorted(document)
    return fields


def _shown(access: Access, connector: Connector, watch: Watch) -> tuple[dict[str, Mapping[str, str]], list[str]]:
    """Return every configuration of a connector that somebody can read, and the keys declared as passwords."""
    answer = live(access, connector, watch)
    shown: dict[str, Mapping[str, str]] = {"control plane": answer["connectorConfiguration"]}
    worker = answer.get("workerConfiguration")
    if worker is not None:
        watch.waiting(f"the worker configuration of {connector.name}")
        client = access.client("kafkaconnect")
        described = client.describe_worker_configuration(workerConfigurationArn=worker["workerConfigurationArn"])
        text = base64.b64decode(described["latestRevision"]["propertiesFileContent"]).decode()
        pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
        shown["worker configuration"] = {key.strip(): value.strip() for key, _, value in pairs}
    if connector.rest is None:
        return shown, []
    watch.waiting(f"the workers' configuration of {connector.name}")
    client = rest(access, connector, watch)
    shown["workers"] = client.call("GET", f"/connectors/{connector.full_name}/config")
    for task in client.call("GET", f"/connectors/{connector.full_name}/tasks"):
        shown[f"task {task['id']['task']}"] = task["config"]
    fields = validation(access, connector, watch)["configs"]
    return shown, [item["definition"]["name"] for item in fields if item["definition"].get("type") == "PASSWORD"]


def _log_lines(access: Access, connector: Connector, watch: Watch) -> Iterator[tuple[str, str]]:
    """Yield every line of a connector's log streams; raises ProbeError when the time is over before the end."""
    group = access.environment.connect.log_group if access.environment.connect is not None else None
    if group is None:
        return
    logs = access.client("logs")
    watch.waiting(f"the log of {connector.name}")
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=group, logStreamNamePrefix=f"{connector.full_name}-"
    )
    for stream in [found["logStreamName"] for page in pages for found in page["logStreams"]]:
        token: dict[str, str] = {}
        while True:
            answer = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
            for event in answer["events"]:
                yield stream, event["message"]
            if not answer["events"] or answer["nextForwardToken"] == token.get("nextToken"):
                break
            if watch.remaining() < 2.0:
                raise ProbeError(f"{stream} is too long to be read in the time that there is")
            token = {"nextToken": answer["nextForwardToken"]}
