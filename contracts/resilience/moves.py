"""A partition that is moved to other brokers while applications write to it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from contracts.access import ANSWER_S, Access
from contracts.clients.workbench import Workbench
from contracts.model import Failed, NotCovered, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.resilience.load import Load, judge_ride
from contracts.wire import error_name, reassign, requests


@contract(
    "production.partition.move",
    title="A hot partition can be moved under load",
    risk="One broker is overloaded and nobody dares to move its partitions while applications write",
    statement="While a partition's replicas move to other brokers and back, nothing is lost or doubled",
    remediation="Move with a throttle, few partitions at a time; check that clients refresh their metadata",
    documentation="KIP-455, Create an Administrative API for Replica Reassignment",
    needs=("operator", "writes"),
    layers=("production",),
    disruptive=True,
    deadline_s=120,
)
def move(access: Access, watch: Watch) -> Outcome:
    """Move a scratch topic's partition from two brokers to two others, its leader included, and return it."""
    brokers = sorted(access.brokers(access.operator, watch))
    if len(brokers) < 3:
        return NotCovered("the cluster has fewer than three brokers, so two replicas have nowhere to go")
    bench = Workbench(access, watch, "move", partitions=1, replicas=2)
    leader, home = bench.leaders()[0], placement(access, bench, watch)
    others = [broker for broker in brokers if broker != leader][:2]
    with Load(bench) as load:
        before = load.acknowledged
        move_to(access, bench, others, watch)
        led = bench.leaders()[0]
        move_to(access, bench, home, watch)
        ride = load.finish()
    done = f"the partition moved from broker {leader} to {', '.join(map(str, others))} and back"
    return judge_move(judge_ride(ride, before, done), leader, led, home, placement(access, bench, watch))


def judge_move(ride: Outcome, leader: int, led: int, home: Sequence[int], returned: Sequence[int]) -> Outcome:
    """Judge where a partition was, besides what the load saw.

    Args:
        ride: what the load saw.
        leader: who led it at the beginning.
        led: who led it after it had been moved away.
        home: where its replicas were: the checkpoint.
        returned: where they are at the end.
    """
    if not isinstance(ride, Verified):
        return ride
    evidence = {**ride.evidence, "led by": led, "checkpoint": list(home), "at the end": list(returned)}
    if led == leader:
        return Failed(f"broker {leader} still leads the partition that was moved away from it", evidence)
    if sorted(returned) != sorted(home):
        return Failed(f"the partition did not return to brokers {', '.join(map(str, home))}", evidence)
    return Verified(evidence)


def placement(access: Access, bench: Workbench, watch: Watch) -> tuple[int, ...]:
    """Return the brokers that have a replica of the bench's first partition."""
    seen = requests.metadata(access.any_connection(access.operator, watch), [bench.name]).topics[bench.name]
    return seen.placement[0]


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
