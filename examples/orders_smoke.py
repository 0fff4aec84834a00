"""Produces orders and consumes them again, with the files that `ephk run` gives: TLS, SCRAM, least privilege.

Run it with: ephk run examples/orders.yaml -- python examples/orders_smoke.py
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Producer

ORDERS = 100


def client_config(principal: str) -> dict[str, str]:
    """Read the librdkafka properties of one principal."""
    text = (Path(os.environ["EPHK_CONNECTION_DIR"]) / f"{principal}.librdkafka.properties").read_text()
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def produce() -> None:
    """Produce the orders; every one must be acknowledged."""
    refused: list[str] = []
    producer = Producer({**client_config("orders-producer"), "enable.idempotence": True, "log_level": 3})
    for number in range(ORDERS):
        producer.produce(
            "orders",
            key=str(number),
            value=json.dumps({"order": number}),
            on_delivery=lambda error, _message: refused.append(error.str()) if error else None,
        )
    if producer.flush(30) or refused:
        sys.exit(f"not every order was acknowledged: {refused[:3]}")


def consume() -> set[int]:
    """Consume until every order has been seen, or 30 seconds have passed."""
    consumer = Consumer(
        {**client_config("orders-service"), "group.id": "orders-service", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["orders"])
    seen: set[int] = set()
    deadline = time.monotonic() + 30
    while len(seen) < ORDERS and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                sys.exit(f"consumer: {message.error().str()}")
            continue
        if message.key() is not None and message.key().isdigit():
            seen.add(json.loads(message.value())["order"])
    consumer.close()
    return seen


def main() -> None:
    """Run the example; exits with a message when an order is missing."""
    begun = time.monotonic()
    produce()
    seen = consume()
    if seen != set(range(ORDERS)):
        sys.exit(f"{ORDERS - len(seen)} orders did not arrive")
    print(f"{ORDERS} orders produced and consumed over TLS and SCRAM in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
