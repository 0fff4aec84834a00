"""All deleters, and the order in which kinds go: each after those that depend on it."""

from __future__ import annotations

import graphlib

from orchestrator.teardown.deleters import (
    connect,
    ec2,
    iam,
    interfaces,
    kafka,
    keys_and_secrets,
    logs,
    notifications,
    s3,
    security_groups,
)
from orchestrator.teardown.deleters.model import Deleter

#: A service of its own goes here, with its module; its deleters say what they go after.
_MODULES = (connect, kafka, s3, keys_and_secrets, iam, logs, notifications, interfaces, security_groups, ec2)

DELETERS: dict[str, Deleter] = {deleter.kind: deleter for module in _MODULES for deleter in module.DELETERS}


def order() -> tuple[str, ...]:
    """Return every kind, what depends on others first; raises graphlib.CycleError when the table is wrong."""
    graph = {kind: deleter.after for kind, deleter in DELETERS.items()}
    return tuple(graphlib.TopologicalSorter(graph).static_order())
