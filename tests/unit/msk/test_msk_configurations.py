"""Configurations, their revisions, and what their properties mean for brokers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.embedded.msk import properties

PROPERTIES = b"auto.create.topics.enable = false\n# a comment\nlog.retention.hours=1\n"


def _create(world, name="small", text=PROPERTIES, **more):
    return world.call("CreateConfiguration", Name=name, ServerProperties=text, **more)["Arn"]


def test_a_configuration_has_revisions(world):
    arn = _create(world, KafkaVersions=["3.9.x.kraft"], Description="first")
    assert arn.startswith(f"arn:aws:kafka:us-east-1:{world.account}:configuration/small/")
    updated = world.call("UpdateConfiguration", Arn=arn, ServerProperties=b"log.retention.hours=2")
    assert updated["LatestRevision"]["Revision"] == 2
    description = world.call("DescribeConfiguration", Arn=arn)
    assert (description["LatestRevision"]["Revision"], description["State"]) == (2, "ACTIVE")
    assert description["KafkaVersions"] == ["3.9.x.kraft"]
    first = world.call("DescribeConfigurationRevision", Arn=arn, Revision=1)
    assert (first["ServerProperties"], first["Description"]) == (PROPERTIES, "first")
    page = world.call("ListConfigurationRevisions", Arn=arn, MaxResults=1)
    assert [revision["Revision"] for revision in page["Revisions"]] == [1]
    assert (
        world.call("ListConfigurationRevisions", Arn=arn, NextToken=page["NextToken"])["Revisions"][0]["Revision"] == 2
    )
    assert world.refused("DescribeConfigurationRevision", Arn=arn, Revision=3).code == "BadRequestException"


def test_a_deleted_configuration_answers_400_in_the_words_that_tools_look_for(world):
    arn = _create(world)
    assert world.call("DeleteConfiguration", Arn=arn) == {"Arn": arn, "State": "DELETING"}
    refusal = world.refused("DescribeConfiguration", Arn=arn)
    assert (refusal.code, refusal.status) == ("BadRequestException", 400)
    assert "Configuration ARN does not exist" in refusal.message
    assert world.call("ListConfigurations")["Configurations"] == []


def test_names_are_unique_and_checked(world):
    _create(world)
    assert world.refused("CreateConfiguration", Name="small", ServerProperties=b"").code == "ConflictException"
    assert world.refused("CreateConfiguration", Name="a_b", ServerProperties=b"").code == "BadRequestException"
    assert (
        "Unsupported"
        in world.refused("CreateConfiguration", Name="v", ServerProperties=b"", KafkaVersions=["9"]).message
    )


def test_a_configuration_in_use_stays(world):
    arn = _create(world)
    cluster = world.active(ConfigurationInfo={"Arn": arn, "Revision": 1})
    assert cluster in world.refused("DeleteConfiguration", Arn=arn).message
    software = world.describe(cluster)["CurrentBrokerSoftwareInfo"]
    assert (software["ConfigurationArn"], software["ConfigurationRevision"]) == (arn, 1)
    world.call("DeleteCluster", ClusterArn=cluster)
    world.wait_gone(cluster)
    world.call("DeleteConfiguration", Arn=arn)


def test_brokers_run_with_the_configuration_over_msks_defaults(world):
    arn = _create(world, text=b"allow.everyone.if.no.acl.found=false\nzookeeper.session.timeout.ms=18000")
    world.active(ConfigurationInfo={"Arn": arn, "Revision": 1})
    used = world.made[0].properties
    assert used["allow.everyone.if.no.acl.found"] == "false"
    assert (used["default.replication.factor"], used["min.insync.replicas"]) == ("3", "2")
    assert not any(name.startswith("zookeeper") for name in used)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"listeners=PLAINTEXT://:9092", "Key 'listeners'"),
        (b"super.users=User:me", "Key 'super.users'"),
        (b"authorizer.class.name=x", "Key 'authorizer.class.name'"),
        (b"auto.create.topics.enable=yes", "must be one of true, false"),
        (b"replica.lag.time.max.ms=5", "must be at least 10000"),
        (b"num.partitions=two", "must be an integer"),
        (b"log.cleaner.min.cleanable.ratio=2", "between 0 and 1"),
        (b"log.cleanup.policy=delete,shred", "list of delete, compact"),
        (b"replica.selector.class=evil.Class", "must be one of"),
        (b"=1", "Key ''"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_properties_off_the_list_or_out_of_range_are_refused(world, text, words):
    refusal = world.refused("CreateConfiguration", Name="bad", ServerProperties=text)
    assert refusal.members["InvalidParameter"] == "serverProperties"
    assert words in refusal.message
    assert world.call("ListConfigurations")["Configurations"] == []


def test_every_fault_is_told_at_once():
    with pytest.raises(Exception, match="listeners") as caught:
        properties.require_allowed({"listeners": "x", "num.partitions": "0", "min.insync.replicas": "1"})
    assert [fault["name"] for fault in json.loads(caught.value.message)] == ["listeners", "num.partitions"]


def test_java_properties_syntax():
    text = "a=1\n b : 2\nc 3\n! no\nd=x=y\ne\nlong=1,\\\n   2\na=9\n"
    assert properties.parse(text) == {"a": "9", "b": "2", "c": "3", "d": "x=y", "e": "", "long": "1,2"}


@given(st.text())
def test_any_text_is_read_without_failure(text):
    assert all(isinstance(value, str) for value in properties.parse(text).values())


@pytest.mark.parametrize(
    ("zones", "brokers", "expected"), [(3, 3, ("3", "2")), (2, 4, ("2", "1")), (1, 1, ("1", "1")), (3, 6, ("3", "2"))]
)
def test_replication_follows_zones(zones, brokers, expected):
    found = properties.broker_properties({}, zones=zones, brokers=brokers)
    assert (found["default.replication.factor"], found["min.insync.replicas"]) == expected


def test_a_removed_property_becomes_its_successors():
    found = properties.broker_properties({"log.message.timestamp.difference.max.ms": "5"}, zones=3, brokers=3)
    assert "log.message.timestamp.difference.max.ms" not in found
    assert found["log.message.timestamp.before.max.ms"] == found["log.message.timestamp.after.max.ms"] == "5"
