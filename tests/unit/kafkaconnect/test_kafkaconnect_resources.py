"""Custom plugins, worker configurations and tags."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.unit.kafkaconnect.conftest import archive


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


CONVERTERS = "key.converter=a.B\nvalue.converter=a.B\n"


def test_a_plugin_knows_its_archive(connect: Any) -> None:
    arn = connect.plugin()
    seen = connect.call("DescribeCustomPlugin", customPluginArn=arn)["latestRevision"]["fileDescription"]
    assert seen["fileSize"] == len(archive())
    assert len(seen["fileMd5"]) == 32


def test_a_plugin_is_a_copy_of_its_object(connect: Any) -> None:
    arn = connect.plugin()
    connect.put(b"no archive any more")
    connect.create(arn)


@pytest.mark.parametrize(
    ("data", "key", "words"),
    [
        (b"not an archive", "plugin.zip", "neither a JAR nor a ZIP"),
        (archive(inside="../../../etc/evil.jar"), "plugin.zip", "leaves its directory"),
        (archive(inside="readme.txt"), "plugin.zip", "no jar"),
        (archive(inside="x.jar").replace(b"x.jar\x50", b"x.jar\x51", 1), "plugin.zip", "cannot be read"),
        (None, "other.zip", "does not exist"),
    ],
)
def test_an_archive_that_is_none_fails_with_the_reason(connect: Any, data: bytes | None, key: str, words: str) -> None:
    arn = connect.plugin(data, state="CREATE_FAILED", key=key)
    assert words in connect.call("DescribeCustomPlugin", customPluginArn=arn)["stateDescription"]["message"]
    assert "not ACTIVE" in connect.refused("CreateConnector", **connect.request(arn)).message


def test_a_plugin_in_use_is_not_deleted(connect: Any) -> None:
    plugin = connect.plugin()
    connect.create(plugin)
    assert "orders" in connect.refused("DeleteCustomPlugin", customPluginArn=plugin).message
    other = connect.plugin(name="other")
    connect.call("DeleteCustomPlugin", customPluginArn=other)
    assert connect.refused("DescribeCustomPlugin", customPluginArn=other).status == 404


def test_a_worker_configuration_reaches_the_workers(connect: Any) -> None:
    text = encoded(CONVERTERS + "offset.flush.interval.ms=100\n")
    made = connect.call("CreateWorkerConfiguration", name="fast", propertiesFileContent=text)
    arn = made["workerConfigurationArn"]
    shown = connect.call("DescribeWorkerConfiguration", workerConfigurationArn=arn)
    assert shown["latestRevision"]["propertiesFileContent"] == text
    chosen = {"workerConfigurationArn": arn, "revision": 1}
    connect.create(connect.plugin(), workerConfiguration=chosen)
    assert connect.made[0].properties["offset.flush.interval.ms"] == "100"
    assert "orders" in connect.refused("DeleteWorkerConfiguration", workerConfigurationArn=arn).message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("key.converter=a.B\n", "no value.converter"),
        (CONVERTERS + "sasl.mechanism=PLAIN\n", "sasl.mechanism"),
        (CONVERTERS + "rest.extension.classes=a.B\n", "rest.extension.classes"),
        (CONVERTERS + "plugin.path=/\n", "plugin.path"),
        (CONVERTERS + "producer.interceptor.classes=a.B\n", "producer.interceptor.classes"),
    ],
)
def test_what_a_worker_configuration_must_not_set(connect: Any, text: str, words: str) -> None:
    error = connect.refused("CreateWorkerConfiguration", name="w", propertiesFileContent=encoded(text))
    assert words in error.message


def test_a_worker_configuration_is_base64(connect: Any) -> None:
    assert "base64" in connect.refused("CreateWorkerConfiguration", name="w", propertiesFileContent="a=b\n").message


def test_tags_of_every_kind_of_resource(connect: Any) -> None:
    arn = connect.plugin()
    connect.call("TagResource", resourceArn=arn, tags={"a": "1", "b": "2"})
    connect.call("UntagResource", resourceArn=arn, tagKeys=["a"])
    assert connect.call("ListTagsForResource", resourceArn=arn)["tags"] == {"b": "2"}
    # The tagging API writes members with capitals.
    connect.backend.invoke("TagResource", {"ResourceArn": arn, "Tags": {"c": "3"}}, None)
    assert connect.backend.tagged_resources() == [{"arn": arn, "tags": {"b": "2", "c": "3"}}]
    assert "aws:" in connect.refused("TagResource", resourceArn=arn, tags={"aws:x": "1"}).message


def test_lists_have_pages(connect: Any) -> None:
    for name in ("a1", "a2", "b"):
        connect.call("CreateWorkerConfiguration", name=name, propertiesFileContent=encoded(CONVERTERS))
    first = connect.call("ListWorkerConfigurations", maxResults=2)
    rest = connect.call("ListWorkerConfigurations", maxResults=2, nextToken=first["nextToken"])
    assert [c["name"] for page in (first, rest) for c in page["workerConfigurations"]] == ["a1", "a2", "b"]
    assert "nextToken" not in rest
    assert len(connect.call("ListWorkerConfigurations", namePrefix="a")["workerConfigurations"]) == 2
