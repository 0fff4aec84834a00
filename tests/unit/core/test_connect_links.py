"""Links: what the spec says of another environment, filled in from its lease, and refused before anything is made."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator import connect_links
from orchestrator.environment import Topic
from orchestrator.errors import EphkError, UsageError
from orchestrator.lease import Lease, LeaseState, new_lease
from orchestrator.spec import EnvironmentSpec
from orchestrator.spec_loading import load_spec
from orchestrator.tags import Provenance
from tests.unit.contracts.builders import environment

LONG = timedelta(hours=4)
SPEC = """
name: secondary
topics: [{name: primary.orders, partitions: 3}]
connect:
  plugins: [{name: mm, maven: "org.apache.kafka:connect-mirror:4.3.1"}]
  connectors:
    - name: records
      plugin: mm
      link: {environment: primary, topics: [orders]}
      config: {connector.class: org.apache.kafka.connect.mirror.MirrorSourceConnector, offset.lag.max: 0}
    - name: groups
      plugin: mm
      link: {environment: primary, topics: [orders], groups: [app]}
      config: {connector.class: org.apache.kafka.connect.mirror.MirrorCheckpointConnector}
"""


def spec_of(tmp_path: Path, text: str = SPEC) -> EnvironmentSpec:
    file = tmp_path / "ephk.yaml"
    file.write_text(text)
    return load_spec(file)


def source(state: LeaseState = LeaseState.READY, **changes: Any) -> Lease:
    topics = (Topic(name="orders", partitions=3, replication_factor=3, config={"retention.ms": "1"}),)
    lease = new_lease(name="primary", target="embedded", ttl=LONG, provenance=Provenance(owner="us"), spec={})
    for step in (LeaseState.PROVISIONING, LeaseState.READY):
        if lease.state is not state:
            lease = lease.moved_to(step)
    return lease.model_copy(update={"environment": environment(name="primary", topics=topics, **changes)})


def finding(lease: Lease | None) -> Any:
    def find(name: str) -> Lease:
        if lease is None or name != lease.name:
            raise EphkError(f"there is no environment {name}")
        return lease

    return find


def test_a_link_is_filled_in_from_the_other_environment(tmp_path: Path) -> None:
    resolved = connect_links.resolve(spec_of(tmp_path), "embedded", finding(source()))
    assert resolved.spec.connect is not None
    records, groups = resolved.spec.connect.connectors
    assert records.config["source.cluster.bootstrap.servers"] == "localhost:4,localhost:5,localhost:6"
    assert records.config["target.cluster.bootstrap.servers"] == "${ephk:bootstrap}"
    assert (records.config["source.cluster.alias"], records.config["target.cluster.alias"]) == ("primary", "secondary")
    assert (records.config["topics"], records.config["offset.lag.max"]) == ("orders,ephk-mirror", "0")
    assert (records.produces, records.consumes) == (("primary.orders", "primary.ephk-mirror"), ())
    assert (groups.config["groups"], groups.consumes) == ("app,ephk-mirror", records.produces)
    assert "groups" not in records.config
    declared = {topic.name: topic.partitions for topic in resolved.spec.topics}
    assert declared == {"primary.orders": 3, "ephk-mirror": 2, "primary.ephk-mirror": 2}
    assert [environment.name for environment in resolved.canaries] == ["primary"]
    assert resolved.inputs()["groups"].groups == ("app", "ephk-mirror")


def test_nothing_of_a_link_is_secret(tmp_path: Path) -> None:
    """Roles are the credentials: what tells a client to use them is the same for everybody."""
    spec = connect_links.resolve(spec_of(tmp_path), "embedded", finding(source())).spec
    text = json.dumps(spec.model_dump(mode="json"))
    assert "password" not in text
    assert "software.amazon.msk.auth.iam.IAMLoginModule required;" in text


def test_a_mirrored_topic_is_declared_as_it_is_at_the_source(tmp_path: Path) -> None:
    text = SPEC.replace("topics: [{name: primary.orders, partitions: 3}]", "topics: []")
    spec = connect_links.resolve(spec_of(tmp_path, text), "embedded", finding(source())).spec
    (orders,) = (topic for topic in spec.topics if topic.name == "primary.orders")
    assert (orders.partitions, orders.config) == (3, {"retention.ms": "1"})


def test_without_the_canary_only_what_is_named_is_mirrored(tmp_path: Path) -> None:
    text = SPEC.replace("environment: primary,", "environment: primary, canary: false,")
    resolved = connect_links.resolve(spec_of(tmp_path, text), "embedded", finding(source()))
    assert resolved.links["records"].topics == ("orders",)
    assert [topic.name for topic in resolved.spec.topics] == ["primary.orders"]
    assert resolved.canaries == ()


def test_names_follow_the_replication_policy(tmp_path: Path) -> None:
    policy = "replication.policy.class: org.apache.kafka.connect.mirror.IdentityReplicationPolicy"
    text = SPEC.replace("offset.lag.max: 0", policy)
    links = connect_links.resolve(spec_of(tmp_path, text), "embedded", finding(source())).links
    assert links["records"].mirrored["orders"] == "orders"
    text = SPEC.replace("offset.lag.max: 0", "replication.policy.separator: _, source.cluster.alias: a")
    links = connect_links.resolve(spec_of(tmp_path, text), "embedded", finding(source())).links
    assert links["records"].mirrored["orders"] == "a_orders"


@pytest.mark.parametrize(
    ("target", "lease", "words"),
    [
        ("aws", "ready", "a VPC each, and nothing connects them yet"),
        ("embedded", "missing", "there is no environment primary"),
        ("embedded", "provisioning", "environment primary is requested, not ready"),
        ("embedded", "other topics", "primary has no topic orders; topics: events"),
        ("embedded", "other partitions", "topic primary.orders is declared with 3 partitions"),
    ],
)
def test_a_link_that_cannot_work_is_refused(tmp_path: Path, target: str, lease: str, words: str) -> None:
    leases = {
        "ready": source(),
        "missing": None,
        "provisioning": source(LeaseState.REQUESTED),
        "other topics": with_topic("events", 3),
        "other partitions": with_topic("orders", 6),
    }
    with pytest.raises(UsageError) as refused:
        connect_links.resolve(spec_of(tmp_path), target, finding(leases[lease]))
    assert words in str(refused.value)


def with_topic(name: str, partitions: int) -> Lease:
    lease = source()
    assert lease.environment is not None
    topics = (Topic(name=name, partitions=partitions, replication_factor=3),)
    return lease.model_copy(update={"environment": lease.environment.model_copy(update={"topics": topics})})


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("offset.lag.max: 0", "source.cluster.bootstrap.servers: a:1", "is filled in from 'link'"),
        ("offset.lag.max: 0", "target.cluster.sasl.jaas.config: x", "is filled in from 'link'"),
        ("connect.mirror.MirrorSourceConnector", "file.FileStreamSource", "is for MirrorMaker's connectors"),
        ("environment: primary, topics: [orders]}", "topics: [orders]}", "environment"),
    ],
)
def test_what_contradicts_a_link_names_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        spec_of(tmp_path, SPEC.replace(old, new, 1))
    assert words in str(refused.value) + " ".join(refused.value.details)
