"""Moves a consumer group from one cluster to its mirror: what it had not read at the source it reads at the target.

Run it with: ephk up examples/mirror-source.yaml
             ephk run examples/mirror.yaml -- python examples/mirror_move.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

ORDERS, READ_BEFORE, PARTITIONS = 30, 12, 3
GROUP, PRINCIPAL = "orders-app", "orders-app"


def properties(text: str) -> dict[str, str]:
    """Read librdkafka properties."""
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def source_config() -> dict[str, str]:
    """Ask how the principal connects to the environment that is mirrored."""
    ephk = Path(sys.executable).with_name("ephk")
    command = [str(ephk), "env", "primary", "--principal", PRINCIPAL, "--format", "librdkafka"]
    return properties(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def target_config() -> dict[str, str]:
    """Read the file that `ephk run` has written."""
    return properties((Path(os.environ["EPHK_CONNECTION_DIR"]) / f"{PRINCIPAL}.librdkafka.properties").read_text())


def consume(config: dict[str, str], topic: str, count: int, known: frozenset[str] = frozenset()) -> list[str]:
    """Read in the group until there are so many records beside those that are known, and commit; exits otherwise."""
    consumer = Consumer({**config, "group.id": GROUP, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([topic])
    found: list[str] = []
    deadline = time.monotonic() + 60
    while len(set(found) - known) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            found.append(message.key().decode())
    if missing := max(0, count - len(set(found) - known)):
        sys.exit(f"{missing} of {count} orders did not come from {topic}")
    consumer.commit(asynchronous=False)
    consumer.close()
    return found


def await_offsets(config: dict[str, str], wanted: int, patience_s: float) -> int:
    """Wait until the mirror has committed the group's offsets at the target; returns how far they are."""
    consumer = Consumer({**config, "group.id": GROUP})
    deadline = time.monotonic() + patience_s
    places = [TopicPartition("primary.orders", partition) for partition in range(PARTITIONS)]
    while True:
        found = sum(max(0, place.offset) for place in consumer.committed(places, timeout=20))
        if found >= wanted or time.monotonic() > deadline:
            consumer.close()
            return found
        time.sleep(0.5)


def produce(producer: Producer, orders: list[str]) -> None:
    """Produce orders to all partitions in turn; exits when one is not acknowledged."""
    for number, order in enumerate(orders):
        producer.produce("orders", key=order, value=order, partition=number % PARTITIONS)
    if producer.flush(30):
        sys.exit("not every order was acknowledged")


def main() -> None:
    """Run the example; exits with a message when an order is lost."""
    here, there = source_config(), target_config()
    producer = Producer({**here, "enable.idempotence": True})
    orders = [f"order-{number:02d}" for number in range(ORDERS)]
    # The application is at work before it moves. MirrorMaker looks for new groups every ten seconds, and translates no
    # offset that is older than the first sync that it has seen since.
    produce(producer, orders[:PARTITIONS])
    before = consume(here, "orders", PARTITIONS)
    if await_offsets(there, PARTITIONS, 60) < PARTITIONS:
        sys.exit("the group's offsets were not translated in time")
    produce(producer, orders[PARTITIONS:])
    before += consume(here, "orders", READ_BEFORE - PARTITIONS)
    await_offsets(there, READ_BEFORE, 10)  # offsets that lag behind cost orders that are read again, and lose none
    begun = time.monotonic()
    after = consume(there, "primary.orders", ORDERS - len(before), frozenset(before))
    if lost := set(orders) - set(before) - set(after):
        sys.exit(f"{len(lost)} orders were lost on the way over")
    again = len(set(before) & set(after))
    print(
        f"{ORDERS} orders: {len(before)} read at primary, {len(after)} at secondary in {time.monotonic() - begun:.1f} s"
    )
    print(f"none lost, {again} read again")


if __name__ == "__main__":
    main()
