"""Starting processes and knowing when they serve, or why they do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence

from orchestrator.embedded.brokers.config import BrokerStartError
from orchestrator.embedded.brokers.control import ControlClient
from orchestrator.embedded.brokers.layout import ClusterLayout
from orchestrator.embedded.brokers.logs import tail
from orchestrator.embedded.brokers.node import Node

_POLL_S = 0.02
_PORT_TAKEN = "Address already in use"


class PortTakenError(Exception):
    """Another program took a port between its choice and its use."""


def launch_and_wait(
    nodes: Sequence[Node],
    everyone: Collection[int],
    layout: ClusterLayout,
    control: ControlClient,
    *,
    end: float,
    stopping: threading.Event,
) -> None:
    """Start processes and wait until the whole cluster serves clients and all replicas are in sync.

    Args:
        nodes: what to start.
        everyone: the ids of all brokers of the cluster.
        layout: the cluster's files.
        control: the control plane's client.
        end: when to give up, in seconds of the monotonic clock.
        stopping: set by whoever does not want to wait any longer.

    Raises:
        PortTakenError: a process ended because its port was taken.
        BrokerStartError: a process ended, the time is over, or `stopping` was set.
    """
    offsets = {node.id: _size(layout, node) for node in nodes}
    for node in nodes:
        node.process.start()
    while True:
        for node in nodes:
            _raise_if_ended(node, layout, offsets[node.id])
        if stopping.is_set():
            raise BrokerStartError("the cluster was stopped while it started")
        if control.fully_replicated(everyone):
            return
        if time.monotonic() >= end:
            silent = sorted(set(everyone) - control.brokers())
            raise BrokerStartError(
                f"the brokers {silent or sorted(everyone)} were not ready in time",
                next_step="give the machine more time or processors, or read the log below",
                details=tail(layout.log(silent[0] if silent else nodes[0].id)),
            )
        time.sleep(_POLL_S)


def _raise_if_ended(node: Node, layout: ClusterLayout, offset: int) -> None:
    status = node.process.exit_status()
    if status is None:
        return
    lines = tail(layout.log(node.id), since=offset)
    taken = [line for line in lines if _PORT_TAKEN in line]
    if taken:
        raise PortTakenError(taken[0])
    raise BrokerStartError(
        f"broker {node.id} ended during its start (status {status})",
        next_step="the log lines say why; a setting of the cluster's configuration is the usual reason",
        details=lines,
    )


def _size(layout: ClusterLayout, node: Node) -> int:
    path = layout.log(node.id)
    return path.stat().st_size if path.exists() else 0
