"""Records that carry a schema's id: through a topic and back, with the serializers that applications use."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from contracts.access import Access
from contracts.clients.workbench import Workbench
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.schemas.evolution import NOTE, ORDER, record
from contracts.schemas.registry_access import asking, client, subject

#: The first byte of a record in Confluent's wire format; four bytes with the schema's id follow.
_MAGIC = 0
_VALUE = {"order": "A-1 ✓", "note": "first"}
_JSON_SCHEMA = json.dumps(
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Probe",
        "type": "object",
        "properties": {"order": {"type": "string"}, "note": {"type": "string"}},
        "required": ["order"],
        "additionalProperties": False,
    }
)
#: The largest id: no registry has given it away.
_NO_ID = 2**31 - 1
_NOT_FOUND = 404

#: Returns (bytes to a value, value to bytes) for a topic.
Codec = tuple[Callable[[Any, Any], bytes], Callable[[bytes, Any], Any]]


def judge_round_trip(sent: Any, stored: bytes, read: Any, known_id: int) -> Outcome:
    """Judge a round trip.

    Args:
        sent: the value.
        stored: the record's value as the topic holds it.
        read: what the deserializer made of it.
        known_id: the id that the registry has for the schema.
    """
    if len(stored) < 5 or stored[0] != _MAGIC:
        return Failed("the stored record is not in Confluent's wire format", {"beginning": stored[:5].hex()})
    (carried,) = struct.unpack(">I", stored[1:5])
    evidence = {"schema_id": carried, "bytes": len(stored)}
    if carried != known_id:
        return Failed(f"the record carries schema id {carried}, the registry says {known_id}", evidence)
    if read != sent:
        return Failed("the value did not come back as it was", evidence)
    return Verified(evidence)


@contextmanager
def _bench(access: Access, watch: Watch, purpose: str) -> Iterator[Workbench]:
    """Yield a scratch topic whose subject goes when the probe is over."""
    with subject(access, watch, purpose), asking(watch, "the schema registry"):
        yield Workbench(access, watch, purpose, partitions=1)


def _through(bench: Workbench, value: bytes) -> bytes:
    """Produce one record and return what a consumer reads."""
    bench.leaders()
    error, _ = bench.send(bench.producer(), {0: [value]})[0]
    if error is not None:
        raise ProbeError(f"the record was not stored: {error.name()}")
    with bench.consumer() as consumer:
        (message,) = bench.read_all(consumer, bench.ends(consumer))
    return message.value() or b""


def _round_trip(access: Access, watch: Watch, purpose: str, make: Callable[[Any, Any], Codec]) -> Outcome:
    """Serialize, produce, consume and deserialize, each side with a client of its own.

    Args:
        access: the run's way in.
        watch: the probe's clock.
        purpose: names topic and subject.
        make: makes the codec from the writer's and the reader's client.
    """
    from confluent_kafka.schema_registry.error import SchemaRegistryError
    from confluent_kafka.serialization import MessageField, SerializationContext

    with _bench(access, watch, purpose) as bench:
        write, read = make(client(access, watch), client(access, watch))
        context = SerializationContext(bench.name, MessageField.VALUE)
        try:
            data = write(_VALUE, context)
        except SchemaRegistryError as error:
            return Failed(f"the serializer cannot register its schema: {error.http_status_code} {error.error_message}")
        stored = _through(bench, data)
        try:
            value = read(stored, context)
        except SchemaRegistryError as error:
            return Failed(f"the deserializer cannot get the schema: {error.http_status_code} {error.error_message}")
        known = client(access, watch).get_latest_version(f"{bench.name}-value").schema_id
        return judge_round_trip(_VALUE, stored, value, int(known or 0))


@contract(
    "schema.avro.round-trip",
    title="Avro records go through a topic and back",
    risk="Consumers cannot read what producers wrote, although both have the schema",
    statement="A record of Confluent's Avro serializer carries the registry's id and is read back unchanged",
    remediation="Let the registry serve Confluent's API with ids that its clients know, and let the client register",
    documentation="Confluent documentation, Formats, Serializers, and Deserializers: Wire format",
    needs=("schema-registry", "operator", "writes"),
    layers=("local",),
)
def avro_round_trip(access: Access, watch: Watch) -> Outcome:
    """Send one Avro record through a scratch topic."""

    def make(writer: Any, reader: Any) -> Codec:
        from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer

        return AvroSerializer(writer, record(ORDER, NOTE)), AvroDeserializer(reader)

    return _round_trip(access, watch, "avro", make)


@contract(
    "schema.json.round-trip",
    title="JSON records go through a topic and back",
    risk="Consumers cannot read what producers wrote, although both have the schema",
    statement="A record of Confluent's JSON Schema serializer carries the registry's id and is read back unchanged",
    remediation="Let the registry serve Confluent's API with JSON Schema as a type, and let the client register",
    documentation="Confluent documentation, Formats, Serializers, and Deserializers: Wire format",
    needs=("schema-registry", "operator", "writes"),
    layers=("local",),
)
def json_round_trip(access: Access, watch: Watch) -> Outcome:
    """Send one JSON record through a scratch topic."""

    def make(writer: Any, reader: Any) -> Codec:
        from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer

        return JSONSerializer(_JSON_SCHEMA, writer), JSONDeserializer(_JSON_SCHEMA, schema_registry_client=reader)

    return _round_trip(access, watch, "json", make)


def judge_unknown(status: int | None, schema_id: int) -> Outcome:
    """Judge what a deserializer met with an id that nobody registered: an HTTP status, or None when it went through.

    Raises:
        ProbeError: it was refused for another reason than the id.
    """
    evidence = {"schema_id": schema_id, "status": status or "read"}
    if status is None:
        return Failed(f"a record with the unregistered schema id {schema_id} was read", evidence)
    if status != _NOT_FOUND:
        raise ProbeError(f"the lookup of an unknown id was answered with HTTP {status}, not with 404", evidence)
    return Verified(evidence)


@contract(
    "schema.unknown-id.refused",
    title="A record with an unknown schema id is refused",
    risk="A consumer reads bytes with a schema that they were not written with, and works on with nonsense",
    statement="The deserializer refuses a record whose schema id the registry does not know (HTTP 404)",
    remediation="Let nothing between clients and registry (cache, gateway) answer for ids that do not exist",
    documentation="Confluent documentation, Schema Registry API Reference: error code 40403",
    needs=("schema-registry", "operator", "writes"),
    layers=("local",),
)
def unknown_id(access: Access, watch: Watch) -> Outcome:
    """Write a record by hand with an id that nobody has, and read it as applications do."""
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.schema_registry.error import SchemaRegistryError
    from confluent_kafka.serialization import MessageField, SerializationContext

    with _bench(access, watch, "unknown-id") as bench:
        # An Avro string of one character: readable, if only somebody handed out a schema.
        stored = _through(bench, bytes([_MAGIC]) + struct.pack(">I", _NO_ID) + b"\x02A")
        status: int | None = None
        try:
            AvroDeserializer(client(access, watch))(stored, SerializationContext(bench.name, MessageField.VALUE))
        except SchemaRegistryError as error:
            status = error.http_status_code
        return judge_unknown(status, _NO_ID)
