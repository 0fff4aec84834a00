"""A broker is added while applications write, takes a partition over and gives it back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from contracts.access import Access
from contracts.model import Failed, NotCovered, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.resilience.brokers import ONE_REPLICA, durable_bench, wait_active, wait_in_sync
from contracts.resilience.load import Load, judge_ride
from contracts.resilience.moves import move_to, placement
from contracts.wire import WireError

_POLL_S = 0.25


def judge_growth(
    ride: Outcome, before: Sequence[int], after: Sequence[int], led: int, returned: Sequence[int], home: Sequence[int]
) -> Outcome:
    """Judge brokers that were added under load.

    Args:
        ride: what the load saw.
        before: the brokers' ids before.
        after: and afterwards.
        led: who led the partition that was given to a new broker.
        returned: where the partition's replicas are at the end.
        home: where they were at the beginning: the checkpoint.
    """
    own = {"brokers before": list(before), "brokers after": list(after), "led by": led, "checkpoint": list(home)}
    evidence: dict[str, Any] = {**own, **(ride.evidence if isinstance(ride, Verified | Failed) else {})}
    added = sorted(set(after) - set(before))
    if not added:
        return Failed("the cluster has no more brokers than before", evidence)
    if led not in added:
        return Failed(f"broker {led} leads the partition that was given to broker {added[0]}", evidence)
    if sorted(returned) != sorted(home):
        return Failed(f"the partition did not return to brokers {', '.join(map(str, home))}", evidence)
    return replace(ride, evidence=evidence) if isinstance(ride, Verified | Failed) else ride


@contract(
    "production.broker.added",
    title="A broker can be added and used under load",
    risk="The cluster is full, and nobody knows whether it can grow while applications write",
    statement="While brokers are added and a partition moves to one and back, nothing is lost or doubled",
    remediation="Add brokers in multiples of the zones, then reassign partitions: new brokers get none by themselves",
    documentation="Amazon MSK Developer Guide, Expand the number of brokers in an Amazon MSK cluster; KIP-455",
    needs=("operator", "writes"),
    layers=("production",),
    disruptive=True,
    deadline_s=900,
)
def added(access: Access, watch: Watch) -> Outcome:
    """Add a broker in each zone under load, let one lead a partition, and return the partition; the brokers stay."""
    if access.environment.flavour != "msk":
        return NotCovered("only MSK's control plane adds brokers")
    if access.environment.cluster.brokers < 3:
        return NotCovered(ONE_REPLICA)
    wait_active(access, watch)
    bench = durable_bench(access, watch, "added")
    before = sorted(access.brokers(access.operator, watch))
    with Load(bench) as load:
        acknowledged = load.acknowledged
        _grow(access, len(before), watch)
        new = _new_broker(access, before, watch)
        home = list(placement(access, bench, watch))
        guests = [new, *(broker for broker in home if broker != bench.leaders()[0])][: len(home)]
        move_to(access, bench, guests, watch)
        led = bench.leaders()[0]
        move_to(access, bench, home, watch)
        ride = load.finish()
    wait_in_sync(access, bench, watch)
    returned = placement(access, bench, watch)
    seen = judge_ride(ride, acknowledged, f"brokers were added, and broker {new} took a partition over")
    return judge_growth(seen, before, sorted(access.brokers(access.operator, watch)), led, returned, home)


def _grow(access: Access, current: int, watch: Watch) -> None:
    """Add a broker in each zone: MSK wants a multiple of its subnets."""
    kafka, arn = access.client("kafka"), access.environment.cluster.arn
    info = kafka.describe_cluster_v2(ClusterArn=arn)["ClusterInfo"]
    wanted = current + len(info["Provisioned"]["BrokerNodeGroupInfo"]["ClientSubnets"])
    try:
        kafka.update_broker_count(
            ClusterArn=arn, CurrentVersion=info["CurrentVersion"], TargetNumberOfBrokerNodes=wanted
        )
    except ClientError as error:
        raise ProbeError(f"no broker can be added: {error.response['Error']['Message']}") from error
    wait_active(access, watch)


def _new_broker(access: Access, before: Sequence[int], watch: Watch) -> int:
    """Return the id of a broker that was not there before, as soon as the others know it."""
    watch.waiting("a new broker to be known to the others")
    while True:
        access.forget_brokers()
        try:
            if new := sorted(set(access.brokers(access.operator, watch)) - set(before)):
                return new[0]
        except WireError:
            pass  # a broker that is busy; the deadline decides
        if watch.remaining() <= 0.1:
            raise ProbeError("the control plane says that brokers were added, and the cluster knows none of them")
        time.sleep(_POLL_S)
