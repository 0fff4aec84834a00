"""The spec's section `connect`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.spec import EnvironmentSpec
from orchestrator.spec_loading import load_spec

SINK = """
      - name: sink
        plugin: mine
        consumes: [orders]
        config: {connector.class: a.B, flush.size: 3, enabled: true}
"""
PLUGINS = "  plugins: [{name: mine, file: mine.zip}]\n"


def spec_of(tmp_path: Path, connect: str) -> EnvironmentSpec:
    file = tmp_path / "ephk.yaml"
    file.write_text(f"name: e\ntopics: [{{name: orders}}]\nconnect:\n{connect}")
    return load_spec(file)


def test_the_canary_is_written_out_with_its_topics(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "  canary: true\n")
    assert spec.connect is not None
    assert [connector.name for connector in spec.connect.connectors] == ["canary-sink", "canary-source"]
    assert [topic.name for topic in spec.topics] == ["orders", "ephk-canary", "ephk-canary-numbers"]
    assert {grant.topic for principal in spec.principals for grant in principal.grants} == {"orders"}
    again = EnvironmentSpec.model_validate({**spec.model_dump(mode="json"), "ttl": "4h"})
    assert (again.connect, again.topics) == (spec.connect, spec.topics)  # written out once


def test_a_canary_of_ones_own_replaces_the_usual_one(tmp_path: Path) -> None:
    own = "{name: canary-sink, plugin: canary, workers: 2, config: {connector.class: a.B}}"
    spec = spec_of(tmp_path, f"  canary: true\n  connectors: [{own}]\n")
    assert spec.connect is not None
    assert {connector.name: connector.workers for connector in spec.connect.connectors} == {
        "canary-sink": 2,
        "canary-source": 1,
    }


def test_configuration_values_become_text(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, PLUGINS + "  connectors:" + SINK)
    assert spec.connect is not None
    config = spec.connect.connectors[0].config
    assert config == {"connector.class": "a.B", "flush.size": "3", "enabled": "true"}


@pytest.mark.parametrize(
    ("connect", "words"),
    [
        ("  plugins: [{name: p}]\n", "exactly one of builtin, file, maven, s3"),
        ("  plugins: [{name: p, file: a.zip, maven: 'a:b:1'}]\n", "exactly one of"),
        ("  plugins: [{name: p, s3: 's3://bucket/key.tar'}]\n", "must end in .zip or .jar"),
        (PLUGINS + "  connectors:" + SINK.replace("mine", "other"), "no plugin 'other' is declared"),
        (PLUGINS + "  connectors:" + SINK.replace("[orders]", "[payments]"), "no topic 'payments' is declared"),
        (PLUGINS + "  connectors:" + SINK.replace("connector.class", "class"), "config needs 'connector.class'"),
        (PLUGINS + "  connectors:" + SINK.replace("flush.size", "tasks.max"), "must not have tasks.max"),
        (PLUGINS + "  connectors:" + SINK.replace("a.B", "'${ephk:password}'"), "unknown placeholder password"),
        (PLUGINS + "  connectors:" + SINK + SINK, "'sink' is there twice"),
        ("  workers: 3\n", "there is no such field"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, connect: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        spec_of(tmp_path, connect)
    told: Any = [caught.value.message, *caught.value.details]
    assert any(words in line for line in told), told
    assert any("ephk.yaml" in line for line in told)
