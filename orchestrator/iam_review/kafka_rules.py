"""What goes wrong in policies for Kafka: two service prefixes that look alike, and ARNs of four parts.

Source: Amazon MSK Developer Guide, "IAM access control".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.iam.actions import service_actions
from orchestrator.iam_review.catalogue import KAFKA_ARN, KAFKA_CONTROL_PLANE, KAFKA_MISMATCH, KAFKA_WILDCARD, Violation
from orchestrator.iam_review.globs import contains, overlap
from orchestrator.iam_review.model import Severity
from orchestrator.iam_review.statement import Statement, allows, listed, patterns_of_service

#: The resource types of kafka-cluster actions, with the ARN's last part.
SHAPES = {
    "cluster": "cluster/*/*",
    "topic": "topic/*/*/*",
    "group": "group/*/*/*",
    "transactional-id": "transactional-id/*/*/*",
}
_ANY_CLUSTER = {kind: shape.replace("*", "~any-cluster~", 1) for kind, shape in SHAPES.items()}


def kafka_violations(document: Mapping[str, Any]) -> Iterator[Violation]:
    """Judge what a policy says about Kafka.

    Args:
        document: an identity-based policy or a boundary.
    """
    for index, statement in allows(document):
        data = patterns_of_service(statement, "kafka-cluster")
        if data:
            yield from _wildcards(index, statement, data)
            yield from _shapes(index, statement)
            yield from _mismatches(index, statement, data)
        yield from _control_plane(index, statement)


def _wildcards(index: int, statement: Statement, actions: list[str]) -> Iterator[Violation]:
    for resource in listed(statement.get("Resource")):
        kinds = [kind for kind, shape in _ANY_CLUSTER.items() if contains(_resource_part(resource), shape)]
        if kinds:
            kind = "everything" if len(kinds) == len(SHAPES) else " and ".join(kinds)
            text = f"{', '.join(actions)} on {resource} reaches {kind} of every cluster"
            yield Violation(KAFKA_WILDCARD, text, index, KAFKA_WILDCARD.severity)


def _resource_part(resource: str) -> str:
    parts = resource.split(":", 5)
    return parts[5] if len(parts) == 6 else resource if resource == "*" else ""


def _shapes(index: int, statement: Statement) -> Iterator[Violation]:
    for resource in listed(statement.get("Resource")):
        parts = resource.split(":", 5)
        if len(parts) == 6 and parts[2] == "kafka" and not _kinds(resource):
            text = f"{resource} is the ARN of no cluster, topic, group or transactional id, so it grants nothing"
            yield Violation(KAFKA_ARN, text, index, KAFKA_ARN.severity)


def _kinds(resource: str) -> set[str]:
    """Return the resource types that a Resource entry can match."""
    part = _resource_part(resource)
    return {kind for kind, shape in SHAPES.items() if part and overlap(part, shape) is not None}


def _mismatches(index: int, statement: Statement, patterns: list[str]) -> Iterator[Violation]:
    if "NotResource" in statement:
        return
    kinds = set().union(*(_kinds(resource) for resource in listed(statement.get("Resource"))))
    known = service_actions("kafka-cluster")
    for pattern in patterns:
        types = [info.resource_types for name, info in known.items() if contains(pattern, name)]
        if not types:
            text = f"{pattern} is no action of kafka-cluster"
            yield Violation(KAFKA_MISMATCH, text, index, KAFKA_MISMATCH.severity)
        elif kinds and not any(kinds & each for each in types):
            wanted = " or ".join(sorted(set().union(*types)))
            text = f"{pattern} works on a {wanted}, and the statement names only {', '.join(sorted(kinds))} ARNs"
            yield Violation(KAFKA_MISMATCH, text, index, KAFKA_MISMATCH.severity)


def _control_plane(index: int, statement: Statement) -> Iterator[Violation]:
    on_data = [
        resource
        for resource in listed(statement.get("Resource"))
        if resource.split(":")[2:3] == ["kafka"] and _kinds(resource) and "cluster" not in _kinds(resource)
    ]
    data_actions = service_actions("kafka-cluster")
    control_actions = service_actions("kafka")
    for pattern in patterns_of_service(statement, "kafka"):
        name = pattern.removeprefix("kafka:")
        if pattern not in control_actions and f"kafka-cluster:{name}" in data_actions:
            text = f"{pattern} does not exist; kafka-cluster:{data_actions[f'kafka-cluster:{name}'].name[14:]} does"
            yield Violation(KAFKA_CONTROL_PLANE, text, index, KAFKA_CONTROL_PLANE.severity)
        elif on_data:
            text = f"{pattern} is MSK's control plane and has no effect on {on_data[0]}"
            yield Violation(KAFKA_CONTROL_PLANE, text, index, KAFKA_CONTROL_PLANE.severity)
        elif pattern == "kafka:*":
            text = "kafka:* is MSK's whole control plane, with kafka:DeleteCluster; it gives no access to topics"
            yield Violation(KAFKA_CONTROL_PLANE, text, index, Severity.MEDIUM)
