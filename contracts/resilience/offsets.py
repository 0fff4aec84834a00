"""Consumer offsets can be backed up and brought back, so that a recovery neither skips nor repeats."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from contracts.access import ANSWER_S, Access
from contracts.clients.workbench import Workbench, a_consumer, a_producer
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract

_RECORDS = 10
_READ = 4


def judge_recovery(backup: Mapping[int, int], restored: Mapping[int, int], next_values: Mapping[int, str]) -> Outcome:
    """Judge offsets by partition: as backed up, as they are after the recovery, and the value that is read next."""
    evidence = {"backup": dict(backup), "restored": dict(restored), "reads next": dict(next_values)}
    if not backup:
        raise ProbeError("there was nothing to back up", evidence)
    if dict(backup) != dict(restored):
        return Failed("the offsets after the recovery are not those of the backup", evidence)
    for partition, offset in backup.items():
        if next_values.get(partition) != f"{partition}-{offset}":
            return Failed(
                f"partition {partition} goes on with record {next_values.get(partition)}, not {offset}", evidence
            )
    return Verified(evidence)


@contract(
    "production.offsets.recovery",
    title="Consumer offsets survive the loss of a group",
    risk="After a recovery, consumers start again at the beginning, or at the end, and records are skipped",
    statement="A deleted group whose offsets are restored from a backup goes on with the next record",
    remediation="Back up committed offsets regularly; restore them while the group is empty",
    documentation="KIP-396, Reset consumer group offsets through the Admin client",
    needs=("operator", "writes"),
    layers=("local", "production"),
    slow=True,
)
def recovery(access: Access, watch: Watch) -> Outcome:
    """Read, commit, back up, delete the group, restore, and read on."""
    clients = [a_producer(), *[a_consumer("recovery")] * 2]
    bench = Workbench(access, watch, "offsets", partitions=2, clients=clients)
    bench.leaders()
    values = {partition: [f"{partition}-{n}".encode() for n in range(_RECORDS)] for partition in range(2)}
    bench.send(bench.producer(), values)
    group = bench.group("recovery")
    with bench.consumer("recovery") as consumer:
        read = [TopicPartition(bench.name, partition, _READ) for partition in values]
        consumer.commit(offsets=read, asynchronous=False)
    admin = AdminClient(access.librdkafka(access.operator, watch))
    backup = _offsets(admin, group, watch)
    watch.waiting("the group to be deleted")
    admin.delete_consumer_groups([group])[group].result(watch.remaining(ANSWER_S))
    if _offsets(admin, group, watch):
        raise ProbeError("the group still has offsets although it was deleted")
    watch.waiting("the offsets to be restored")
    places = [TopicPartition(bench.name, partition, offset) for partition, offset in backup.items()]
    wanted = ConsumerGroupTopicPartitions(group, places)
    admin.alter_consumer_group_offsets([wanted])[group].result(watch.remaining(ANSWER_S))
    return judge_recovery(backup, _offsets(admin, group, watch), _next_values(bench, group))


def _offsets(admin: AdminClient, group: str, watch: Watch) -> dict[int, int]:
    watch.waiting(f"the offsets of group {group}")
    future = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group]
    answer = future.result(watch.remaining(ANSWER_S))
    return {place.partition: place.offset for place in answer.topic_partitions if place.offset >= 0}


def _next_values(bench: Workbench, group: str) -> dict[int, str]:
    """Let a member of the group read until it has seen every partition, and return the first value of each."""
    found: dict[int, str] = {}
    with bench.consumer("recovery") as consumer:
        consumer.subscribe([bench.name])

        def seen() -> bool:
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                found.setdefault(message.partition() or 0, (message.value() or b"").decode())
            return len(found) == bench.partitions

        bench.until(seen, f"group {group} to go on")
    return found
