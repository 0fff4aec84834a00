"""What a broker says of a topic's configuration (Apache Kafka documentation, "Protocol", DescribeConfigs)."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.wire import codec
from contracts.wire.connection import BrokerConnection

_DESCRIBE_CONFIGS = 32
_TOPIC = 2


def topic_config(connection: BrokerConnection, topic: str, names: Sequence[str]) -> tuple[int, dict[str, str]]:
    """Return Kafka's error code and the values of a topic's configurations, those that come from defaults too."""
    resource = codec.int8(_TOPIC) + codec.string(topic) + codec.array(codec.string(name) for name in names)
    reader = connection.request(_DESCRIBE_CONFIGS, 1, codec.array([resource]) + codec.boolean(False))
    reader.int32()  # throttle time

    def config() -> tuple[str, str]:
        name, value = reader.string(), reader.string()
        for _ in ("read only", "source", "sensitive"):
            reader.int8()
        reader.array(lambda: (reader.string(), reader.string(), reader.int8()))  # synonyms
        return name, value

    def result() -> tuple[int, dict[str, str]]:
        code = reader.int16()
        reader.string()  # message
        reader.int8()
        reader.string()
        return code, dict(reader.array(config))

    return reader.array(result)[0]
