"""Schemas: registered and found again, changed in ways that readers survive, and in no other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from contracts.access import Access
from contracts.model import Failed, Outcome, ProbeError, Verified, Watch
from contracts.registry import contract
from contracts.schemas.registry_access import asking, client, subject

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

_CONFLICT = 409


def record(*fields: dict[str, Any]) -> str:
    """Return an Avro record's schema."""
    return json.dumps({"type": "record", "name": "Probe", "namespace": "ephk", "fields": list(fields)})


ORDER = {"name": "order", "type": "string"}
#: The field may be missing: readers of either version read records of the other.
NOTE = {"name": "note", "type": ["null", "string"], "default": None}
#: A string that becomes a number can be read by nobody of the other version.
CHANGED = {"name": "order", "type": "long"}


def register(registry: SchemaRegistryClient, name: str, text: str) -> tuple[int, str]:
    """Register a schema; returns (id, "") or (0, why the registry refused).

    A refusal begins with its HTTP status.
    """
    from confluent_kafka.schema_registry import Schema
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    try:
        return registry.register_schema(name, Schema(text, "AVRO")), ""
    except SchemaRegistryError as error:
        return 0, f"{error.http_status_code} {error.error_message}"


def judge_registered(written: str, read: str, first: int, again: int) -> Outcome:
    """Judge a registration.

    Args:
        written: the schema as it was registered.
        read: the schema that the registry returns for the id.
        first: the id.
        again: the id that the same schema got the second time.
    """
    evidence = {"id": first, "again": again}
    if json.loads(written) != json.loads(read):
        return Failed(f"schema {first} does not come back as it was registered", evidence)
    if first != again:
        return Failed(f"the same schema got the ids {first} and {again}", evidence)
    return Verified(evidence)


@contract(
    "schema.register",
    title="A schema is registered and found again",
    risk="Producers cannot introduce a schema, or consumers get another one than was written",
    statement="A schema is registered, comes back unchanged by its id, and gets the same id the second time",
    remediation="Give the environment's user the right to write, and take the registry out of its read-only mode",
    documentation="Confluent documentation, Schema Registry API Reference: Subjects, Schemas",
    needs=("schema-registry", "writes"),
    layers=("local",),
)
def registered(access: Access, watch: Watch) -> Outcome:
    """Register a schema twice and read it with a client that has not seen it."""
    with subject(access, watch, "register") as name, asking(watch, "the registration of a schema"):
        text = record(ORDER)
        first, refusal = register(client(access, watch), name, text)
        if refusal:
            return Failed(f"the registry does not register a schema: {refusal}")
        again, _ = register(client(access, watch), name, text)
        read = client(access, watch).get_schema(first).schema_str or ""
        return judge_registered(text, read, first, again)


@contract(
    "schema.compatible.accepted",
    title="A compatible change is accepted",
    risk="A harmless new field cannot be rolled out, and teams switch the check off",
    statement="A second version that adds an optional field is registered beside the first",
    remediation="Let the subjects' compatibility rule be one that takes optional fields (all of Confluent's do)",
    documentation="Confluent documentation, Schema Evolution and Compatibility",
    needs=("schema-registry", "writes"),
    layers=("local",),
)
def compatible(access: Access, watch: Watch) -> Outcome:
    """Register a schema and one that adds an optional field."""
    with subject(access, watch, "compatible") as name, asking(watch, "the registration of a compatible schema"):
        registry = client(access, watch)
        ids: list[int] = []
        for version, text in enumerate((record(ORDER), record(ORDER, NOTE)), 1):
            number, refusal = register(registry, name, text)
            if refusal:
                return Failed(f"version {version} was refused: {refusal}", {"registered": ids})
            ids.append(number)
        versions = registry.get_versions(name)
        if len(versions) != 2:
            return Failed(f"the subject has the versions {versions} after two registrations", {"ids": ids})
        return Verified({"ids": ids, "versions": versions})


def judge_incompatible(refusal: str, level: str) -> Outcome:
    """Judge what the registry did with an incompatible schema.

    Args:
        refusal: why it was refused, beginning with the HTTP status; empty when it was registered.
        level: the rule that the registry says it has.
    """
    evidence = {"compatibility": level, "answer": refusal or "registered"}
    if not refusal:
        return Failed(f"a schema that no reader survives was registered (compatibility {level})", evidence)
    if not refusal.startswith(str(_CONFLICT)):
        raise ProbeError(f"the schema was refused, but not as incompatible: {refusal}", evidence)
    return Verified(evidence)


@contract(
    "schema.incompatible.refused",
    title="An incompatible change is refused",
    risk="One producer's new schema stops every consumer of the topic at the first record",
    statement="A second version that changes a field's type is refused as incompatible (HTTP 409)",
    remediation="Set the registry's compatibility rule, for example to BACKWARD; NONE checks nothing",
    documentation="Confluent documentation, Schema Evolution and Compatibility",
    needs=("schema-registry", "writes"),
    layers=("local",),
)
def incompatible(access: Access, watch: Watch) -> Outcome:
    """Register a schema and one that gives its field another type."""
    with subject(access, watch, "incompatible") as name, asking(watch, "the refusal of an incompatible schema"):
        registry = client(access, watch)
        _, refusal = register(registry, name, record(ORDER))
        if refusal:
            raise ProbeError(f"the first version was not registered, so nothing can be incompatible with it: {refusal}")
        _, refusal = register(registry, name, record(CHANGED))
        return judge_incompatible(refusal, _level(registry))


def _level(registry: SchemaRegistryClient) -> str:
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    try:
        return str(registry.get_config().compatibility_level or registry.get_compatibility())
    except SchemaRegistryError as error:
        return f"unknown ({error.http_status_code})"
