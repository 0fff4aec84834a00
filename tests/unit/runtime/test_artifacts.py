from __future__ import annotations

import pytest

from orchestrator.embedded import java_streams
from orchestrator.embedded.runtime.artifacts import (
    COMPILER_LOCK,
    IAM_CLIENT_LOCK,
    KAFKA_LOCK,
    MIRROR,
    MIRROR_LOCK,
    Artifact,
    read_lock,
)


def test_a_classifier_is_part_of_the_name() -> None:
    plain, whole = Artifact("g:a:1", "0"), Artifact("g:a:1:all", "0")
    assert (plain.parts, plain.filename) == (("g", "a", "1", ""), "a-1.jar")
    assert (whole.parts, whole.filename) == (("g", "a", "1", "all"), "a-1-all.jar")
    for wrong in ("g:a", "g:a:1:all:more", ""):
        with pytest.raises(ValueError, match="no coordinate"):
            _ = Artifact(wrong, "0").parts


def test_what_clients_load_is_not_on_the_brokers_class_path() -> None:
    brokers = {artifact.coordinate for artifact in (*read_lock(KAFKA_LOCK), *read_lock(COMPILER_LOCK))}
    assert not brokers & {artifact.coordinate for artifact in read_lock(IAM_CLIENT_LOCK)}
    assert not [coordinate for coordinate in brokers if coordinate.startswith("software.amazon")]


def test_plugins_and_applications_are_of_the_brokers_own_release() -> None:
    versions = {artifact.coordinate.rsplit(":", 1)[0]: artifact.parts[2] for artifact in read_lock(KAFKA_LOCK)}
    locked = [*read_lock(MIRROR_LOCK), *read_lock(java_streams.LOCK)]
    assert locked[0].coordinate == MIRROR
    assert {a.parts[2] for a in locked if a.parts[0] == "org.apache.kafka"} == {
        versions["org.apache.kafka:kafka-clients"]
    }
