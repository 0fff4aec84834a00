"""Brokers that are restarted or die while applications write."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping

import psutil
from botocore.exceptions import ClientError
from confluent_kafka import TopicPartition

from contracts.access import ANSWER_S, Access, Address
from contracts.clients.workbench import Workbench
from contracts.model import Failed, NotCovered, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.resilience.load import Load, judge_ride
from contracts.wire import WireError, error_name, requests

#: As production has it: one of three replicas may be missing.
_DURABLE = {"min.insync.replicas": "2"}
_POLL_S = 0.25
ONE_REPLICA = "the cluster has fewer than three brokers: with one broker gone, acks=all cannot be kept"


def durable_bench(access: Access, watch: Watch, purpose: str) -> Workbench:
    """Return a scratch topic with replicas as production has them, once every partition has a leader."""
    bench = Workbench(access, watch, purpose, config=_DURABLE)
    bench.leaders()
    return bench


def wait_active(access: Access, watch: Watch) -> None:
    """Wait until the control plane says that the cluster is ACTIVE again.

    Raises:
        ProbeError: not in the probe's time.
    """
    kafka, state = access.client("kafka"), ""
    while state != "ACTIVE":
        state = kafka.describe_cluster_v2(ClusterArn=access.environment.cluster.arn)["ClusterInfo"]["State"]
        watch.waiting(f"the cluster, which is {state}, to be ACTIVE")
        if watch.remaining() <= 0.1:
            raise ProbeError(f"the cluster stayed in {state}")
        time.sleep(_POLL_S)


def wait_in_sync(access: Access, bench: Workbench, watch: Watch) -> None:
    """Wait until every replica of the bench's topic is in sync and every broker answers clients.

    So the next test begins with a sound cluster: a broker that comes back copies from the others before it listens to
    clients.

    Raises:
        ProbeError: not in the probe's time.
    """
    watch.waiting("every replica to be in sync")
    while True:
        access.forget_brokers()  # one that was replaced may have another address; one that refused may answer now
        try:
            seen = requests.metadata(access.any_connection(access.operator, watch), [bench.name]).topics[bench.name]
            if seen.in_sync == seen.replicas and all(leader >= 0 for leader in seen.leaders.values()):
                for address in access.brokers(access.operator, watch).values():
                    access.connection(access.operator, address, watch)
                return
        except WireError:
            pass  # a broker that has just come back; the deadline decides
        if watch.remaining() <= 0.1:
            raise ProbeError("not every replica came back in sync")
        time.sleep(_POLL_S)


@contract(
    "production.broker.reboot",
    title="A broker can be restarted under load",
    risk="Patching or a configuration change loses records or stops producers for longer than anybody planned",
    statement=(
        "While the broker that coordinates a group reboots, an idempotent producer with acks=all loses and doubles "
        "nothing and goes on, and the group's committed offsets survive"
    ),
    remediation="Three replicas, min.insync.replicas=2, and clients with retries and time-outs above the stall",
    documentation="Amazon MSK Developer Guide, Reboot a broker for an Amazon MSK cluster",
    needs=("operator", "writes"),
    layers=("production",),
    disruptive=True,
    deadline_s=300,
)
def reboot(access: Access, watch: Watch) -> Outcome:
    """Ask the control plane to reboot the coordinator of a group that has committed, while a load runs."""
    if access.environment.flavour != "msk":
        return NotCovered("only MSK's control plane reboots brokers")
    if access.environment.cluster.brokers < 3:
        return NotCovered(ONE_REPLICA)
    wait_active(access, watch)
    bench = durable_bench(access, watch, "reboot")
    kept = _commit(bench)
    broker = _coordinator(access, bench, watch)
    with Load(bench) as load:
        before = load.acknowledged
        try:
            access.client("kafka").reboot_broker(ClusterArn=access.environment.cluster.arn, BrokerIds=[str(broker)])
        except ClientError as error:
            raise ProbeError(f"the broker cannot be rebooted: {error.response['Error']['Message']}") from error
        wait_active(access, watch)
        ride = load.finish()
    wait_in_sync(access, bench, watch)
    access.forget_brokers()
    return judge_offsets(judge_ride(ride, before, f"broker {broker} was rebooted"), kept, _committed(bench))


def judge_offsets(ride: Outcome, before: Mapping[int, int], after: Mapping[int, int]) -> Outcome:
    """Judge the offsets of a group, by partition, besides what the load saw."""
    if not isinstance(ride, Verified):
        return ride
    evidence = {**ride.evidence, "committed before": dict(before), "committed after": dict(after)}
    if dict(before) != dict(after):
        return Failed("the group's committed offsets did not survive the restart of its coordinator", evidence)
    return Verified(evidence)


def _coordinator(access: Access, bench: Workbench, watch: Watch) -> int:
    code, broker = requests.coordinator(access.any_connection(access.operator, watch), bench.group("kept"))
    if code != 0:
        raise ProbeError(f"the group has no coordinator: {error_name(code)}")
    return broker.id


def _places(bench: Workbench) -> list[TopicPartition]:
    return [TopicPartition(bench.name, partition, partition + 1) for partition in range(bench.partitions)]


def _commit(bench: Workbench) -> dict[int, int]:
    """Commit another offset for each partition, and return them."""
    with bench.consumer("kept") as consumer:
        consumer.commit(offsets=_places(bench), asynchronous=False)
    return {place.partition: place.offset for place in _places(bench)}


def _committed(bench: Workbench) -> dict[int, int]:
    with bench.consumer("kept") as consumer:
        found = consumer.committed(_places(bench), timeout=bench.watch.remaining(ANSWER_S))
    return {place.partition: place.offset for place in found}


def owner_of(address: Address, lease_id: str) -> psutil.Process | None:
    """Return the process of this machine that serves an address, when it is a broker of the lease and of this user.

    A process that merely listens there is never touched: its command line has to name the lease's directory.
    """
    for connection in psutil.net_connections("tcp"):
        local = connection.laddr
        if connection.status != psutil.CONN_LISTEN or not local or local.port != address.port or not connection.pid:
            continue
        try:
            process = psutil.Process(connection.pid)
            command = process.cmdline()
            if process.uids().real == os.getuid() and any(f"/{lease_id}/" in part for part in command):
                return process
        except psutil.Error:
            continue
    return None


@contract(
    "production.broker.killed",
    title="A broker can die under load",
    risk="The failure of one machine loses acknowledged records or stops every producer",
    statement="When a broker is killed (SIGKILL), nothing that was acknowledged is lost, and it is replaced",
    remediation="Three replicas, min.insync.replicas=2, acks=all, unclean.leader.election.enable=false",
    documentation="Apache Kafka documentation, Replication; KIP-966",
    needs=("operator", "writes"),
    layers=("production",),
    disruptive=True,
    deadline_s=300,
)
def killed(access: Access, watch: Watch) -> Outcome:
    """Kill the broker that leads a partition while a load runs, and wait until it has been replaced."""
    if access.environment.target != "embedded":
        return NotCovered("nobody can kill a managed broker: production.broker.reboot restarts one")
    if access.environment.cluster.brokers < 3:
        return NotCovered(ONE_REPLICA)
    bench = durable_bench(access, watch, "killed")
    leader = bench.leaders()[0]
    address = access.brokers(access.operator, watch)[leader]
    process = owner_of(address, access.environment.lease_id)
    if process is None:
        return NotCovered(f"broker {leader} at {address} is no process of this machine that belongs to the lease")
    with Load(bench) as load:
        before = load.acknowledged
        process.send_signal(signal.SIGKILL)
        bench.until(lambda: _leads_no_more(bench, leader), "another leader")
        ride = load.finish()
    wait_in_sync(access, bench, watch)
    wait_active(access, watch)
    access.forget_brokers()
    return judge_ride(ride, before, f"broker {leader} was killed, and came back in sync")


def _leads_no_more(bench: Workbench, broker: int) -> bool:
    time.sleep(_POLL_S)
    try:
        return bench.leaders()[0] != broker
    except WireError:
        return False  # the connection was to the broker that is gone; the next question goes to another
