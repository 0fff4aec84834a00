"""A contract as a command: exit status 0 when the topic has the number of partitions that keys were spread over."""

from __future__ import annotations

import os
import sys

from confluent_kafka.admin import AdminClient


def main() -> int:
    """Ask the brokers as the principal whose connection stands in the environment variables."""
    topic, wanted = sys.argv[1], int(sys.argv[2])
    client = AdminClient(
        {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "security.protocol": os.environ["KAFKA_SECURITY_PROTOCOL"],
            "sasl.mechanism": os.environ["KAFKA_SASL_MECHANISM"],
            "sasl.username": os.environ["KAFKA_SASL_USERNAME"],
            "sasl.password": os.environ["KAFKA_SASL_PASSWORD"],
            "ssl.ca.location": os.environ["KAFKA_SSL_CA_LOCATION"],
        }
    )
    found = client.list_topics(topic, timeout=20).topics[topic]
    if found.error is not None:
        print(f"{topic}: {found.error}")
        return 2
    count = len(found.partitions)
    print(f"{topic} has {count} partitions; keys were spread over {wanted}")
    return 0 if count == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
