"""A partition that is moved to other brokers while applications write to it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from contracts.access import ANSWER_S, Access
from contracts.clients.workbench import Workbench
from contracts.model import Failed, NotCovered, Outcome, ProbeError, Watch
from contracts.registry import contract
from contracts.resilience.load import Load, judge_ride
from contracts.wire import error_name, reassign, requests


@contract(
    "production.partition.move",
    title="A hot partition can be moved under load",
    risk="One broker is overloaded and nobody dares to move its partitions while applications write",
    statement="While a partition's replicas move to other brokers, nothing is lost or doubled and producers go on",
    remediation="Move with a throttle, few partitions at a time; check that clients refresh their metadata",
    documentation="KIP-455, Create an Administrative API for Replica Reassignment",
    needs=("operator", "writes"),
    layers=("production",),
    disruptive=True,
    deadline_s=120,
)
def move(access: Access, watch: Watch) -> Outcome:
    """Move a scratch topic's partition from two brokers to two others, its leader included."""
    brokers = sorted(access.brokers(access.operator, watch))
    if len(brokers) < 3:
        return NotCovered("the cluster has fewer than three brokers, so two replicas have nowhere to go")
    bench = Workbench(access, watch, "move", partitions=1, replicas=2)
    leader = bench.leaders()[0]
    others = [broker for broker in brokers if broker != leader][:2]
    with Load(bench) as load:
        before = load.acknowledged
        move_to(access, bench, others, watch)
        ride = load.finish()
    now = bench.leaders()[0]
    if now == leader:
        return Failed(f"broker {leader} still leads the partition that was moved away from it", ride.evidence)
    return judge_ride(ride, before, f"the partition moved from broker {leader} to {', '.join(map(str, others))}")


def move_to(access: Access, bench: Workbench, brokers: Sequence[int], watch: Watch) -> None:
    """Move the bench's first partition to these brokers, the preferred leader first, and wait until it is there.

    Raises:
        ProbeError: it cannot be moved, or does not arrive in the probe's time.
    """
    connection = access.any_connection(access.operator, watch)
    code, message = reassign.move_partition(connection, bench.name, 0, brokers, timeout_ms=int(ANSWER_S * 1000))
    if code != 0:
        raise ProbeError(f"the partition cannot be moved: {error_name(code)} {message}".rstrip())
    bench.until(lambda: _arrived(access, bench, watch), "the replicas to arrive")


def _arrived(access: Access, bench: Workbench, watch: Watch) -> bool:
    time.sleep(0.1)
    code, on_the_move = reassign.moving(access.any_connection(access.operator, watch))
    if code != 0:
        raise ProbeError(f"reassignments cannot be listed: {error_name(code)}")
    seen = requests.metadata(access.any_connection(access.operator, watch), [bench.name]).topics[bench.name]
    return not any(moving.topic == bench.name for moving in on_the_move) and seen.in_sync == seen.replicas
