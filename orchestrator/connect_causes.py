"""Where on the way a connector failed: the hop that its first cause speaks of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TASK = "task"
#: The hop and what workers, plugins and AWS say there; the most telling first, since one text may hold several.
_HOPS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (hop, re.compile(pattern))
    for hop, pattern in (
        ("class version", r"UnsupportedClassVersionError"),
        ("class not found", r"Failed to find any class|ClassNotFoundException|NoClassDefFoundError"),
        ("plugin missing", r"custom plugin .*(?:does not exist|not ACTIVE)"),
        ("secret", r"Secrets Manager: "),
        ("role's trust", r"sts:AssumeRole"),
        (
            "ACL",
            r"(?:Topic|Group|Cluster|TransactionalId)AuthorizationException|Not authorized to access (?:topic|group)",
        ),
        ("key permission", r"kms:\w+"),
        ("bucket permission", r"s3:\w+.*(?:403|AccessDenied)|NoSuchBucket"),
        ("login", r"SaslAuthenticationException|\b401\b|Unauthorized"),
        ("TLS", r"SSL\w*Exception|PKIX path|CERTIFICATE_VERIFY_FAILED"),
        ("name not resolved", r"UnknownHostException|No resolvable bootstrap|Name or service not known"),
        ("refused", r"Connection refused"),
        (
            "route or security group",
            r"(?i)connect(?:ion)? timed out|SocketTimeoutException|waiting for a node assignment",
        ),
        ("configuration", r"Invalid value|Missing required configuration|Connector configuration is invalid"),
    )
)


def hop(message: str) -> str:
    """Return the hop that a message speaks of; `task` when it names none that is known."""
    return next((name for name, pattern in _HOPS if pattern.search(message)), _TASK)


def explained(message: str) -> str:
    """Return a cause with its hop in front; one that names no known hop stands for itself."""
    found = hop(message)
    return message if found == _TASK else f"({found}) {message}"


def state_problem(answer: Mapping[str, Any]) -> str:
    """Return why a connector does not run, with the hop; empty when it runs.

    Args:
        answer: DescribeConnector's.
    """
    state = answer["connectorState"]
    if state == "RUNNING":
        return ""
    message = answer.get("stateDescription", {}).get("message")
    return f"is {state}: {explained(message) if message else 'no reason is given'}"
