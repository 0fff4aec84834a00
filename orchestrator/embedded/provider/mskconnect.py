"""MSK Connect's custom plugins and worker configurations; connectors are in `mskconnect_connector`."""

# ruff: noqa: ARG001 - every verb of the table has the same signature

from __future__ import annotations

import base64
from typing import Any

from orchestrator.embedded.provider.call import Call, ResourceError, found, ignoring, removed_tags
from orchestrator.embedded.provider.model import TAGS, Field, ResourceType, Values

GONE = "NotFoundException"


def update_tags(call: Call, arn: str, olds: Values, news: Values, changed: frozenset[str]) -> None:
    """Bring the tags of any resource of the service in line."""
    if "tags" not in changed:
        return
    client = call.client("kafkaconnect")
    gone = removed_tags(olds, news)
    if gone:
        client.untag_resource(resourceArn=arn, tagKeys=gone)
    if news.get("tags"):
        client.tag_resource(resourceArn=arn, tags=news["tags"])


def tags_of(call: Call, arn: str) -> dict[str, str]:
    """Return a resource's tags."""
    return dict(call.client("kafkaconnect").list_tags_for_resource(resourceArn=arn)["tags"])


def given(news: Values, **names: str) -> Values:
    """Return the optional members of a request that the program gave, by the API's name."""
    return {api: news[name] for api, name in names.items() if news.get(name)}


# --- Custom plugin -----------------------------------------------------------------------------------------------


def _describe_plugin(call: Call, arn: str) -> Any:
    return found([GONE], lambda: call.client("kafkaconnect").describe_custom_plugin(customPluginArn=arn))


def _create_plugin(call: Call, news: Values) -> str:
    place = news["location"]["s3"]
    location = {"bucketArn": place["bucketArn"], "fileKey": place["fileKey"]}
    if place.get("objectVersion"):
        location["objectVersion"] = place["objectVersion"]
    answer = call.client("kafkaconnect").create_custom_plugin(
        name=news["name"],
        contentType=news["contentType"],
        location={"s3Location": location},
        **given(news, description="description", tags="tags"),
    )
    arn: str = call.created(answer["customPluginArn"])
    seen = call.wait(
        lambda: _describe_plugin(call, arn),
        lambda plugin: plugin is None or plugin["customPluginState"] not in {"CREATING", "UPDATING"},
        f"custom plugin {news['name']} becoming ACTIVE",
    )
    if seen is None or seen["customPluginState"] != "ACTIVE":
        why = (seen or {}).get("stateDescription", {})
        raise ResourceError(f"custom plugin {news['name']} was not created: {why.get('message', 'no reason is given')}")
    return arn


def _read_plugin(call: Call, arn: str, state: Values) -> Values | None:
    seen = _describe_plugin(call, arn)
    if seen is None or seen["customPluginState"] == "DELETING":
        return None
    revision = seen["latestRevision"]
    return {
        "name": seen["name"],
        "description": seen.get("description"),
        "contentType": revision["contentType"],
        "location": {"s3": revision["location"]["s3Location"]},
        "latestRevision": revision["revision"],
        "state": seen["customPluginState"],
        "arn": arn,
        "tags": tags_of(call, arn),
    }


def _delete_plugin(call: Call, arn: str, state: Values) -> None:
    with ignoring(GONE):
        call.client("kafkaconnect").delete_custom_plugin(customPluginArn=arn)
    call.wait(lambda: _describe_plugin(call, arn), lambda seen: seen is None, f"custom plugin {arn} going away")


# --- Worker configuration ----------------------------------------------------------------------------------------


def _create_configuration(call: Call, news: Values) -> str:
    answer = call.client("kafkaconnect").create_worker_configuration(
        name=news["name"],
        propertiesFileContent=base64.b64encode(news["propertiesFileContent"].encode()).decode(),
        **given(news, description="description", tags="tags"),
    )
    return call.created(answer["workerConfigurationArn"])


def _read_configuration(call: Call, arn: str, state: Values) -> Values | None:
    client = call.client("kafkaconnect")
    seen: Any = found([GONE], lambda: client.describe_worker_configuration(workerConfigurationArn=arn))
    if seen is None or seen.get("workerConfigurationState") == "DELETING":
        return None
    revision = seen["latestRevision"]
    return {
        "name": seen["name"],
        "description": seen.get("description"),
        "propertiesFileContent": base64.b64decode(revision["propertiesFileContent"]).decode(),
        "latestRevision": revision["revision"],
        "arn": arn,
        "tags": tags_of(call, arn),
    }


def _delete_configuration(call: Call, arn: str, state: Values) -> None:
    with ignoring(GONE):
        call.client("kafkaconnect").delete_worker_configuration(workerConfigurationArn=arn)


TYPES = (
    ResourceType(
        "aws:mskconnect/customPlugin:CustomPlugin",
        (
            Field("name", required=True, replace=True),
            Field("description", replace=True),
            Field("contentType", required=True, replace=True, choices=("JAR", "ZIP")),
            Field(
                "location",
                required=True,
                replace=True,
                fields=(
                    Field(
                        "s3",
                        required=True,
                        fields=(
                            Field("bucketArn", required=True),
                            Field("fileKey", required=True),
                            Field("objectVersion"),
                        ),
                    ),
                ),
            ),
            TAGS,
        ),
        _create_plugin,
        _read_plugin,
        _delete_plugin,
        update_tags,
    ),
    ResourceType(
        "aws:mskconnect/workerConfiguration:WorkerConfiguration",
        (
            Field("name", required=True, replace=True),
            Field("description", replace=True),
            Field("propertiesFileContent", required=True, replace=True),
            TAGS,
        ),
        _create_configuration,
        _read_configuration,
        _delete_configuration,
        update_tags,
    ),
)
